"""`python -m analysis.tradeoff STUDY…`: which trials trade one metric best for another, and which kind of model does it.

tradeoff.png    every usable trial in the plane of two metrics, with the Pareto front, by objective
tradeoff.csv    the same trials as a table, with their knobs
rate_distortion.png, .csv    KL and reconstruction of every usable trial, with lines of equal negative ELBO

in the study's own `figures/`; of several studies in `runs/comparisons/<names>/`, or wherever `--out` says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.console import AsJson, Registry, command_line, print_json, run
from registry.place import registry_place

__all__ = ["app"]

app = command_line(
    "Show which trials trade one metric best for another, by kind of objective.",
    "python -m analysis.tradeoff example",
    "python -m analysis.tradeoff example --x kl --y mig --json",
    "python -m analysis.tradeoff study_a study_b --out comparison",
    "python -m analysis.tradeoff example --reference published_vae --reference published_beta_vae_4",
)


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths; or `example`.")],
    x: Annotated[str | None, typer.Option(help="Metric on the horizontal axis (default: the first searched one).")] = None,
    y: Annotated[str | None, typer.Option(help="Metric on the vertical axis (default: the second searched one).")] = None,
    reference: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="A published model as a mark (NAME, NAME@3); may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Print the front and a summary by objective; write tradeoff and, where there is KL, rate_distortion, as .png and .csv."""
    from analysis.figures.pareto import pareto_figure
    from analysis.figures.rate_distortion import rate_distortion_figure
    from analysis.reporting.answer import records, save, show
    from analysis.reporting.parts import table_of
    from analysis.reporting.won import front_table, variant_table
    from analysis.tables.caveats import caveats
    from analysis.tables.load import load_study
    from analysis.tables.references import references
    from analysis.tables.two_metrics import metric_pair, tradeoff_table

    loaded = load_study(*studies)
    keys = metric_pair(loaded, x, y)
    table = tradeoff_table(loaded, *keys)
    marks = references(reference or [], registry_place(registry), loaded, keys)
    note = " · validation images · numbers are trials" + (" · stars are published models" if len(marks) else "")
    files = save(loaded, "tradeoff", table, lambda: pareto_figure(loaded, *keys, marks), out, note)
    plane = ("kl", "recon")
    if set(plane) <= set(loaded.measured):
        paid = references(reference or [], registry_place(registry), loaded, plane)
        rates = loaded.usable[["study", "trial", "variant", *plane]].dropna()
        files += save(
            loaded, "rate_distortion", rates, lambda: rate_distortion_figure(loaded.trials, paid), out, " · validation images"
        )
    if as_json:
        document = {"x": keys[0], "y": keys[1], "settings": loaded.terms, "caveats": caveats(loaded)}
        return print_json(document | {"trials": records(table), "references": records(marks), "files": list(map(str, files))})
    tables = [front_table(loaded, keys), variant_table(loaded, keys)]
    return show(loaded, [*tables, table_of(marks, "Published models")] if len(marks) else tables, files)


if __name__ == "__main__":
    run(app)
