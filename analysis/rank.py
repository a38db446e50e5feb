"""`python -m analysis.rank FOLDER`: the odd pictures of a folder, ranked and explained.

ranking.csv     rank, file, score, … of every picture
ranking.json    the same with how it was made and the explanations' numbers
ranking.html    one page with pictures, bars and heat maps; needs nothing beside it
model.vae       the model, where none was given and one was trained here: `--model OUT/model.vae` uses it again
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.console import AsJson, Registry, command_line, print_json, run

if TYPE_CHECKING:
    from analysis.ranking.rank_batch import Ranking

__all__ = ["app"]

app = command_line(
    "Rank the pictures of a folder by how odd they are among the others, and say why.",
    "python -m analysis.rank photos",
    "python -m analysis.rank photos --model dsprites_capacity@champion --top 5",
    "python -m analysis.rank photos --reference clean_photos --fdr 0.05 --copy-top odd",
)


@app.command()
def rank(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures; sub-folders are included.")],
    model: Annotated[
        str | None, typer.Option(help="A published model (NAME, NAME@ALIAS, NAME@3) or a .vae file; left out: one is trained.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Outlier score: a file name of models/outlier_scores; left out: the best measured one.")
    ] = None,
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
    from analysis.ranking.rank_folder import rank_folder
    from models.outlier_scores import DEFAULT_SCORE

    out = out or Path("runs") / "rankings" / folder.resolve().name
    left_out = _listed(exclude)
    record, order = rank_folder(folder, out, model, score or DEFAULT_SCORE, reference, fdr, top, left_out, registry, seed)
    if copy_top is not None:
        _copy(folder, record, top, copy_top)
    print_json(record) if as_json else _summary(record, order, out)


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
