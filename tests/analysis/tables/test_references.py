"""Published models as marks: found, and refused where they cannot be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.figures.pareto import pareto_figure
from analysis.figures.rate_distortion import rate_distortion_figure
from analysis.reporting.beside_published import beside_published
from analysis.tables.load import load_study
from analysis.tables.references import adopted, references
from models.errors import UserError
from registry.store import Store
from study.records.folder import StudyFolder
from tests.registry.helpers import FILES, LINEAGE, manifest


def test_a_version_is_a_star(tiny_study: StudyFolder, tiny_registry: Path) -> None:
    studies = load_study(str(tiny_study.path))
    marks = references(["dsprites_capacity"], tiny_registry, studies, ("recon", "mig"))
    metrics = Store(tiny_registry).resolve("dsprites_capacity").manifest.metrics
    assert marks.to_dict("records")[0] | {"steps": 0} == {
        "model": "dsprites_capacity@1", "recon": metrics["recon"], "mig": metrics["mig"], "steps": 0
    }  # fmt: skip
    texts = [text.get_text() for text in pareto_figure(studies, "recon", "mig", marks).axes[0].texts]
    assert "dsprites_capacity@1" in texts
    assert references([], tiny_registry, studies, ("recon", "mig")).empty


def test_what_cannot_be_compared(tiny_study: StudyFolder, tmp_path: Path) -> None:
    studies, store = load_study(str(tiny_study.path)), Store(tmp_path / "store")
    store.publish("noise", FILES, manifest())
    with pytest.raises(UserError, match=r"must know the studies' pictures, digest .*, but noise@1 has 111111111111"):
        references(["noise"], store.root, studies, ("recon", "mig"))
    digest = f"sha256:{tiny_study.record.dataset['digest']}"
    lineage = LINEAGE.model_copy(update={"dataset": LINEAGE.dataset.model_copy(update={"digest": digest})})
    store.publish("half", FILES, manifest(lineage=lineage))
    with pytest.raises(UserError, match="must have recon and mig, but half@1 lacks recon"):
        references(["half"], store.root, studies, ("recon", "mig"))
    with pytest.raises(UserError, match="no model 'typo'"):
        references(["typo"], store.root, studies, ("recon", "mig"))


def test_adopted_models_of_the_same_pictures_are_found(tiny_study: StudyFolder, tmp_path: Path) -> None:
    studies, store = load_study(str(tiny_study.path)), Store(tmp_path / "store")
    assert adopted(store.root, studies, ["recon"]) == []
    data = LINEAGE.dataset.model_copy(update={"digest": f"sha256:{tiny_study.record.dataset['digest']}"})
    same = manifest(lineage=LINEAGE.model_copy(update={"dataset": data}))
    measured = same.model_copy(update={"metrics": {"recon": 17.4, "mig": 0.1, "kl": 25.2}})
    store.publish("published_vae", FILES, measured.model_copy(update={"tags": {"adopted": "a map"}}))
    store.publish("own", FILES, measured)
    store.publish("published_other", FILES, manifest().model_copy(update={"tags": {"adopted": "a map"}}))
    assert adopted(store.root, studies, ["recon", "mig"]) == ["published_vae@1"]
    assert adopted(store.root, studies, ["sap"]) == []
    section = beside_published(studies, ("recon", "mig"), store.root)
    assert section is not None and section.tables[0].rows[-1][:2] == ["published: vae@1", "17.4"]
    assert beside_published(studies, ("recon", "mig"), tmp_path / "nowhere") is None


def test_lines_of_equal_elbo_have_slope_minus_one(tiny_study: StudyFolder) -> None:
    ax = rate_distortion_figure(load_study(str(tiny_study.path)).trials).axes[0]
    lines = [line.get_xydata() for line in ax.lines]
    assert lines and all(np.allclose(ends.sum(axis=1), ends[0].sum()) for ends in lines)
