"""`python -m analysis.rank FOLDER`: the odd pictures of a folder, ranked and explained.

ranking.csv     rank, file, score, … of every picture
ranking.json    the same with how it was made and the explanations' numbers
ranking.html    one page with pictures, bars and heat maps; needs nothing beside it
model.vae       the model, where none was given and one was trained here: `--model OUT/model.vae` uses it again
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from analysis.explanation import Explanation, explain
from analysis.open_model import OpenModel, from_codec, open_model
from analysis.pictures import PictureSet, find_files, fitting_preprocessing, read_pictures
from analysis.rank_page import rank_page
from analysis.ranking import Ranking, encode_batch, rank_batch
from models.checkpoint import save_model
from models.codec import TorchCodec
from models.errors import UserError
from models.files import write_atomically
from models.outlier_score import DEFAULT_SCORE, Batch, needs
from registry.console import AsJson, Registry, command_line, print_json, run

__all__ = ["app", "rank_folder"]

app = command_line("Rank the pictures of a folder by how odd they are among the others, and say why.")


@app.command()
def rank(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures; sub-folders are included.")],
    model: Annotated[
        str | None, typer.Option(help="A published model (NAME, NAME@ALIAS, NAME@3) or a .vae file; left out: one is trained.")
    ] = None,
    score: Annotated[str, typer.Option(help="Outlier score: a file name of models/outlier_scores.")] = DEFAULT_SCORE,
    reference: Annotated[
        Path | None, typer.Option(help="Folder of clean pictures: what counts as ordinary, and p-values.")
    ] = None,
    fdr: Annotated[float, typer.Option(help="With --reference: share of ordinary pictures tolerated among the selected.")] = 0.1,
    top: Annotated[int, typer.Option(help="How many pictures to explain.", min=0)] = 20,
    exclude: Annotated[
        Path | None, typer.Option(help="Text file of pictures to leave out, one path below FOLDER a line.")
    ] = None,
    copy_top: Annotated[Path | None, typer.Option(help="Copy the explained pictures there, named by rank.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; default runs/rankings/<folder's name>.")] = None,
    seed: Annotated[int, typer.Option(help="Of the resampling, and of the training where a model is trained.")] = 0,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """The odd pictures of FOLDER, the oddest first."""
    out = out or Path("runs") / "rankings" / folder.resolve().name
    record, order = rank_folder(folder, out, model, score, reference, fdr, top, _listed(exclude), registry, seed)
    if copy_top is not None:
        _copy(folder, record, top, copy_top)
    print_json(record) if as_json else _summary(record, order, out)


def rank_folder(
    folder: Path,
    out: Path,
    model: str | None = None,
    score: str = DEFAULT_SCORE,
    reference: Path | None = None,
    fdr: float = 0.1,
    top: int = 20,
    exclude: tuple[str, ...] = (),
    registry: Path | None = None,
    seed: int = 0,
) -> tuple[dict[str, Any], Ranking]:
    """Rank a folder and write the three files into `out`; returns what ranking.json holds, and the ranking.

    Raises `UserError` for bad input of any kind; no ranking is written then.
    """
    asked = needs(score)
    files = find_files(folder, exclude)
    opened = open_model(model, registry) if model is not None else None
    preprocessing = opened.preprocessing if opened else fitting_preprocessing(files)
    pictures = read_pictures(folder, files, preprocessing, "reading pictures")
    if len(pictures) < 3:
        raise UserError(f"a ranking needs at least 3 pictures, but {folder} has {len(pictures)}")
    clean = None if reference is None else read_pictures(reference, find_files(reference), preprocessing, "reading reference")
    opened = opened or _train(pictures, folder, out, seed)
    if opened.config.condition is not None:
        raise UserError(f"{opened.name} is told each picture's class; a ranking needs a model without a condition")
    batch = _encode(opened, pictures, asked)
    ranking = rank_batch(batch, score, None if clean is None else _encode(opened, clean, asked), fdr, seed=seed)
    explanations = explain(opened.codec, pictures.images, ranking, ranking.order[:top])
    facts = _facts(opened, pictures, clean, ranking, fdr, seed)
    record = _record(pictures, ranking, explanations, facts)
    page = rank_page(
        folder.resolve().name, opened.codec, pictures.images, pictures.names, ranking, explanations, facts, fdr, pictures.notes
    )
    write_atomically(out / "ranking.csv", _csv(record["pictures"]))
    write_atomically(out / "ranking.html", page)
    write_atomically(out / "ranking.json", json.dumps(record, indent=1))
    return record, ranking


def _train(pictures: PictureSet, folder: Path, out: Path, seed: int) -> OpenModel:
    from analysis.quick_model import train_on

    print(f"no --model: training a small one on the {len(pictures)} pictures", file=sys.stderr)
    model = train_on(pictures.images, folder.resolve().name, seed)
    save_model(model, out / "model.vae")
    return from_codec(TorchCodec(model), model.config, "trained on these pictures")


def _encode(opened: OpenModel, pictures: PictureSet, asked: tuple[str, ...]) -> Batch:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("encoding", total=len(pictures))
        return encode_batch(opened.codec, pictures.images, asked, lambda done: progress.update(task, completed=done))


def _facts(
    opened: OpenModel, pictures: PictureSet, clean: PictureSet | None, ranking: Ranking, fdr: float, seed: int
) -> dict[str, str]:
    channels, height, width = pictures.images.image_shape
    facts = {
        "pictures": str(len(pictures)),
        "seen as": f"{width}×{height} {'grey' if channels == 1 else 'colour'}",
        "model": opened.name,
        "latents": str(opened.config.latent_dim),
        "score": ranking.score,
        "context": "the folder itself" if clean is None else f"{len(ranking.context)} of {len(clean)} reference pictures",
        "seed": str(seed),
    }
    return facts if clean is None else {**facts, "false discovery rate": f"{fdr:g}"}


def _record(pictures: PictureSet, ranking: Ranking, explanations: list[Explanation], facts: dict[str, str]) -> dict[str, Any]:
    explained = {e.row: e for e in explanations}
    return {
        "verdict": ranking.verdict,
        "stand_out": int(ranking.stand_out.sum()),
        "made_with": facts,
        "notes": [*pictures.notes, *ranking.notes],
        "pictures": [_entry(pictures, ranking, int(row), explained.get(int(row))) for row in ranking.order],
    }


def _entry(pictures: PictureSet, ranking: Ranking, row: int, e: Explanation | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "rank": int(ranking.ranks[row]),
        "file": pictures.names[row],
        "score": float(ranking.scores.values[row]),
        "rank_low": int(ranking.low[row]),
        "rank_high": int(ranking.high[row]),
        "stands_out": bool(ranking.stand_out[row]),
        "p_value": None if ranking.p_values is None else float(ranking.p_values[row]),
    }
    if ranking.scores.parts is not None:
        entry |= {
            "leading_latent": int(ranking.scores.parts[row].argmax()),
            "leading_part": float(ranking.scores.parts[row].max()),
        }
    if e is None:
        return entry
    told: dict[str, Any] = {"error_ratio": e.error_ratio, "typical": [pictures.names[other] for other in e.typical]}
    if e.parts is not None:
        told |= {"parts": e.parts.tolist(), "not_in_the_latents": e.rest}
    if e.counterfactual is not None:
        c = e.counterfactual
        told["counterfactual"] = {
            "latents": list(c.latents),
            "rank_before": c.before,
            "rank_redrawn": c.redrawn,
            "rank_after": c.after,
        }
    return {**entry, "explanation": told}


def _csv(entries: list[dict[str, Any]]) -> str:
    columns = [column for column in entries[-1] if column != "explanation"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return text.getvalue()


def _listed(exclude: Path | None) -> tuple[str, ...]:
    if exclude is None:
        return ()
    return tuple(line.strip() for line in exclude.read_text(encoding="utf-8").splitlines() if line.strip())


def _copy(folder: Path, record: dict[str, Any], top: int, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in record["pictures"][:top]:
        source = folder / entry["file"]
        shutil.copy2(source, target / f"{entry['rank']:04d}-{source.name}")


def _summary(record: dict[str, Any], ranking: Ranking, out: Path) -> None:
    answer = {"odd": f"{record['stand_out']} of {len(ranking)} pictures stand out"}.get(ranking.verdict, ranking.verdict)
    print(f"{len(ranking)} pictures ranked: {answer}")
    for note in record["notes"]:
        print(f"note: {note}")
    for entry in record["pictures"][:10]:
        mark = " *" if entry["stands_out"] else ""
        print(f"{entry['rank']:5d}  {entry['score']:10.2f}  {entry['file']}{mark}")
    print(f"{out / 'ranking.html'}")


if __name__ == "__main__":
    run(app)
