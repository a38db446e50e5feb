"""`python -m analysis.disentanglement STUDY…`: does disentanglement buy better rankings of odd pictures, and better explanations?

Over the usable trials of studies that recorded both (`dsprites_outliers` does; `--measure` measures it on the models of others):
Spearman's rank correlation of each disentanglement metric with each ranking metric, with bootstrap intervals over trials, and a
scatter of the pairs.

    disentanglement.csv, disentanglement.png    in the study's `figures/`, or wherever `--out` says

A correlation over trials of a search is an association among the points it chose.  Reconstruction is a common cause of both:
a model that sees nothing is bad at either.  So each correlation is also given with `recon` held fixed (partial rank correlation).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from analysis.figures.style import caption, new_figure, png, themed
from analysis.tables.caveats import caveats, provenance
from analysis.tables.load import load_study
from analysis.tables.names import axis_label, looks, number
from analysis.tables.tradeoff import output_folder
from models.errors import UserError
from models.files import write_atomically
from registry.console import AsJson, command_line, print_json, print_table, run

__all__ = ["association_table", "associations_figure", "rank_correlation"]

app = command_line("Does disentanglement buy better rankings and explanations of odd pictures?")

DISENTANGLEMENT = ("mig", "dci_disentanglement", "dci_forest_disentanglement", "factor_vae_score", "sap")
RANKING = ("outlier_auroc", "outlier_ap", "context_gain", "explanation_hit")
MEASURED = ("mig", "dci_forest", "outlier", "context_gain", "explanation_hit")
LEAST = 8
RESAMPLES = 2000

Floats = NDArray[np.float64]


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    measured: Annotated[
        bool, typer.Option("--measure", help="Measure what the studies did not record, on the models that they kept.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="With --measure: folder of data sets (default: the study's).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the table; write it and the figure."""
    loaded = load_study(*studies)
    if measured:
        from analysis.tables.measured import measure  # torch: only when it is asked for

        loaded = measure(loaded, MEASURED, data)
    models = loaded.distinct
    table = association_table(models, seed)
    target = out or output_folder(loaded)
    write_atomically(target / "disentanglement.csv", table.to_csv(index=False))
    with themed():
        figure = associations_figure(models)
        caption(figure, provenance(loaded))
        write_atomically(target / "disentanglement.png", png(figure))
    if as_json:
        return print_json(table.astype(object).where(table.notna(), None).to_dict("records"))
    print_table(list(table.columns), [[number(cell) for cell in row] for row in table.itertuples(index=False)])
    for line in caveats(loaded):
        print(f"note: {line}")
    return print(target / "disentanglement.png")


def association_table(trials: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """One row a pair: Spearman's ρ with its 95 % interval over trials, and with `recon` held fixed; n trials.

    Raises `UserError` when no pair has at least 8 trials.
    """
    rows = []
    for x, y in _pairs(trials):
        values = trials[[x, y, *(["recon"] if "recon" in trials else [])]].dropna().to_numpy(dtype=np.float64)
        low, high = _interval(values[:, :2], seed)
        held = rank_correlation(values[:, 0], values[:, 1], values[:, 2]) if values.shape[1] > 2 else float("nan")
        rho = rank_correlation(values[:, 0], values[:, 1])
        rows.append(
            {"disentanglement": x, "ranking": y, "rho": rho, "low": low, "high": high, "rho_at_recon": held, "n": len(values)}
        )
    if not rows:
        raise UserError(
            f"at least {LEAST} trials with one of {', '.join(DISENTANGLEMENT)} and one of {', '.join(RANKING)} are needed"
        )
    return pd.DataFrame(rows)


def rank_correlation(x: Floats, y: Floats, held: Floats | None = None) -> float:
    """Spearman's ρ; with `held`, the partial one: the correlation of what is left of both ranks after regressing on its rank.

    >>> x = np.arange(9.0)
    >>> rank_correlation(x, x**3), round(rank_correlation(x, -x), 9)
    (1.0, -1.0)
    """
    a, b = rankdata(x), rankdata(y)
    if held is not None:
        design = np.stack([np.ones(len(a)), rankdata(held)], axis=1)
        a, b = (v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, b))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float("nan") if scale < 1e-9 else round(float(a @ b) / scale, 12)


def associations_figure(trials: pd.DataFrame) -> Figure:
    """Scatter of MIG (or the first metric there is) against every ranking metric, coloured by kind of objective."""
    pairs = _pairs(trials)
    first = pairs[0][0] if pairs else None
    shown = [y for x, y in pairs if x == first]
    figure = new_figure(4.2 * max(len(shown), 1), 3.6)
    axes = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
    colours, markers = looks(trials["variant"].dropna())
    for ax, y in zip(axes, shown, strict=False):
        for variant, group in trials.dropna(subset=[first, y]).groupby("variant"):
            ax.scatter(
                group[first], group[y], color=colours[str(variant)], marker=markers[str(variant)], s=26, label=str(variant)
            )
        ax.set_xlabel(axis_label(str(first)))
        ax.set_ylabel(axis_label(y))
    if shown:
        axes[0].legend(fontsize=7)
    return figure


def _pairs(trials: pd.DataFrame) -> list[tuple[str, str]]:
    def there(x: str, y: str) -> bool:
        return {x, y} <= set(trials.columns) and int(trials[[x, y]].notna().all(axis=1).sum()) >= LEAST

    return [(x, y) for x in DISENTANGLEMENT for y in RANKING if there(x, y)]


def _interval(pairs: Floats, seed: int) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    drawn = [pairs[generator.integers(len(pairs), size=len(pairs))] for _ in range(RESAMPLES)]
    low, high = np.nanquantile([rank_correlation(rows[:, 0], rows[:, 1]) for rows in drawn], (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    run(app)
