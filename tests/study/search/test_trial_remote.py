"""A trial of a mirrored study, without Ray: another node goes on where one was lost, and nodes keep nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.config import TrialConfig
from study.records.folder import checkpoint_path, history_path
from study.records.live import live_path, read_live
from study.records.mirror import AwayError, Mirror
from study.records.outcome import Outcome
from study.search import trial
from study.search.cluster import _blind
from study.search.trial import TrialSpec, leave, run_trial


@pytest.fixture
def spec(tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> TrialSpec:
    """Checkpoints at every report; the store is a folder."""
    monkeypatch.setattr(trial, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(trial, "PATIENCE", 0.0)
    config = TrialConfig(dataset="digits", architecture="mlp", training={"steps": 40, "batch_size": 32})
    return TrialSpec(
        number=7, config=config, root_seed=0, replicates=1, metrics=("recon", "kl"), points=100,
        folder=tmp_path / "driver", data=data_folder, remote=(tmp_path / "store").as_uri(),
    )  # fmt: skip


def run(spec: TrialSpec, scratch: Path, monkeypatch: pytest.MonkeyPatch, reports: int | None = None) -> Outcome | None:
    """On the node whose scratch folder this is; killed after so many reports."""
    monkeypatch.setenv("VAE_SCRATCH", str(scratch))
    running = run_trial(spec)
    for count, report in enumerate(running, start=1):
        if isinstance(report, Outcome):
            return report
        if count == reports:
            return None
    raise AssertionError("no outcome")


def test_another_node_goes_on_from_the_checkpoint(spec: TrialSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, store = spec.config.digest(), Mirror(tmp_path / "look", spec.remote)
    undisturbed = run(spec.model_copy(update={"remote": (tmp_path / "other").as_uri()}), tmp_path / "n0", monkeypatch)
    assert run(spec, tmp_path / "n1", monkeypatch, reports=9) is None
    assert store.holds(checkpoint_path(store.local, digest, 0))
    ended = run(spec, tmp_path / "n2", monkeypatch)
    assert ended is not None and undisturbed is not None and ended.values == undisturbed.values
    log = store.local / "logs" / "trial-007.log"
    assert store.pull(log) and "continued from step 18" in log.read_text() and "step 2:" in log.read_text(), "of both nodes"
    steps = [row["step"] for row in json.loads(store.content(history_path(store.local, digest, 0)) or b"[]")]
    assert steps == list(range(2, 41, 2))
    assert store.pull(live_path(store.local, 7))
    film = read_live(live_path(store.local, 7))
    assert film is not None and film.status == ended.status and len(film.reports) == 20
    assert store.holds(checkpoint_path(store.local, digest, 0)), "until the driver has told how the trial ended"
    assert not [path for path in (tmp_path / "n2").rglob("*") if path.is_file()] and not spec.folder.exists()


def test_arms_of_a_pair_meet_in_the_store(spec: TrialSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arms = []
    for beta in (1.0, 2.0):
        options = {"schedule": "decay", "beta_start": 4.0, "hold": 0.5, "window": 0.5, "beta": beta}
        changes = {"objective": "beta_vae", "objective_options": options, "pair": "p"}
        config = TrialConfig.parse({**spec.config.model_dump(), **changes})
        arms.append(spec.model_copy(update={"config": config, "number": len(arms)}))
    assert run(arms[0], tmp_path / "n1", monkeypatch) is not None
    store = Mirror(tmp_path / "look", spec.remote)
    assert [path for path in store.there() if path.parent.name == "trunks"]
    assert run(arms[1], tmp_path / "n2", monkeypatch) is not None
    assert "continued from step" in (store.content(store.local / "logs" / "trial-001.log") or b"").decode()


def test_a_store_that_is_away_gives_the_trial_back(spec: TrialSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an outcome: nothing of it would be told.  The film alone is no reason."""
    monkeypatch.setattr(trial, "CHECKPOINT_SECONDS", 1e9)
    monkeypatch.setenv("VAE_SCRATCH", str(tmp_path / "n1"))
    running = run_trial(spec)
    next(running)
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(AwayError, match="cannot be used"):
        list(running)
    with pytest.raises(AwayError, match="cannot be used"):
        leave(spec.here(), patience=0)
    assert not [path for path in (tmp_path / "n1").rglob("*") if path.is_file()], "the node keeps nothing all the same"


def test_what_a_killed_worker_left_goes_when_its_study_goes_on(
    spec: TrialSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(spec, tmp_path / "n1", monkeypatch, reports=9) is None
    assert checkpoint_path(spec.here().folder, spec.config.digest(), 0).is_file()
    assert _blind(spec.folder, spec.remote) is None
    assert not [path for path in (tmp_path / "n1").rglob("*") if path.is_file()]
