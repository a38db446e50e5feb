"""How long the page of a study takes: 50 trials, made of the committed study's tables, three times over.

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
from analysis.tables.load import EXAMPLE

pytestmark = pytest.mark.benchmark

TRIALS, SECONDS = 50, 30


def of_50_trials(target: Path) -> Path:
    """The committed study with its trials repeated under new numbers, slightly changed so that no two are equal."""
    shutil.copytree(EXAMPLE, target)
    for name in ("trials", "replicates", "history"):
        table = pd.read_parquet(EXAMPLE / f"{name}.parquet")
        per_copy = table["trial"].max() + 1
        copies = [table.assign(trial=table["trial"] + number * per_copy) for number in range(TRIALS // per_copy + 1)]
        several = pd.concat(copies, ignore_index=True)
        several = several[several["trial"] < TRIALS]
        if "mig" in several:
            several["mig"] = several["mig"] * (1 + several["trial"] / 1000)
        several.to_parquet(target / f"{name}.parquet")
    record = json.loads((target / "study.json").read_text())
    (target / "study.json").write_text(json.dumps({**record, "trials": TRIALS}))
    return target


def test_the_report_of_50_trials(tmp_path: Path) -> None:
    study = load_study(of_50_trials(tmp_path / "fifty"))
    assert len(study.trials) == TRIALS
    started = time.perf_counter()
    page = report(study, registry=tmp_path / "none")
    seconds = time.perf_counter() - started
    print(f"\nreport of {TRIALS} trials: {seconds:.1f} s, {len(page) / 2**20:.1f} MB")
    assert seconds <= SECONDS
