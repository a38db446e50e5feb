"""`--out s3://…` as a person runs it: real processes, real Ray, a real S3 server, no folder in common but the data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from study.records.folder import StudyFolder, checkpoint_path, history_path, model_path
from study.records.mirror import Mirror, below
from study.records.outcome import outcome_of
from study.records.tables import read_table
from study.search.journal import load_optuna_study

REPOSITORY = Path(__file__).parents[2]
SMALL = ("--space", "around_mnist_vae", "--dataset", "digits", "--budget", "smoke")


def call(machine: Path, *arguments: str | Path, module: str = "study.run") -> subprocess.CompletedProcess[str]:
    """The command on a machine that is this folder: what it works with lies below."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "VAE_RUNS": str(machine / "runs"), "VAE_SCRATCH": str(machine / "scratch")}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=REPOSITORY, env=environment)


def check_whole(folder: StudyFolder) -> None:
    """Every trial ended once; tables equal the journal; every result is here and in the store; no checkpoint is anywhere."""
    assert folder.mirror.content(folder.journal) == folder.journal.read_bytes()
    trials = load_optuna_study(folder).get_trials()
    ended = [trial for trial in trials if outcome_of(trial) is not None]
    assert all(trial.state.is_finished() for trial in trials)
    table, history = read_table(folder, "trials"), read_table(folder, "history")
    assert list(table["trial"]) == [trial.number for trial in trials]
    for trial in ended:
        outcome = outcome_of(trial)
        assert outcome is not None and outcome.config_digest is not None
        assert trial.values == list(table.loc[table["trial"] == trial.number, list(folder.record.metrics)].iloc[0])
        for replicate in outcome.replicates:
            rows = json.loads(history_path(folder.path, outcome.config_digest, replicate["replicate"]).read_text())
            known = history[(history["trial"] == trial.number) & (history["replicate"] == replicate["replicate"])]
            assert list(known["step"]) == [row["step"] for row in rows] and len(rows) > 0
            assert folder.mirror.holds(model_path(folder.path, outcome.config_digest, replicate["replicate"]))
            assert not folder.mirror.holds(checkpoint_path(folder.path, outcome.config_digest, replicate["replicate"]))
    there = folder.mirror.there()
    assert not [path for path in there if path.parent.name == "checkpoints"] and not list(folder.path.glob("checkpoints/*"))


@pytest.mark.slow
def test_a_study_begins_on_one_machine_and_goes_on_on_another(tmp_path: Path, bucket: str, data_folder: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    places = ("--out", f"{bucket}/runs", "--data", data_folder, "--no-dashboard")
    begun = call(one, *SMALL, "--trials", "2", "--name", "s", *places, "--registry", one / "registry")
    assert begun.returncode == 0, begun.stdout + begun.stderr
    assert f"mirror    {bucket}/runs/s" in begun.stdout
    first = StudyFolder(one / "runs" / "s")
    check_whole(first)
    assert not [path for path in (one / "scratch").rglob("*") if path.is_file()], "a node keeps nothing"
    names = {path.relative_to(first.path).as_posix() for path in first.mirror.there()}
    assert {"study.json", "figures/loss_curves.png", "logs/trial-000.log", "live/trial-001.json", "tune/tuner.pkl"} <= names

    went_on = call(other, "--extend", "s", "--trials", "1", *places, "--registry", other / "registry")
    assert went_on.returncode == 0, went_on.stdout + went_on.stderr
    second = StudyFolder(other / "runs" / "s")
    check_whole(second)
    assert len(read_table(second, "trials")) == 3
    pd.testing.assert_frame_equal(read_table(first, "trials"), read_table(second, "trials").head(2), check_dtype=False)

    shown = call(one, f"{bucket}/runs/s", "--json", module="analysis.tradeoff")
    assert shown.returncode == 0, shown.stderr
    assert len(read_table(first, "trials")) == 3, "whoever reads by URL reads the latest"


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("ftp://host/runs", "unknown kind of URL 'ftp'"),
        ("s3:/bucket/runs", "a URL must read s3://BUCKET/PREFIX"),
        ("s3://no-such-bucket/runs", "there is no bucket no-such-bucket"),
        ("s3://key:secret@bucket/runs", "a URL must not hold a secret"),
    ],
)
def test_a_url_that_cannot_be_used_is_one_line_before_anything_is_written(
    out: str, said: str, tmp_path: Path, bucket: str, data_folder: Path
) -> None:
    for rest in (("--dry-run",), ()):
        done = call(tmp_path, *SMALL, "--name", "s", "--out", out, "--data", data_folder, *rest)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert said in done.stderr or (not rest and "NO_SUCH_BUCKET" in done.stderr)
        assert not list(tmp_path.iterdir())


def test_a_study_that_the_plan_refuses_leaves_nothing_in_the_store(tmp_path: Path, bucket: str, data_folder: Path) -> None:
    done = call(tmp_path, *SMALL, "--name", "s", "--out", bucket, "--data", data_folder, "--metrics", "mig")
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert Mirror(tmp_path / "s", below(bucket, "s")).there() == {}
    taken = call(tmp_path, "--resume", "s", "--out", bucket)
    assert (taken.returncode, taken.stderr) == (2, f"error: {bucket}/s is not a study: it has no study.json\n")


@pytest.mark.slow
def test_a_store_that_goes_away_stops_the_search_in_one_line_and_nothing_is_lost(tmp_path: Path, data_folder: Path) -> None:
    store, away, machine = tmp_path / "store", tmp_path / "away", tmp_path / "machine"
    store.mkdir()
    places = ("--data", data_folder, "--registry", machine / "registry", "--no-dashboard")
    rest = ("--trials", "3", "--name", "s", "--out", store.as_uri(), "--concurrent", "1", *places)
    search = subprocess.Popen(
        [sys.executable, "-m", "study.run", *SMALL, *map(str, rest)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "VAE_RUNS": str(machine / "runs"), "VAE_SCRATCH": str(machine / "scratch")},
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not list(store.glob("s/models/*")) and search.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    store.rename(away)
    store.write_text("not a folder")
    _, errors = search.communicate(timeout=300)
    assert search.returncode == 2 and errors.count("\n") == 1, errors
    assert errors.startswith("error: the store at file://") and "go on with --resume s when that is mended" in errors
    store.unlink()
    away.rename(store)
    resumed = call(machine, "--resume", "s", *places)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    folder = StudyFolder(machine / "runs" / "s")
    check_whole(folder)
    ended = [trial for trial in load_optuna_study(folder).trials if outcome_of(trial) is not None]
    assert len(ended) == 3, "every suggestion once"
