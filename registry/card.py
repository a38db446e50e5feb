"""The model card: one Markdown page that answers what a model is, where it comes from and how to use it."""

from __future__ import annotations

from collections.abc import Iterable

from registry.manifest import FOREIGN, Manifest

__all__ = ["model_card"]


def model_card(name: str, manifest: Manifest, pictures: Iterable[str] = ()) -> str:
    """Markdown.  pictures: files beside the card, such as `pictures/traversal.png`."""
    sections = [
        f"# {name}",
        manifest.description,
        _use(name, manifest),
        _table("Metrics", _metrics(manifest), note=_metrics_note(manifest)),
        *(f"![{_caption(path)}]({path})\n\n*{_caption(path)}*" for path in pictures),
        _table("Where it comes from", _lineage(manifest)),
        _table("The networks", _networks(manifest)),
        _table("Pictures in", _preprocessing(manifest)),
        _table("Checked before publishing", _parity(manifest)),
        _table("Libraries", manifest.lineage.libraries),
        _table("Tags", manifest.tags),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _use(name: str, manifest: Manifest) -> str:
    told = ", condition" if manifest.signature.classes is not None else ""
    channels, height, width = manifest.signature.image_shape
    return (
        "```python\n"
        "from registry import load\n\n"
        f'model = load("{name}")    # the newest version; NAME@3 is version 3, NAME@champion an alias\n'
        f"mu, logvar = model.encode(images{told})    # uint8 or float in [0, 1], (N, {channels}, {height}, {width})\n"
        f"again = model.decode(mu{told})             # the same shape, in [0, 1]\n"
        "```"
    )


def _metrics(manifest: Manifest) -> dict[str, str]:
    return {key: "not defined" if value is None else f"{value:.4g}" for key, value in sorted(manifest.metrics.items())}


def _metrics_note(manifest: Manifest) -> str:
    if manifest.model.architecture == FOREIGN:
        return "Made elsewhere.  What is claimed was not computed here."
    seeds = manifest.lineage.seeds
    draws = "one seed (n = 1): a single draw" if seeds == 1 else f"{seeds} seeds were trained"
    return f"Computed on the exported files by `{manifest.evaluator or 'the publisher'}`; {draws}."


def _lineage(manifest: Manifest) -> dict[str, str]:
    lineage = manifest.lineage
    digest, budget = lineage.dataset.digest, lineage.budget
    commit = f"`{lineage.git_commit}`{' with local changes' if lineage.git_dirty else ''}" if lineage.git_commit else None
    facts = {
        "Data set": f"{lineage.dataset.name} ({lineage.dataset.source})" + (f", `{digest}`" if digest else ""),
        "Study": lineage.study,
        "Trial": lineage.trial,
        "Seed": lineage.seed,
        "Budget": f"{budget.name}: {budget.steps} steps" if budget.name != "unknown" else None,
        "Configuration": f"`{lineage.config_digest}`" if lineage.config_digest else None,
        "Code": commit,
        "Hardware": ", ".join(f"{key} {value}" for key, value in lineage.hardware.items()),
        "Made": manifest.created,
    }
    return {key: str(value) for key, value in facts.items() if value not in (None, "")}


def _networks(manifest: Manifest) -> dict[str, str]:
    config = manifest.model
    facts = {"Architecture": config.architecture, "Latents": str(config.latent_dim), "Likelihood": config.likelihood.kind}
    if config.condition is not None:
        facts["Condition"] = f"{config.condition.classes} classes"
    return facts | {f"`{name}`": f"{file.size:,} bytes, `{file.sha256}`" for name, file in manifest.files.items()}


def _preprocessing(manifest: Manifest) -> dict[str, str]:
    wanted = manifest.preprocessing
    window = f", after cutting out {wanted.crop_size[0]}×{wanted.crop_size[1]}" if wanted.crop_size else ""
    return {
        "Size": f"{wanted.size[0]}×{wanted.size[1]} pixels (height×width), {wanted.mode}",
        "Crop": f"{wanted.crop}{window}",
        "Filter": wanted.resample,
        "Range": f"0…255 → {wanted.value_range[0]}…{wanted.value_range[1]}",
    }


def _parity(manifest: Manifest) -> dict[str, str]:
    parity = manifest.parity
    if parity is None:
        return {}
    return {
        "Images compared with torch": str(parity.inputs),
        "Largest difference, encoder": f"{parity.encoder_max_error:.1e}",
        "Largest difference, decoder": f"{parity.decoder_max_error:.1e}",
        "Allowed": f"{parity.atol:.0e}",
    }


def _table(title: str, rows: dict[str, str], note: str = "") -> str:
    if not rows:
        return ""
    body = "\n".join(f"| {_cell(key)} | {_cell(value)} |" for key, value in rows.items())
    return f"## {title}\n\n{note + chr(10) * 2 if note else ''}| | |\n|---|---|\n{body}"


def _cell(text: str) -> str:
    """Text that cannot break the table."""
    return " ".join(text.split()).replace("|", "\\|")


def _caption(path: str) -> str:
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("_", " ").replace("-", " ").capitalize()
