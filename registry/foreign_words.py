"""What a person says of a model made elsewhere, as text: words in, `registry.foreign` done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from registry.errors import RegistryError
from registry.foreign import Said, bring_in_pair, check_onnx_package
from registry.names import check_name
from registry.store import Store
from registry.version import Version

__all__ = ["bring_in_words"]


def bring_in_words(
    store: Store, name: str | None, encoder: str | None, decoder: str | None, words: Mapping[str, Any], claims: Sequence[str]
) -> Version:
    """Publish the pair at `encoder` and `decoder`: FILE.onnx or mlflow:URI#NAME@3, whose run's metrics are claims, too.

    words: range, pixels, latent_dim, image_shape, dataset, as typed.  Raises `RegistryError` for words that mean nothing, and
    for what `bring_in_pair` refuses.
    """
    needed = {"--name": name, "--encoder": encoder, "--decoder": decoder, "--range": words["range"]}
    if missing := [word for word, value in needed.items() if value is None]:
        raise RegistryError(f"a pair of networks needs {', '.join(needed)}, but there is no {', '.join(missing)}")
    assert name is not None and encoder is not None and decoder is not None
    check_onnx_package()
    from registry.onnx_face import Pixels

    if words["pixels"] not in get_args(Pixels):
        raise RegistryError(f"--pixels is one of {', '.join(get_args(Pixels))}, but got {words['pixels']!r}")
    low, high = _numbers("--range", words["range"], float, 2)
    shape = words["image_shape"] and _numbers("--image-shape", words["image_shape"], int, 3)
    spoken = dict(_claim(claim) for claim in claims)
    (first, metrics), (second, more) = _network(encoder), _network(decoder)
    said = Said(
        low=low,
        high=high,
        pixels=words["pixels"],
        latent_dim=words["latent_dim"],
        image_shape=shape or None,
        dataset=words["dataset"],
        claimed={**metrics, **more, **spoken},
    )
    return bring_in_pair(store, name, first, second, said)


def _network(place: str) -> tuple[bytes, dict[str, float]]:
    if place.startswith("mlflow:"):
        from registry.exports.mlflow import read_network

        return read_network(place.removeprefix("mlflow:"))
    from registry.onnx_files import read_onnx

    return read_onnx(Path(place)), {}


def _numbers(word: str, text: str, kind: type[int] | type[float], count: int) -> tuple[Any, ...]:
    try:
        found = tuple(kind(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count:
        raise RegistryError(f"{word} is {count} numbers with a comma between, but got {text!r}")
    return found


def _claim(text: str) -> tuple[str, float]:
    key, _, said = text.partition("=")
    try:
        value = float(said)
    except ValueError:
        raise RegistryError(f"a claim is METRIC=VALUE, but got {text!r}") from None
    return check_name(key, "metric"), value
