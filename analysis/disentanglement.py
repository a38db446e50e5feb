"""`python -m analysis.disentanglement STUDY…`: does disentanglement buy better rankings of odd pictures, and better explanations?

Over the usable trials of studies that recorded both (`dsprites_outliers` does; `--measure` measures it on the models of others):
Spearman's rank correlation of each disentanglement metric with each ranking metric, with intervals over trials, p-values
adjusted over all pairs (Holm), and the same with reconstruction or the number of active latents held fixed; and a scatter of the
pairs: see `analysis.tables.associations`.

    disentanglement.csv, disentanglement.png    in the study's `figures/`, or wherever `--out` says
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.console import AsJson, command_line, run

__all__ = ["app"]

app = command_line(
    "Does disentanglement buy better rankings and explanations of odd pictures?",
    "python -m analysis.disentanglement my_study --measure",
)


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    measured: Annotated[
        bool, typer.Option("--measure", help="Measure what the studies did not record, on the models that they kept.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="With --measure: folder of data sets (default: the study's).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the table; write it and the figure."""
    from analysis.figures.association_scatter import associations_figure
    from analysis.reporting.answer import deliver
    from analysis.tables.associations import SPARE, association_table
    from analysis.tables.load import load_study

    loaded = load_study(*studies)
    if measured:
        from analysis.tables.measured import measure  # torch: only when it is asked for
        from study.metrics import plugins_of, speaking

        keys = [*speaking("disentanglement", "seconds"), *speaking("ranking", "seconds")]
        loaded = measure(loaded, plugins_of(keys), data)
    models = loaded.distinct
    table = association_table(models)
    deliver(loaded, "disentanglement", table, lambda: associations_figure(models), out, as_json, SPARE)


if __name__ == "__main__":
    run(app)
