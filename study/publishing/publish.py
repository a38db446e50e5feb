"""From a trained network to a version of the registry: one path, whoever trained it.

What is published is checked on its exported files: they must compute what torch computes, rank a batch as the trained model does,
and reach the metrics that were claimed.  A training that is in the registry already is returned as it is; one that has been
confirmed with fresh seeds since is a version of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.codec import TorchCodec
from registry.errors import DamagedError, NotFoundError
from registry.manifest import DatasetRecord, Lineage
from registry.shelf import Shelf
from registry.version import Version
from study.config import TrialConfig
from study.datasets import Dataset
from study.evaluate import EVALUATOR
from study.publishing.agreement import check_agreement
from study.publishing.card import PARITY_IMAGES, preprocessing_of, sheets, told

if TYPE_CHECKING:
    from models.vae import VAE
    from registry.inference import Model

__all__ = ["Candidate", "dataset_of", "lineage_of", "publish"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trained network that may become a version of the model `name`.

    kl         mean KL of every latent, nats, (D,): which latents the card's traversal shows
    claimed    {metric key: value} on validation images: what the exported files must reach
    evaluate   the metrics of the exported model, the claimed ones among them
    """

    name: str
    model: VAE
    dataset: Dataset
    lineage: Lineage
    kl: Sequence[float]
    claimed: Mapping[str, float]
    evaluate: Callable[[Model], Mapping[str, float]]
    title: str
    description: str
    tags: Mapping[str, str] = field(default_factory=dict)


def publish(store: Shelf, candidate: Candidate) -> tuple[Version, dict[str, bytes]]:
    """The version, and the card's pictures; no pictures where it had been published before.

    Raises `UserError` when the exported files rank a batch differently, `GateError` when they fail the gate.
    """
    from registry.gate import publish_model

    earlier = _published(store, candidate.name, candidate.lineage)
    if earlier is not None:
        return earlier, {}
    codec, config, dataset = TorchCodec(candidate.model), candidate.model.config, candidate.dataset
    rows = dataset.sample("validation", PARITY_IMAGES, seed=1)
    images = dataset.images[rows]
    pictures = sheets(codec, config, dataset, candidate.kl, candidate.title)

    def evaluator(exported: Model) -> Mapping[str, float]:
        if config.condition is None:
            check_agreement(codec, exported, images)
        return candidate.evaluate(exported)

    version = publish_model(
        store,
        candidate.name,
        candidate.model,
        lineage=candidate.lineage,
        preprocessing=preprocessing_of(dataset),
        evaluator=evaluator,
        claimed=candidate.claimed,
        sample_images=images,
        sample_condition=told(config, dataset, rows),
        pictures=pictures,
        evaluator_version=EVALUATOR,
        description=candidate.description,
        tags=candidate.tags,
        same=lambda version: _identity(version.manifest.lineage) == _identity(candidate.lineage),
    )
    return version, pictures


def lineage_of(dataset: Dataset, config: TrialConfig, **facts: object) -> Lineage:
    """What every lineage says of data and configuration, with the facts that the training knows."""
    described = {"dataset": dataset_of(dataset), "config": config.model_dump(mode="json"), "config_digest": config.digest()}
    return Lineage.model_validate({**described, **facts})


def dataset_of(dataset: Dataset) -> DatasetRecord:
    """A data set as a manifest names it."""
    return DatasetRecord(name=dataset.name, source=dataset.source, digest=dataset.digest)


def _published(store: Shelf, name: str, lineage: Lineage) -> Version | None:
    """The version that is this very training, if it is in the registry already."""
    if name not in store.names():
        return None
    for version in store.versions(name):
        with suppress(DamagedError, NotFoundError):  # one that cannot be read keeps no other from being published
            if _identity(version.manifest.lineage) == _identity(lineage):
                return store.resolve(name, version.number)
    return None


def _identity(lineage: Lineage) -> tuple[object, ...]:
    return lineage.study, lineage.trial, lineage.config_digest, lineage.seed, lineage.seeds, lineage.dataset.digest
