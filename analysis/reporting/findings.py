"""What the trials say: γ decay at equal KL, the knobs, training, seeds, how metrics agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from scipy.stats import spearmanr

from analysis.figures.against_kl import against_kl, differences
from analysis.figures.correlation import correlation, rank_correlations
from analysis.figures.effect import effect
from analysis.figures.importance_bars import importance
from analysis.figures.learning_curves import learning_curves, schedules
from analysis.figures.seeds import ONE_SEED, seed_spread, variance_parts
from analysis.reporting.parts import FEW, Picture, Section, Table, picture
from analysis.tables.equal_kl import CALIPER, POST_TREATMENT, equal_kl_table, verdicts
from analysis.tables.importance import LEAST, knob_importance
from analysis.tables.load import Studies, directions_of, groups, knobs
from analysis.tables.names import knob_label, metric_name, number
from study.records.winners import standing_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["agreement", "at_equal_kl", "knob_effects", "seeds", "training"]

EQUAL_KL = "γ decay, constant γ and β at equal KL"
SHOWN_KNOBS = (
    "architecture", "latent_dim", "learning_rate", "beta_vae/beta", "capacity/gamma_max", "capacity/capacity_max",
    "capacity/gamma_ratio",
)  # fmt: skip


def at_equal_kl(studies: Studies, keys: tuple[str, str]) -> Section | None:
    """γ decay against constant γ against β; None where the trials have no KL or are all of one kind."""
    usable = studies.usable
    if "kl" not in usable.columns or usable["variant"].nunique() < 2:
        return None
    metrics = [key for key in keys if key != "kl"]
    table = equal_kl_table(studies.trials, metrics)
    lead = [
        "A model that spends more KL reconstructs better, whatever its objective, so kinds of objective are compared at "
        f"equal KL: each trial with one of another kind whose KL differs by at most {CALIPER:.0%}.",
        POST_TREATMENT,
    ]
    if len(usable) < FEW:
        return Section(EQUAL_KL, [*lead, f"{len(usable)} usable trials are too few for a chart."], verdicts(table))
    count = len(metrics)
    pictures = [
        picture(
            lambda *axes: [
                against_kl(studies.trials, metric, legend=ax is axes[-1], ax=ax) for ax, metric in zip(axes, metrics, strict=True)
            ],
            "What each trial gets for the KL it pays.",
            size=(4.4 * count + 2, 3.9),
            axes=count,
        ),
        picture(
            lambda *axes: [differences(table, metric, ax=ax) for ax, metric in zip(axes, metrics, strict=True)],
            "Median differences between pairs of trials of equal KL with 95 % intervals, of fewer than six pairs their range.",
            size=(5.6 * count, 0.42 * max(3, table["n"].gt(0).sum() / count) + 1.7),
            axes=count,
        ),
    ]
    shown = [
        [row["a"], row["b"], metric_name(row["metric"]), *(number(row[k]) for k in ("median", "low", "high", "n", "unmatched"))]
        for row in table.to_dict("records")
    ]
    columns = ["a", "b", "metric", "median a − b", "low", "high", "n", "a without match"]
    tables = [Table("All pairs at equal KL", columns, shown, left=("a", "b", "metric"), folded=True)]
    return Section(EQUAL_KL, lead, verdicts(table), pictures, tables)


def knob_effects(studies: Studies, keys: tuple[str, str]) -> Section:
    """Every knob against both metrics, and which matter."""
    varied = knobs(studies.usable)
    shown = [knob for knob in SHOWN_KNOBS if knob in varied] + [
        knob for knob in varied if "/" not in knob and knob not in SHOWN_KNOBS
    ]
    lead = [
        "The search moved all knobs at once and favoured what did well, so these are associations among its trials, not "
        "experiments. Bars beside the points: medians with 95 % intervals over trials, of fewer than six their "
        "range; ρ: Spearman's rank correlation."
    ]
    if len(studies.usable) < FEW:
        return Section("The knobs", [f"{len(studies.usable)} usable trials are too few to say what a knob does."])
    points, bars = _importances(studies, keys)
    pictures = [_effects(studies.trials, knob, keys) for knob in shown if knob != "objective"]
    return Section("The knobs", lead, points, [*bars, *pictures])


def training(studies: Studies, front: pd.DataFrame) -> Section:
    """Learning curves of the Pareto models with their schedules."""
    (record,) = studies.records.values()
    shown = standing_for(front, record, 5).to_dict("records")
    labels = {int(row["trial"]): f"trial {int(row['trial'])}: {row['variant']}" for row in shown}
    histories = studies.histories
    if histories.empty or not labels:
        return Section("Training", ["No finished training has a history yet."])

    def curves(left: Axes, right: Axes) -> None:
        learning_curves(histories, labels, "recon", legend=False, ax=left)
        learning_curves(histories, labels, "kl", ax=right)

    pictures = [
        picture(curves, "Losses of training batches of the Pareto models; one line a seed.", size=(10.6, 3.4), axes=2),
        picture(
            lambda ax: schedules(histories, labels, ax=ax),
            "The schedules beneath them: solid β, dashed γ, dotted C, each as a share of its maximum.",
            size=(7.6, 2.8),
        ),
    ]
    return Section("Training", pictures=pictures)


def seeds(studies: Studies, keys: Sequence[str]) -> Section:
    """The spread over seeds; where there is one seed, that this is so."""
    if studies.replicates.empty or studies.replicates.groupby(["study", "trial"]).size().max() < 2:
        return Section("Seeds", [ONE_SEED + "."])

    def draw(*axes: Axes) -> None:
        for ax, key in zip(axes, keys, strict=True):
            seed_spread(studies.replicates, key, ax=ax)

    pictures = [
        picture(draw, "Every trained seed, by trial.", size=(6.8 * len(keys), 3.6), axes=len(keys)),
        picture(
            lambda ax: variance_parts(studies.replicates, list(keys), ax=ax),
            "What the variance over trained models comes from: variance components, without what groups explain by chance.",
            size=(8, 2.4),
        ),
    ]
    return Section("Seeds", pictures=pictures)


def agreement(studies: Studies) -> Section | None:
    """Rank correlations between all metrics that vary; None with fewer than two of them."""
    keys = [key for key in studies.measured if studies.usable[key].nunique() > 1]
    if len(keys) < 2:
        return None
    if len(studies.usable) < FEW:
        return Section("Do the metrics agree?", [f"{len(studies.usable)} usable trials are too few to say."])
    table = rank_correlations(studies.trials, keys)
    drawn = picture(
        lambda ax: correlation(table, len(studies.usable), ax=ax),
        "Spearman's ρ over usable trials, every metric turned so that higher is better. Blue: a trade-off.",
        size=(1.2 + 0.75 * len(keys) + 2, 1 + 0.6 * len(keys) + 0.8),
    )
    return Section("Do the metrics agree?", pictures=[drawn])


def _effects(trials: pd.DataFrame, knob: str, keys: tuple[str, str]) -> Picture:
    def draw(left: Axes, right: Axes) -> None:
        effect(trials, knob, keys[0], legend=False, ax=left)
        effect(trials, knob, keys[1], ax=right)

    return picture(draw, _association(trials, knob, keys), size=(10.4, 3.1), axes=2)


def _association(trials: pd.DataFrame, knob: str, keys: tuple[str, str]) -> str:
    """In words: with which metric a knob goes, by rank; of a choice, its best value by median."""
    told = []
    for key in keys:
        rows = trials[trials["usable"]].dropna(subset=[knob, key])
        if not pd.api.types.is_numeric_dtype(rows[knob]):
            medians = rows.groupby(knob)[key].median()
            best = medians.idxmin() if directions_of([key])[0] == "minimize" else medians.idxmax()
            told.append(f"{best} has the best median {metric_name(key)}")
        elif len(rows) >= FEW and rows[knob].nunique() > 1 and rows[key].nunique() > 1:
            rho = float(spearmanr(rows[knob], rows[key]).statistic)
            way = "rises" if rho > 0 else "falls"
            follows = f"{way} with it" if abs(rho) >= 0.5 else "hardly follows it"
            told.append(f"{metric_name(key)} {follows} (ρ = {number(round(rho, 2))})")
    return f"{knob_label(knob)}: {', '.join(told) or 'too few trials to say'}."


def _importances(studies: Studies, keys: tuple[str, str]) -> tuple[list[str], list[Picture]]:
    """For both metrics: the knobs that all trials share, then those of each objective with enough trials.

    Sentences where a forest predicts nothing of trials it has not seen, or the trials are too few; bars where it does.
    """
    sets = [("all objectives", studies.trials)]
    enough = [(name, rows) for name, rows in groups(studies.trials, "objective") if rows["usable"].sum() >= LEAST]
    sets += [(name.replace("_", "-"), rows) for name, rows in enough if len(rows) < len(studies.trials)]
    points, found = [], []
    for name, rows in sets:
        for key in keys:
            table = knob_importance(rows, key)
            if table.empty or table["r2"].iloc[0] <= 0:
                why = f"needs {LEAST} usable trials that differ" if table.empty else "predicts nothing of trials it has not seen"
                points.append(f"Importance for {metric_name(key)}, {name}: a forest {why}, so no knob is named.")
                continue
            first = knob_label(str(table["knob"].iloc[0]))
            text = f"{first} matters most for {metric_name(key)} ({name}): what shuffling a knob costs a forest on unseen trials."
            found.append(
                picture(lambda ax, table=table, key=key: importance(table, key, ax=ax), text, size=(5.5, 1.6 + 0.3 * len(table)))
            )
    return points, found
