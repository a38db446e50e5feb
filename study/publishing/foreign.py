"""A network that somebody else has trained, as a version of the registry: same evaluation, same gate, same card as a trial's.

The weights are read without running code; every one of them must have its place and its shape, and the model must reach what its
map says that it reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.codec import TorchCodec
from models.errors import UserError
from models.vae import VAE
from registry.disk import sha256
from registry.manifest import Budget
from registry.shelf import Shelf
from registry.version import Version
from study.config import TrialConfig
from study.datasets import Dataset, load_dataset
from study.evaluate import evaluate_codec, possible
from study.publishing.publish import Candidate, lineage_of, publish
from study.weight_maps import PublishedModel, WeightMap

__all__ = ["adopt", "mapped", "read_weights", "recognised"]

POINTS = 15_000  # what published values are measured on
TOLERANCE = 0.05  # of a loss: other images of the same data, drawn or official
SEARCHED = ("recon", "mig")


def read_weights(path: Path) -> dict[str, Tensor]:
    """A PyTorch state dictionary, on the CPU.  Raises `UserError` for anything else, a pickle that would run code included."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # whatever its reader meets in bytes that are something else
        first = str(error).strip().partition("\n")[0]
        raise UserError(f"{path} must be a state dictionary of PyTorch, tensors alone, without code: {first[:200]}") from None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise UserError(f"{path} must be a PyTorch state dictionary, but it holds a {type(state).__name__}")
    return dict(state)


def recognised(path: Path, weights: WeightMap) -> tuple[str, PublishedModel]:
    """Which of the map's models the file is, by its sha256.  Raises `UserError` when it is none of them."""
    digest = sha256(path.read_bytes()).removeprefix("sha256:")
    for name, model in weights.models.items():
        if model.sha256 == digest:
            return name, model
    known = ", ".join(weights.models)
    raise UserError(f"{path} must be one of the models that the map knows ({known}), but its sha256 is {digest[:12]}…")


def mapped(state: Mapping[str, Tensor], weights: WeightMap, model: VAE) -> dict[str, Tensor]:
    """Their weights under our names.  Raises `UserError` for missing or left-over keys, or other shapes."""
    names = {f"{theirs}.{part}": f"{ours}.{part}" for theirs, ours in weights.keys.items() for part in ("weight", "bias")}
    missing, extra = sorted(names.keys() - state.keys()), sorted(state.keys() - names.keys())
    if missing or extra:
        told = [f"{what} {', '.join(keys[:3])}" for what, keys in (("lacks", missing), ("has also", extra)) if keys]
        raise UserError(f"the weights must have exactly the map's {len(names)} keys, but the file {' and '.join(told)}")
    ours = {names[key]: tensor.float() for key, tensor in state.items()}
    for key, expected in model.state_dict().items():
        if ours[key].shape != expected.shape:
            raise UserError(f"{key} must have the shape {tuple(expected.shape)}, but the file's has {tuple(ours[key].shape)}")
        if key.rpartition(".")[0] in weights.interleaved:
            ours[key] = torch.cat([ours[key][0::2], ours[key][1::2]])
    return ours


def adopt(store: Shelf, path: Path, map_name: str, weights: WeightMap, data: Path, name: str | None = None) -> Version:
    """The file's model as a version of `name` (default: `published_<model>`).

    Raises `UserError` when the file is not what the map says, or does not reach what it says.
    """
    state = read_weights(path)
    known, published = recognised(path, weights)
    config = TrialConfig.parse({**weights.config, **published.config})
    dataset = load_dataset(config.dataset, data, **config.dataset_options)
    model = VAE(config.model_config_for(dataset.image_shape, len(dataset.label_names)))
    model.load_state_dict(mapped(state, weights, model))
    model.eval()
    found = evaluate_codec(TorchCodec(model), dataset, metrics=[*SEARCHED, "kl"], points=POINTS)
    _check_losses(found.values, published)
    candidate = Candidate(
        name=name or f"published_{known}",
        model=model,
        dataset=dataset,
        lineage=lineage_of(
            dataset,
            config,
            budget=Budget(name="published", steps=config.training.steps),
            seed=weights.seed,
            libraries={},
            hardware={},
        ),
        kl=found.kl_per_latent.tolist(),
        claimed={key: found.values[key] for key in (*SEARCHED, "kl")},
        evaluate=lambda exported: _evaluate(exported, dataset),
        title=published.title,
        description=f"{published.title}, trained by others: {weights.source} ({weights.licence})",
        tags={"adopted": map_name, "status": "complete"},
    )
    return publish(store, candidate)[0]


def _evaluate(exported: Any, dataset: Dataset) -> dict[str, float]:
    common: dict[str, Any] = {"points": POINTS, "config": exported.manifest.model}
    values = evaluate_codec(exported, dataset, metrics=[*SEARCHED, "kl"], extra=possible(dataset), **common).values
    tested = evaluate_codec(exported, dataset, metrics=list(SEARCHED), part="test", **common).values
    return {**values, **{f"test_{key}": tested[key] for key in SEARCHED}}


def _check_losses(values: Mapping[str, float], published: PublishedModel) -> None:
    for key, expected in (("recon", published.recon), ("kl", published.kl)):
        if abs(values[key] - expected) > TOLERANCE * expected:
            raise UserError(
                f"{published.title} must have {key} {expected:g} within {TOLERANCE:.0%} nats per image, but got {values[key]:.4g}"
            )
