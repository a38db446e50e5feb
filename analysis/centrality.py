"""`python -m analysis.centrality STUDY`: which model do the study's other models agree with most?  A choice without labels.

ModelCentrality (Lin et al. 2020): each model's decoder draws pictures in which one latent is held, the others' encoders are asked
which; see `study.metrics.model_centrality`.  Where the study measured metrics that read factors, a second table says what
choosing by centrality would have given away.  About ten minutes for 16 models of dSprites on a busy laptop; four times as long
for twice as many.

    centrality.csv, centrality.png    in the study's `figures/`, or wherever `--out` says
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.console import AsJson, command_line, print_json, run

__all__ = ["app"]

app = command_line(
    "Which model of a study the others agree with most: a choice without labels.",
    "python -m analysis.centrality my_study",
    "python -m analysis.centrality my_study --json",
)


@app.command()
def main(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Name under runs/, or a path; with its models.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the models, most central first; write them and the matrix of agreements."""
    from analysis.figures.centrality_matrix import centrality_figure
    from analysis.reporting.answer import records, save, show
    from analysis.reporting.parts import table_of
    from analysis.tables.centrality import centrality_table, judged, measure_agreements
    from analysis.tables.load import load_study

    loaded = load_study(study)
    shares = measure_agreements(loaded)
    table = centrality_table(loaded, shares)
    order = [int(trial) for trial in table["trial"]]
    files = save(loaded, "centrality", table, lambda: centrality_figure(shares, order), out)
    choices = judged(loaded, table)
    if as_json:
        print_json({"models": records(table), "choices": records(choices), "files": [str(path) for path in files]})
        return
    tables = [table_of(table, "Models, the most central first")]
    show(loaded, [*tables, *([table_of(choices, "What a choice by centrality gives away")] if len(choices) else [])], files)


if __name__ == "__main__":
    run(app)
