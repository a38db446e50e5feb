"""The command line of the model store: `python -m registry COMMAND`.

MODEL is a name (its newest version), NAME@ALIAS, NAME@3 or sha256:….  Exit status: 0 done, 1 `verify` found damage, 2 an
error that you can fix, in one line.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from registry import views
from registry.console import AsJson, Registry, command_line, plain, print_json, print_table
from registry.errors import NotFoundError, RegistryError
from registry.listing import print_listing
from registry.place import open_store
from registry.store import ANYWHERE, DAY
from registry.where import parse_where

__all__ = ["app"]

app = command_line(
    "The store of finished models.  MODEL: a name, NAME@ALIAS, NAME@3 or sha256:….",
    "python -m registry list --sort mig",
    'python -m registry list --where "mig >= 0.2 and recon <= 80"',
    "python -m registry list --features",
    "python -m registry show dsprites_capacity@champion",
    "python -m registry promote dsprites_capacity 3 champion",
    "python -m registry demote dsprites_capacity candidate",
    "python -m registry annotate dsprites_capacity@3 --tag purpose=paper",
    "python -m registry history dsprites_capacity",
    "python -m registry verify",
    "python -m registry repair",
    "python -m registry verify --key team.pub",
    "python -m registry sign dsprites_capacity@champion --key team.pem",
    "python -m registry diff dsprites_capacity@1 dsprites_capacity@2",
    "python -m registry gc --keep 5 --dry-run",
    "python -m registry export dsprites_capacity@champion model.tar",
    "python -m registry export dsprites_capacity@champion --to huggingface:model",
    "python -m registry import model.tar --name theirs",
    "python -m registry import --encoder enc.onnx --decoder dec.onnx --name theirs --range 0,1",
    "python -m registry pull efficientnet_lite0",
    "python -m registry encode dsprites_capacity@champion pictures --out codes.csv",
)

Reference = Annotated[str, typer.Argument(metavar="MODEL", help="A name (newest version), NAME@ALIAS, NAME@3 or sha256:….")]


@app.command("list")
def list_models(
    name: Annotated[str | None, typer.Option(help="Only models whose name matches, for example 'dsprites*'.")] = None,
    alias: Annotated[str | None, typer.Option(help="Only versions with this alias.")] = None,
    study: Annotated[str | None, typer.Option(help="Only versions from this study.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only versions trained on this data set.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="KEY[=VALUE]", help="Only versions with this tag.")] = None,
    where: Annotated[str | None, typer.Option(help='Only where this holds, e.g. "mig >= 0.2 and recon <= 80".')] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="A,B|all", help="Which metrics to show (default: those that were searched).")
    ] = None,
    sort: Annotated[str | None, typer.Option(help="A metric or a column; largest first.")] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="Smallest first.")] = False,
    features: Annotated[bool, typer.Option("--features", help="The networks of pretrained features instead.")] = False,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """All versions of all models, with their aliases and metrics."""
    if features:
        return _list_features(as_json, registry)
    conditions = parse_where(where)
    store = open_store(registry)
    rows, damage = views.listing(store, views.Filter(name, alias, study, dataset, tag, conditions))
    for line in damage:
        print(f"warning: {line}", file=sys.stderr)
    if sort is not None:
        rows = views.sorted_by(rows, sort, ascending)
    if as_json:
        return print_json(rows)
    return print_listing(rows, metrics)


@app.command()
def show(model: Reference, as_json: AsJson = False, registry: Registry = None) -> None:
    """One version: its manifest, aliases and how they moved, tags and description."""
    store = open_store(registry)
    version = store.resolve(model)
    aliases = [alias for alias, number in store.aliases(version.name).items() if number == version.number]
    tags, description = store.tags(version), store.description(version)
    moves = views.alias_moves(store.events(version.name), version.number)
    if as_json:
        notes = {"tags": tags, "description": description, "alias_moves": moves}
        return print_json(
            views.summary(version, version.facts, aliases, tags) | notes | {"manifest": version.manifest.model_dump(mode="json")}
        )
    print(f"{version}  {version.digest}\naliases: {', '.join(aliases) or 'none'}\nfiles:   {version.where}")
    if version.claimed:
        print("metrics: claimed by whoever made it; it was imported, and nobody has measured them here")
    for move in moves:
        print(f"moved:   {move['alias']} {_place(move['from'])} → {_place(move['to'])}, {move['time'][:16]}, {plain(move['by'])}")
    print(plain("".join(f"tag:     {key} = {value}\n" for key, value in tags.items()) + f"{description}\n"))
    card = version.read()["card.md"].decode(errors="replace") if "card.md" in version.manifest.files else "(no model card)"
    return print(plain(card))


@app.command()
def promote(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    version: Annotated[int, typer.Argument(help="Version number.")],
    alias: Annotated[str, typer.Argument(help="champion, candidate or any other name.")],
    expect: Annotated[str | None, typer.Option(help="Only if the alias points to this version now ('none': to nothing).")] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Point an alias to a version."""
    open_store(registry).set_alias(name, version, alias, expect=_expected(expect))
    print_json({"name": name, "version": version, "alias": alias}) if as_json else print(f"{name}@{alias} → version {version}")


@app.command()
def demote(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    alias: Annotated[str, typer.Argument(help="The alias to take away; its history stays.")],
    expect: Annotated[str | None, typer.Option(help="Only if it points to this version now.")] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Take an alias away."""
    open_store(registry).set_alias(name, None, alias, expect=_expected(expect))
    print_json({"name": name, "version": None, "alias": alias}) if as_json else print(f"{name} has no alias {alias} any more")


@app.command()
def annotate(
    model: Reference,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; KEY= takes it away.  May be repeated.")] = None,
    description: Annotated[str | None, typer.Option(help="Free text.")] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Set tags and the description of a version."""
    store = open_store(registry)
    version = store.resolve(model)
    store.annotate(version, tags=dict(_tag(text) for text in tag or []), description=description)
    tags, text = store.tags(version), store.description(version)
    print_json({"name": version.name, "version": version.number, "tags": tags, "description": text}) if as_json else print(
        f"{version}: {tags} {text}"
    )


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="Name of the model; all models if left out.")] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Everything that happened, oldest first."""
    rows = [views.event_row(event) for event in open_store(registry).events(name)]
    if as_json:
        return print_json(rows)
    columns = ("time", "name", "version", "event", "by", "details")
    return print_table(columns, [[_flat_cell(row[column]) for column in columns] for row in rows])


@app.command()
def verify(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="A name or one version; everything if left out.")] = None,
    key: Annotated[Path | None, typer.Option(help="A public key (PEM) that must have signed each version.")] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Compare every stored file with its digest.  Exit status 1 when something is damaged or, with --key, not signed."""
    store = open_store(registry)
    if not store.exists():
        raise NotFoundError(f"there is no model store in {store.where}")
    findings = damage = store.verify(model)
    if key is not None:
        from registry.signing import unsigned

        findings = damage + unsigned(store, model, key)
    if as_json:
        print_json([{"name": found.name, "version": found.version, "problem": found.problem} for found in findings])
    else:
        print("\n".join(found.problem for found in findings) or "all intact")
        if damage:
            print("`python -m registry repair` moves aside what is damaged, and goes on")
    raise typer.Exit(1 if findings else 0)


@app.command()
def repair(as_json: AsJson = False, registry: Registry = None) -> None:
    """Move what is damaged to quarantine/, put back what stood in a wrong place, and write down what is lost."""
    store = open_store(registry)
    if not store.exists():
        raise NotFoundError(f"there is no model store in {store.where}")
    done = store.repair()
    print_json(done) if as_json else print("\n".join(map(plain, done)) or "all intact: nothing to do")


@app.command()
def sign(
    model: Reference,
    key: Annotated[Path, typer.Option(help="A private key: a PEM file of an elliptic curve, without a password.")],
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Sign a version: a signature beside it, which `verify --key` and `load(…, key=)` ask for."""
    from registry.signing import Signer

    signer, store = Signer(key), open_store(registry)
    version = store.resolve(model)
    where = signer.sign(store, version)
    print_json({"name": version.name, "version": version.number, "signature": where}) if as_json else print(
        f"{version} is signed: {where}"
    )


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A model.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """What differs between the manifests of two versions."""
    store = open_store(registry)
    left, right = store.resolve(a), store.resolve(b)
    changes = views.difference(left, right)
    if as_json:
        return print_json(changes)
    return print_table(["", str(left), str(right)], [[path, *values] for path, values in changes.items()])


@app.command()
def gc(
    grace_hours: Annotated[float, typer.Option(help="Leave alone what is younger.", min=0)] = DAY / 3600,
    keep: Annotated[
        int | None, typer.Option(help="Also retire versions without an alias, but for this many newest.", min=1)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken away.")] = False,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Take away what killed processes left and, with --keep, old versions without an alias."""
    removed = open_store(registry).gc(grace=grace_hours * 3600, keep=keep, dry_run=dry_run)
    print_json(removed) if as_json else print("\n".join(removed) or "nothing to take away")


@app.command("export")
def export_model(
    model: Reference,
    bundle: Annotated[Path | None, typer.Argument(help="The bundle to write (a tar file).")] = None,
    to: Annotated[
        str | None,
        typer.Option(help="FOLDER, FILE.tar, huggingface:FOLDER, triton:FOLDER or mlflow:URI (sqlite:///FILE, http://HOST)."),
    ] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Take a version elsewhere: to a bundle, which `import` reads, or to a place that another tool reads."""
    from registry.exports import export

    if (bundle is None) == (to is None):
        raise RegistryError("export needs either a BUNDLE or --to TARGET")
    version = open_store(registry).resolve(model)
    went = export(version, f"tar:{bundle}" if bundle is not None else str(to))
    print_json({"path": went, "digest": version.digest}) if as_json else print(f"{version} → {went}")


@app.command("import")
def import_model(
    source: Annotated[
        str | None,
        typer.Argument(help="What `export` wrote: FILE.tar, FOLDER, huggingface:FOLDER or mlflow:URI#NAME@3 (or #NAME)."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Publish it under this name instead of its own.")] = None,
    encoder: Annotated[str | None, typer.Option(help="From elsewhere: FILE.onnx or mlflow:URI#NAME; image → mu, logvar.")] = None,
    decoder: Annotated[str | None, typer.Option(help="Its other half: latents → pictures.")] = None,
    value_range: Annotated[str | None, typer.Option("--range", help="What it expects for black,white: 0,1 or -1,1.")] = None,
    pixels: Annotated[str, typer.Option(help="What it answers: range, logits, or clip (the range, a little beyond).")] = "range",
    latent_dim: Annotated[int | None, typer.Option(help="Number of its latents, where the files leave it open.", min=1)] = None,
    image_shape: Annotated[str | None, typer.Option(help="Its C,H,W, where the files leave them open.")] = None,
    dataset: Annotated[str, typer.Option(help="What it was trained on.")] = "unknown",
    claim: Annotated[list[str] | None, typer.Option(help="METRIC=VALUE, unchecked: claimed_METRIC.  May be repeated.")] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Publish what `export` took elsewhere, with the same digest; or a pair of networks made elsewhere (--encoder, --decoder)."""
    store = open_store(registry)
    if (source is None) == (encoder is None and decoder is None):
        raise RegistryError("import needs either a SOURCE or --encoder and --decoder")
    if source is not None:
        if value_range or latent_dim or image_shape or claim:
            raise RegistryError("--range, --latent-dim, --image-shape and --claim go with --encoder and --decoder")
        from registry.exports import bring_in

        version = bring_in(store, source, name)
    else:
        from registry.foreign_words import bring_in_words

        source = f"{encoder} and {decoder}"
        words = {"range": value_range, "pixels": pixels, "latent_dim": latent_dim, "image_shape": image_shape, "dataset": dataset}
        version = bring_in_words(store, name, encoder, decoder, words, claim or [])
    row = {"name": version.name, "version": version.number, "digest": version.digest}
    print_json(row) if as_json else print(f"{source} → {version}  {version.digest}")


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="A network of pretrained image features: efficientnet_lite0.")],
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Make a network of pretrained image features (ONNX) from installed weights, for `python -m analysis.rank`."""
    from registry.feature_export import pull as pull_features

    record = pull_features(name, registry).record
    if as_json:
        return print_json(record.model_dump(mode="json"))
    return print(
        f"{record.name}: {record.dimensions} features of {record.side}×{record.side} pictures, {record.licence}, {record.sha256}"
    )


@app.command()
def encode(
    model: Reference,
    images: Annotated[list[Path], typer.Argument(help="Picture files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="The CSV file to write: file, mu_0 …, logvar_0 ….")],
    condition: Annotated[int | None, typer.Option(help="Class label of all pictures, for a conditional model.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of the processor; onnxruntime chooses if left out.", min=1)] = None,
    provider: Annotated[str, typer.Option(help="onnxruntime's, for example CUDAExecutionProvider.")] = "CPUExecutionProvider",
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """The codes of picture files, by the model's own preprocessing."""
    from models.files import write_atomically
    from registry.inference import load

    paths = _picture_files(images)
    loaded = load(model, registry=registry, threads=threads, providers=[provider])
    mu, logvar = loaded.encode_files(paths, condition)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    latents = range(loaded.signature.latent_dim)
    table.writerow(["file", *(f"mu_{d}" for d in latents), *(f"logvar_{d}" for d in latents)])
    table.writerows([path, *mu[row].tolist(), *logvar[row].tolist()] for row, path in enumerate(paths))
    write_atomically(out, text.getvalue())
    print_json({"out": str(out), "pictures": len(paths), "model": loaded.name}) if as_json else print(f"{len(paths)} → {out}")


def _picture_files(places: list[Path]) -> list[Path]:
    """The files themselves, and all files in and below the folders, sorted."""
    from models.picture_files import walk

    files = []
    for place in places:
        files += walk(place) if place.is_dir() else [place]
    if not files:
        raise RegistryError(f"there are no files in {', '.join(map(str, places))}")
    return files


def _list_features(as_json: bool, registry: Path | str | None) -> None:
    from registry.features import feature_rows

    rows, damage = feature_rows(registry)
    for line in damage:
        print(f"warning: {line}", file=sys.stderr)
    columns = ["name", "version", "dimensions", "side", "licence", "sha256"]
    print_json(rows) if as_json else print_table(columns, [[str(row[column]) for column in columns] for row in rows])


def _expected(text: str | None) -> Any:
    if text is not None and text != "none" and not (text.isascii() and text.isdigit()):
        raise RegistryError(f"--expect is a version number or 'none', but got {text!r}")
    return ANYWHERE if text is None else None if text == "none" else int(text)


def _place(number: int | None) -> str:
    return "nothing" if number is None else str(number)


def _tag(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise RegistryError(f"a tag is KEY=VALUE, but got {text!r}")
    return key, value or None


def _flat_cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={inner}" for key, inner in value.items() if inner is not None)
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
