"""`python -m analysis.rank FOLDER`: the odd pictures of a folder, ranked and explained.

ranking.csv     rank, file, score, … of every picture
ranking.json    the same with how it was made, and why
ranking.html    one page, which needs nothing beside it but the originals that it links
model.vae       the model, where one was trained here (`--score`): `--model OUT/model.vae` uses it again

Pictures are compared by views (`study.views`), and nothing is trained.  With `--model` or `--score` they are ranked by one
outlier score of a VAE instead.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.console import AsJson, Registry, command_line, print_json, run

__all__ = ["app"]

CLAIM = ".folder"  # in an output folder that was named here: whose it is

app = command_line(
    "Rank the pictures of a folder by how odd they are among the others, and say why.",
    "python -m analysis.rank photos",
    "python -m analysis.rank photos --exclude marks.csv --views pixels,statistics",
    "python -m analysis.rank photos --model dsprites_capacity@champion --top 5",
    "python -m analysis.rank photos --reference clean_photos --fdr 0.05 --copy-top odd",
)


@app.command()
def rank(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures; sub-folders are included.")],
    model: Annotated[
        str | None, typer.Option(help="Rank by a VAE: a published model (NAME, NAME@ALIAS, NAME@3) or a .vae file.")
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(help="Rank by one outlier score, a file name of models/outlier_scores; trains a VAE without --model."),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            help="Ways to compare pictures, file names of study/views, comma-separated; left out: all that need no VAE."
        ),
    ] = None,
    crop: Annotated[bool, typer.Option("--crop", help="Compare only the middle square of each picture, not the whole.")] = False,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="What counts as ordinary, with p-values: a folder of clean pictures, or marks.csv (those marked fine)."
        ),
    ] = None,
    fdr: Annotated[float, typer.Option(help="With --reference: share of ordinary pictures tolerated among the selected.")] = 0.1,
    top: Annotated[int, typer.Option(help="How many pictures to explain.", min=0)] = 20,
    exclude: Annotated[
        Path | None,
        typer.Option(
            help="Pictures to leave out: a text of one path below FOLDER a line, or the page's marks.csv (those marked odd)."
        ),
    ] = None,
    copy_top: Annotated[Path | None, typer.Option(help="Copy the explained pictures there, named by rank.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; default runs/rankings/<folder's name>.")] = None,
    seed: Annotated[int, typer.Option(help="Of the resampling, and of the training where a model is trained.", min=0)] = 0,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """The odd pictures of FOLDER, the oddest first."""
    from analysis.ranking.marks import listed
    from analysis.ranking.rank_views import DEFAULT_VIEWS
    from analysis.ranking.view_folder import view_folder
    from models.errors import UserError

    by_vae = model is not None or score is not None
    if by_vae and (views is not None or crop):
        raise UserError("--views and --crop are for rankings without a VAE: leave out --model and --score")
    for option, target in (("--out", out), ("--copy-top", copy_top)):
        if target is not None and target.resolve() == folder.resolve():  # what is marked as output is never ranked again
            raise UserError(f"{option} must be another folder than the pictures', but both are {folder}")
    unnamed, out = out is None, out or _default_out(folder)
    left_out = () if exclude is None else listed(exclude, "odd")
    if by_vae:
        from analysis.ranking.rank_folder import rank_folder
        from models.outlier_scores import DEFAULT_SCORE

        record, _ = rank_folder(folder, out, model, score or DEFAULT_SCORE, reference, fdr, top, left_out, registry, seed)
    else:
        chosen = DEFAULT_VIEWS if views is None else tuple(dict.fromkeys(views.split(",")))
        record, _ = view_folder(folder, out, chosen, reference, fdr, top, left_out, registry, seed, crop)
    if unnamed:
        (out / CLAIM).write_text(_digest(folder))
    if copy_top is not None:
        _copy(folder, record, top, copy_top)
    print_json(record) if as_json else _summary(record, out)


def _default_out(folder: Path) -> Path:
    """runs/rankings/<name>; where another folder of that name was ranked there, its path's digest is added."""
    out = Path("runs") / "rankings" / folder.resolve().name
    claimed = out / CLAIM
    if out.exists() and (not claimed.exists() or claimed.read_text() != _digest(folder)):
        return out.with_name(f"{out.name}-{_digest(folder)[:8]}")
    return out


def _digest(folder: Path) -> str:
    import hashlib

    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()


def _copy(folder: Path, record: dict[str, Any], top: int, target: Path) -> None:
    from models.picture_files import mark_output

    mark_output(target)
    for entry in record["pictures"][:top]:
        source = folder / entry["file"]
        ending = source.suffix[:16]
        shutil.copy2(
            source, target / f"{entry['rank']:04d}-{_short(source.name.removesuffix(ending), 240 - len(ending.encode()))}{ending}"
        )


def _short(name: str, size: int) -> str:
    """At most `size` bytes: file systems allow 255."""
    return os.fsencode(name)[:size].decode("utf-8", "ignore")


def _summary(record: dict[str, Any], out: Path) -> None:
    count = len(record["pictures"])
    answer = {"odd": f"{record['stand_out']} of {count} pictures stand out"}.get(record["verdict"], record["verdict"])
    print(f"{count} pictures ranked: {answer}")
    for note in record["notes"]:
        print(_line(f"note: {note}"))
    for bad in record["unreadable"]:
        print(_line(f"unreadable: {bad['file']}: {bad['reason']}"))
    for entry in record["pictures"][:10]:
        mark = " *" if entry["stands_out"] else ""
        print(_line(f"{entry['rank']:5d}  {entry['score']:10.2f}  {entry['file']}{mark}  {entry.get('reason', '')}"))
    print(f"{out / 'ranking.html'}")


def _line(text: str) -> str:
    """One line, whatever is in a file's name."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


if __name__ == "__main__":
    run(app)
