"""How long the page of a study takes, and how large it is: 50 and 500 trials, made of the committed study's tables, repeated.

pytest tests/benchmarks/test_report_speed.py -m benchmark -s
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest

from analysis import load_study
from analysis.reporting.page import report
from tests.studies import LAPTOP

pytestmark = pytest.mark.benchmark

TARGETS = [(50, 5, 3), (500, 20, 8)]
"""Trials, seconds of the processor, megabytes."""


def made_of(target: Path, trials: int) -> Path:
    """The committed study with its trials repeated under new numbers, slightly changed so that no two are equal."""
    shutil.copytree(LAPTOP, target)
    for name in ("trials", "replicates", "history"):
        table = pd.read_parquet(LAPTOP / f"{name}.parquet")
        per_copy = table["trial"].max() + 1
        copies = [table.assign(trial=table["trial"] + number * per_copy) for number in range(trials // per_copy + 1)]
        several = pd.concat(copies, ignore_index=True)
        several = several[several["trial"] < trials]
        if "mig" in several:
            several["mig"] = several["mig"] * (1 + several["trial"] / 1000)
        several.to_parquet(target / f"{name}.parquet")
    record = json.loads((target / "study.json").read_text())
    (target / "study.json").write_text(json.dumps({**record, "trials": trials}))
    return target


@pytest.mark.parametrize(("trials", "most", "megabytes"), TARGETS)
def test_the_report(tmp_path: Path, trials: int, most: float, megabytes: float) -> None:
    report(load_study(LAPTOP), registry=tmp_path / "none")  # what is read once: fonts, libraries
    study = load_study(made_of(tmp_path / "many", trials))
    assert len(study.trials) == trials
    started = time.process_time()
    page = report(study, registry=tmp_path / "none")
    seconds = time.process_time() - started
    print(f"\nreport of {trials} trials: {seconds:.1f} s (target {most}), {len(page) / 2**20:.1f} MB (target {megabytes})")
    assert seconds <= most and len(page) <= megabytes * 2**20
