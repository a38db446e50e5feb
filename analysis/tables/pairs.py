"""Trials that are equal but for one knob, seed by seed, and what that knob changes among them.

A paired study (`--paired KNOB`, or a space that pairs) trains every arm, a value of the knob, with the same seeds: what differs
between two arms of a setting and seed is the knob's doing.  Studies of one grid with another `--seed` add seeds.  A *setting* is
what the other knobs are; in a paired study a knob that only some arms have belongs to the arm.  A seed is compared where both of
its arms have a usable model; how often they have none is `fates`, for a difference among survivors is not the whole story.

    arm_table        one row a setting and arm: every metric's median over seeds with its interval
    matched_table    one row a metric and two arms: their difference over all settings (`analysis.tables.blocked`)
    setting_table    the same for each setting

Up to four arms are compared each with each; more of them (every objective, say) each with the first.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.tables.blocked import blocked_effect
from analysis.tables.crossed import holm
from analysis.tables.load import Studies, knobs
from analysis.tables.names import find_metric, knob_label, metric_name, number
from models.errors import UserError
from study.records.intervals import mean_interval, median_interval, share_interval
from study.records.outcome import is_usable
from study.records.tables import read_table

__all__ = [
    "arm_table",
    "arms_of",
    "chosen_knob",
    "comparisons",
    "fates",
    "matched_table",
    "matched_verdicts",
    "pair_up",
    "paired_seeds",
    "setting_table",
]

MOST_EACH_WITH_EACH = 4
"""Arms beyond which all pairs are more than anybody reads: 14 arms have 91."""

COLUMNS = (
    "metric", "from", "to", "difference", "low", "high", "p", "p_holm", "better", "settings", "pairs", "power", "detectable",
    "low_like", "high_like",
)  # fmt: skip


def chosen_knob(studies: Studies, asked: str | None) -> str:
    """`asked`, or what these studies paired.  Raises `UserError` for a knob that did not vary, with those that did."""
    knob = asked or _paired(studies)
    varied = knobs(studies.trials)
    if knob is None or knob not in varied:
        raise UserError(f"--knob must be one that varied ({', '.join(varied) or 'none did'}), but got {knob}")
    return knob


def _paired(studies: Studies) -> str | None:
    """The knob that all of them paired, by flag or by space."""
    found = {folder.record.paired or folder.space().space.paired for folder in studies.folders.values()}
    return found.pop() if len(found) == 1 else None


def paired_seeds(studies: Studies, knob: str) -> pd.DataFrame:
    """One row a trained seed of a trial that has the knob: `setting` (text), `seed` (text), `arm`, `usable`, status, metrics."""
    roots = {name: record.seed for name, record in studies.records.items()}
    asked = {column for folder in studies.folders.values() for column in read_table(folder, "trials").columns}
    others = [other for other in knobs(studies.trials) if other in asked]
    return pair_up(studies.trials.assign(root_seed=studies.trials["study"].map(roots)), studies.replicates, knob, others)


def pair_up(trials: pd.DataFrame, replicates: pd.DataFrame, knob: str, others: Sequence[str]) -> pd.DataFrame:
    """`paired_seeds` of tables.  trials: with `root_seed`; others: the knobs that were asked for (what the tables derive from a
    configuration may be an arm's own: another objective, say)."""
    trials = trials[trials["config_digest"].notna() & (trials[knob].notna() if knob in trials else False)]
    trials = trials[~trials.duplicated(["config_digest", "root_seed"])]
    making = _making(trials, knob, others)
    keys = list(trials[making].itertuples(index=False, name=None))
    labels = _labels(making, keys)
    found = trials[["study", "trial", "root_seed"]].assign(arm=trials.get(knob), setting=[labels[str(key)] for key in keys])
    rows = replicates.drop(columns=["terms", "variant"], errors="ignore").merge(found, on=["study", "trial"])
    seed = rows["root_seed"].astype(str) + " · " + rows["replicate"].astype(str)
    return rows.assign(seed=seed, usable=rows["status"].map(is_usable))


def _making(trials: pd.DataFrame, knob: str, others: Sequence[str]) -> list[str]:
    """The columns that make a setting: the terms and the other knobs, as far as they tell settings apart.

    Trials of a paired study say with whom they pair (`pair` in their configuration): what differs within a pair is the arm's own.
    """
    kept: list[str] = []
    if trials.empty:
        return kept
    pairs = [json.loads(config).get("pair") for config in trials["config"]] if "config" in trials else [None]
    for other in ("terms", *others):
        whole = None in pairs or trials.groupby(pairs)[other].nunique(dropna=False).le(1).all()
        told = trials.groupby([*kept, other], dropna=False).ngroups > (trials.groupby(kept, dropna=False).ngroups if kept else 1)
        if other != knob and whole and told:
            kept.append(other)
    return kept


def _labels(making: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    """Rounded for people, whole for matching: what only looks alike gets a number.  A number says of which knob it is."""
    labels: dict[str, str] = {}
    for key in keys:
        if str(key) in labels:
            continue
        short = " · ".join(map(_value, making, key)) or "all"
        labels[str(key)] = short if short not in labels.values() else f"{short} ({len(labels)})"
    return labels


def _value(knob: str, value: Any) -> str:
    """
    >>> _value("architecture", "cnn"), _value("capacity/capacity_max", 25.0)
    ('cnn', 'C max 25')
    """
    named = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{knob_label(knob).partition(' (')[0]} {number(value)}" if named else number(value)


def arms_of(seeds: pd.DataFrame) -> list[Any]:
    """The knob's values: numbers in order, choices in the order they were tried."""
    values = list(pd.unique(seeds["arm"]))
    return sorted(values) if pd.api.types.is_numeric_dtype(seeds["arm"]) else values


def comparisons(seeds: pd.DataFrame) -> list[tuple[Any, Any]]:
    """(from, to): each arm with each, or where there are many each with the first."""
    arms = arms_of(seeds)
    return list(itertools.combinations(arms, 2)) if len(arms) <= MOST_EACH_WITH_EACH else [(arms[0], arm) for arm in arms[1:]]


def arm_table(seeds: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """One row a setting and arm: seeds (those with a usable model) and every metric's `median`, `low`, `high` over them.

    Columns of a metric: its name, then name_low and name_high (`study.records.intervals.median_interval`: the range of fewer
    than six).  A metric that no seed has is left out.
    """
    known = [metric for metric in metrics if metric in seeds and seeds[metric].notna().any()]
    rows = []
    for (setting, arm), part in seeds[seeds["usable"]].groupby(["setting", "arm"], sort=False):
        row: dict[str, Any] = {"setting": setting, "arm": arm, "seeds": len(part)}
        for metric in known:
            values = part[metric].dropna().to_numpy(dtype=np.float64)
            if len(values):
                found = median_interval(values)
                row |= {metric: found.median, f"{metric}_low": found.low, f"{metric}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


def differences(seeds: pd.DataFrame, metric: str, low: Any, high: Any) -> dict[Hashable, np.ndarray]:
    """{setting: metric at arm `high` minus at `low`, (seeds,)}, of the seeds that both arms have a usable model of."""
    if metric not in seeds:
        return {}
    usable = seeds[seeds["usable"] & seeds["arm"].isin([low, high])].dropna(subset=[metric])
    wide = usable.pivot_table(index=["setting", "seed"], columns="arm", values=metric, aggfunc="mean")
    if not {low, high} <= set(wide.columns):
        return {}
    change = (wide[high] - wide[low]).dropna()
    return {setting: rows.to_numpy(dtype=np.float64) for setting, rows in change.groupby(level="setting", sort=False)}


def matched_table(seeds: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """One row a metric and two arms: from, to, difference, intervals, p, Holm's p over the metrics, power, what it could detect.

    better: the settings in which `to` is better on average; pairs: seeds compared.  seeds: of `paired_seeds`.  Of many arms, each
    compared with the first, Holm's p is over metrics and arms: one of thirteen is likely to stand out by luck.
    """
    each = [_rows(seeds, metrics, low, high) for low, high in comparisons(seeds)]
    families = each if len(arms_of(seeds)) <= MOST_EACH_WITH_EACH else [list(itertools.chain(*each))]
    for family in families:
        known = [row for row in family if row["p"] == row["p"]]
        for row, adjusted in zip(known, holm([row["p"] for row in known]), strict=True):
            row["p_holm"] = adjusted
    return pd.DataFrame(list(itertools.chain(*each)), columns=list(COLUMNS))


def _rows(seeds: pd.DataFrame, metrics: Sequence[str], low: Any, high: Any) -> list[dict[str, Any]]:
    found = [(metric, by_setting) for metric in metrics if (by_setting := differences(seeds, metric, low, high))]
    return [_row(metric, low, high, by_setting) for metric, by_setting in found]


def _row(metric: str, low: Any, high: Any, by_setting: dict[Hashable, np.ndarray]) -> dict[str, Any]:
    found = blocked_effect(list(by_setting.values()))
    sign = _sign(metric)
    row = {"metric": metric, "from": low, "to": high, "difference": found.mean, "p_holm": np.nan}
    row |= {key: value for key, value in found._asdict().items() if key != "mean"}
    row |= {"better": sum(sign * each.mean() > 0 for each in by_setting.values()), "settings": len(by_setting)}
    return row | {"pairs": sum(map(len, by_setting.values()))}


def setting_table(seeds: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a setting and two arms: from, to, setting, mean difference with its t interval over seeds, n."""
    rows = [
        {"from": low, "to": high, "setting": setting, **mean_interval(each)._asdict()}
        for low, high in comparisons(seeds)
        for setting, each in differences(seeds, metric, low, high).items()
    ]
    return pd.DataFrame(rows, columns=["from", "to", "setting", "mean", "low", "high", "n"])


def fates(seeds: pd.DataFrame) -> pd.DataFrame:
    """One row an arm: seeds trained, usable, collapsed with the share's 95 % interval, and what else became of them."""
    rows = []
    for arm in arms_of(seeds):
        status = seeds.loc[seeds["arm"] == arm, "status"]
        collapsed, usable = int((status == "collapsed").sum()), int(status.map(is_usable).sum())
        low, high = share_interval(collapsed, len(status))
        row = {"arm": arm, "seeds": len(status), "usable": usable, "collapsed": collapsed, "share": collapsed / len(status)}
        rows.append(row | {"low": low, "high": high, "otherwise lost": len(status) - usable - collapsed})
    return pd.DataFrame(rows)


def matched_verdicts(table: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """In words, for these metrics: the difference, how sure it is, and what the experiment could have shown."""
    return [_verdict(row) for row in table[table["metric"].isin(metrics)].to_dict("records")]


def _verdict(row: dict[Hashable, Any]) -> str:
    metric = find_metric(row["metric"])
    unit = f" {metric.unit}" if metric is not None and metric.unit else ""
    what = f"{metric_name(row['metric'])}, {number(row['to'])} against {number(row['from'])}"
    told = f"{what}: {number(row['difference'])}{unit}"
    if row["p"] != row["p"]:
        return f"{told}, from one pair: nothing is known of chance."
    told += f" [{number(row['low'])}, {number(row['high'])}]"
    if row["p_holm"] < 0.05:
        better = "better" if _sign(row["metric"]) * row["difference"] > 0 else "worse"
        sure = f"p = {number(row['p_holm'], 2)} after Holm, {row['pairs']} pairs"
        return f"{told}, {better} in these settings ({sure}){_elsewhere(row)}."
    return (
        f"{told}: not shown (p = {number(row['p_holm'], 2)} after Holm, {row['pairs']} pairs; power {row['power']:.2f} "
        f"for such a difference; {number(row['detectable'])}{unit} would have been found in 80 of 100 such experiments)."
    )


def _elsewhere(row: dict[Hashable, Any]) -> str:
    """What that says of settings which were not tried."""
    if row["settings"] == 1:
        return "; they are one"
    apart = row["low_like"] > 0 or row["high_like"] < 0
    return f"; {'also in' if apart else 'open for'} others like them, {number(row['low_like'])} to {number(row['high_like'])}"


def _sign(metric: str) -> int:
    """1 where more is better."""
    declared = find_metric(metric)
    return -1 if declared is not None and declared.direction == "minimize" else 1
