"""`python -m analysis.explore MODEL`: one page to play with a model: move its latents, map its pictures, morph, sample.

explore.html runs the model's own ONNX files in the browser (`analysis.explorer`).  It needs nothing beside it, works from a file,
offline, and asks for nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.console import Registry, command_line, make_console, run

if TYPE_CHECKING:
    from analysis.explorer.subject import Subject

__all__ = ["app"]

app = command_line(
    "Write a page that runs a model in the browser: latents to move, a map, morphs, samples, odd ones.",
    "python -m analysis.explore dsprites_capacity@champion",
    "python -m analysis.explore my_study --trial 13",
    "python -m analysis.explore folder@champion --pictures photos --out photos.html",
)


@app.command()
def main(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|STUDY",
            help="A published model (NAME, NAME@ALIAS, NAME@3), a .vae file, a folder with one, or a study.",
        ),
    ],
    trial: Annotated[int | None, typer.Option(help="Of a study: which trial (default: the first of its front).", min=0)] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of pictures to explore it with (default: what it was trained on).")
    ] = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("explore.html"),
    data: Annotated[Path | None, typer.Option(help="Folder of data sets (default: data, or $VAE_DATA).")] = None,
    registry: Registry = None,
) -> None:
    """Write explore.html."""
    from analysis.explorer import subject
    from analysis.explorer.page import explorer_page
    from models.files import write_atomically

    if out.is_dir():
        out = out / "explore.html"
    console = make_console()
    explored = _find(model, trial, registry)
    found, notes = subject.pictures_of(explored, pictures, data)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, explorer_page(explored, found, notes))
    for note in notes:
        console.print(f"note      {note}")
    console.print(f"written   {out}  ({out.stat().st_size / 2**20:.1f} MB): {explored.name}, {len(found.images)} pictures")


def _find(model: str, trial: int | None, registry: Path | None) -> Subject:
    """A study where the name is one, a model file where it is one, else a published model."""
    from analysis.explorer import subject
    from analysis.tables.load import EXAMPLE
    from models.errors import UserError
    from models.files import is_url
    from study.records.folder import runs_folder

    model = str(EXAMPLE) if model == "example" else model
    is_study = is_url(model) or any((path / "study.json").is_file() for path in (Path(model), runs_folder() / model))
    if is_study:
        return subject.trial(model, trial)
    if trial is not None:
        raise UserError(f"--trial is for a study, and {model} is not one in {runs_folder()}")
    if Path(model).is_dir():  # a folder of pictures, or what `analysis.rank --score` made of one
        if not (Path(model) / "model.vae").is_file():
            raise UserError(f"{model} is a folder without a model: name one, python -m analysis.explore MODEL --pictures {model}")
        model = str(Path(model) / "model.vae")
    return subject.saved(Path(model)) if model.endswith(".vae") else subject.published(model, registry)


if __name__ == "__main__":
    run(app)
