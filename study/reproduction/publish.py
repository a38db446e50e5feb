"""A recipe's model in the registry, under the recipe's name."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from registry.inference import Model
from registry.manifest import Budget, DatasetRecord, Lineage
from registry.store import Store, Version
from study.datasets import Dataset
from study.evaluate import EVALUATOR
from study.publishing.card import PARITY_IMAGES, move_aliases, preprocessing_of, sheets, told
from study.records.provenance import git_state, library_versions
from study.reproduction.gallery import Outcome
from study.reproduction.numbers import losses
from study.reproduction.opening import Request
from study.reproduction.training import Trained
from study.training.device import describe_hardware

__all__ = ["publish"]


def publish(request: Request, outcome: Outcome, measured: Mapping[str, float]) -> Version:
    """As a version of the model `<recipe>`; a training that is in the registry already is returned as it is."""
    from registry.gate import publish_model

    store, trained, dataset = Store(request.registry), outcome.trained, outcome.dataset
    lineage = _lineage(request, trained, dataset)
    earlier = _published(store, request.name, lineage)
    if earlier is not None:
        return earlier

    def evaluator(exported: Model) -> dict[str, float]:
        return losses(exported, exported.manifest.model, dataset)

    rows = dataset.sample("validation", PARITY_IMAGES, seed=1)
    config = trained.model.config
    kl = list(outcome.encoding.kl.mean(axis=0))
    version = publish_model(
        store,
        request.name,
        trained.model,
        lineage=lineage,
        preprocessing=preprocessing_of(dataset),
        evaluator=evaluator,
        claimed=measured,
        sample_images=dataset.images[rows],
        sample_condition=told(config, dataset, rows),
        pictures=sheets(outcome.codec, config, dataset, kl, outcome.title),
        evaluator_version=EVALUATOR,
        description=f"recipe {request.name}: {outcome.recipe.purpose}",
        tags={"recipe": request.name, "status": trained.status},
    )
    move_aliases(store, request.name, version, ["negative_elbo"])
    return version


def _lineage(request: Request, trained: Trained, dataset: Dataset) -> Lineage:
    git = git_state()
    return Lineage(
        dataset=DatasetRecord(name=dataset.name, source=dataset.source, digest=dataset.digest),
        budget=Budget(name=request.budget, steps=trained.steps),
        seed=trained.seed,
        study=request.name,
        config=trained.config.model_dump(mode="json"),
        config_digest=trained.config.digest(),
        git_commit=git.get("commit"),
        git_dirty=git.get("dirty"),
        libraries=library_versions(),
        hardware=dict(describe_hardware(torch.device("cpu"))),
    )


def _published(store: Store, name: str, lineage: Lineage) -> Version | None:
    """The version that is this very training."""
    if name not in store.names():
        return None
    for version in store.versions(name):
        found = version.manifest.lineage
        if (found.config_digest, found.seed, found.dataset.digest) == (
            lineage.config_digest,
            lineage.seed,
            lineage.dataset.digest,
        ):
            return version
    return None
