"""A recipe's model in the registry, under the recipe's name."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from registry.manifest import Budget
from registry.place import open_store
from registry.version import Version
from study.publishing.champion import move_aliases
from study.publishing.publish import Candidate, lineage_of, publish
from study.records.provenance import git_state, library_versions
from study.reproduction.gallery import Finished
from study.reproduction.numbers import losses
from study.reproduction.opening import Request
from study.training.device import describe_hardware

__all__ = ["publish_recipe"]


def publish_recipe(request: Request, finished: Finished, measured: Mapping[str, float]) -> Version:
    """As a version of the model `<recipe>`; a training that is in the registry already is returned as it is."""
    store, trained, dataset, git = open_store(request.registry), finished.trained, finished.dataset, git_state()
    candidate = Candidate(
        name=request.name,
        model=trained.model,
        dataset=dataset,
        lineage=lineage_of(
            dataset,
            trained.config,
            budget=Budget(name=request.budget, steps=trained.steps),
            seed=trained.seed,
            study=request.name,
            git_commit=git.get("commit"),
            git_dirty=git.get("dirty"),
            libraries=library_versions(),
            hardware=dict(describe_hardware(torch.device("cpu"))),
        ),
        kl=list(finished.encoding.kl.mean(axis=0)),
        claimed=measured,
        evaluate=lambda exported: losses(exported, exported.manifest.model, dataset),
        title=finished.title,
        description=f"recipe {request.name}: {finished.recipe.purpose}",
        tags={"recipe": request.name, "status": trained.status},
    )
    version, pictures = publish(store, candidate)
    if pictures:  # new in the registry
        move_aliases(store, request.name, version, ["negative_elbo"])
    return version
