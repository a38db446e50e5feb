"""What a stopped trial leaves: its curve, its digest, and no checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

from study.config import TrialConfig
from study.records.folder import checkpoint_path, history_path
from study.search.leftovers import Leftovers
from study.search.trial import TrialSpec


def test_a_stopped_trial_keeps_its_curve_and_loses_its_checkpoint(tmp_path: Path) -> None:
    config = TrialConfig(dataset="digits", training={"steps": 10})
    spec = TrialSpec(
        number=3, config=config, root_seed=0, replicates=2, metrics=("recon",), points=10, folder=tmp_path, data=tmp_path
    )
    leftovers, digest = Leftovers(tmp_path), config.digest()
    for replicate, step in ((0, 5), (0, 10), (1, 5)):
        row = {"step": step, "recon": 100.0 - step}
        leftovers.keep(spec, {"replicate": replicate, "seconds": 1.5, "history": json.dumps(row), **row})
    history_path(tmp_path, digest, 0).parent.mkdir()
    history_path(tmp_path, digest, 0).write_text("[]")  # the first seed had ended and written its own
    checkpoint_path(tmp_path, digest, 1).parent.mkdir()
    checkpoint_path(tmp_path, digest, 1).write_bytes(b"weights")

    outcome = leftovers.pruned(spec, "stopped early by asha")
    assert (outcome.status, outcome.config_digest, outcome.steps) == ("pruned", digest, 15)
    assert [row["replicate"] for row in outcome.replicates] == [0, 1]
    assert history_path(tmp_path, digest, 0).read_text() == "[]"
    assert json.loads(history_path(tmp_path, digest, 1).read_text()) == [{"step": 5, "recon": 95.0}]
    leftovers.clear(spec)
    assert not list((tmp_path / "checkpoints").iterdir())
    assert leftovers.reports == {}
