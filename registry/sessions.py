"""Opening checked ONNX bytes with onnxruntime: named providers, no fallback, the signature that the manifest promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from registry.errors import RegistryError, UnsafeError
from registry.manifest import Graph, TensorSpec
from registry.onnx_safety import check_onnx

__all__ = ["open_session", "run_session"]

_TYPES = {"float32": "tensor(float)", "int64": "tensor(int64)"}


def open_session(
    data: bytes, name: str, graph: Graph, providers: Sequence[str], threads: int | None, options: Mapping[str, str] | None = None
) -> Any:
    """An `onnxruntime.InferenceSession`.  threads: of one operator; None lets onnxruntime choose.

    options: further entries of onnxruntime's session configuration (`onnxruntime_session_options_config_keys.h`).

    Raises `UnsafeError` for a file that is not what it should be, `RegistryError` for a provider that is not there.
    """
    check_onnx(data, name)
    _check_settings(providers, threads)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # what goes wrong is raised; the rest is noise
    if threads is not None:
        settings.intra_op_num_threads = threads
    for key, value in (options or {}).items():
        _set(settings, key, value)
    settings.add_session_config_entry("session.load_model_format", "ONNX")  # what was checked; never guessed from the bytes
    try:
        session = onnxruntime.InferenceSession(data, settings, providers=list(providers))
    except Exception as error:  # onnxruntime raises a dozen unrelated types
        raise UnsafeError(f"onnxruntime cannot open {name}: {str(error).splitlines()[0]}") from None
    if session.get_providers()[: len(providers)] != list(providers):
        raise RegistryError(f"provider {providers[0]} was asked for, but onnxruntime could only start {session.get_providers()}")
    _check_tensors(session.get_inputs(), graph.inputs, name, "inputs")
    _check_tensors(session.get_outputs(), graph.outputs, name, "outputs")
    return session


def run_session(session: Any, name: str, graph: Graph, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
    """The outputs for inputs of N rows, (N, …) each.  Raises `UnsafeError` unless they are what the signature promises.

    The file's own statement of its outputs is checked when it is opened, but only the answer shows whether it is true.
    """
    count = len(inputs[0])
    try:
        answers = session.run(None, dict(zip([spec.name for spec in graph.inputs], inputs, strict=True)))
    except Exception as error:  # onnxruntime raises a dozen unrelated types
        raise UnsafeError(f"onnxruntime cannot run {name}: {str(error).splitlines()[0]}") from None
    for spec, answer in zip(graph.outputs, answers, strict=True):
        expected = (count, *spec.shape[1:])
        if answer.shape != expected:
            raise UnsafeError(f"{name} must answer {spec.name} of shape {expected}, but it answers {answer.shape}")
        if not np.isfinite(answer).all():
            raise UnsafeError(f"{name} must answer finite numbers, but its {spec.name} has {np.sum(~np.isfinite(answer))} others")
    return list(answers)


def _set(settings: Any, key: str, value: str) -> None:
    try:
        settings.add_session_config_entry(key, value)
    except Exception as error:  # of a type that pybind chooses
        raise RegistryError(
            f"session_options are text: text, but got {key!r}: {value!r} ({str(error).splitlines()[0]})"
        ) from None


def _check_settings(providers: Sequence[str], threads: int | None) -> None:
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise RegistryError(f"threads >= 1 must hold for a whole number, but got threads={threads!r}")
    if isinstance(providers, str) or not providers:
        raise RegistryError(f"providers must be a list of at least one name, but got {providers!r}")
    there = onnxruntime.get_available_providers()
    for provider in providers:
        if provider not in there:
            raise RegistryError(f"provider {provider!r} is not there: this onnxruntime has {', '.join(there)}")


def _check_tensors(found: Sequence[Any], promised: Sequence[TensorSpec], name: str, side: str) -> None:
    got = [(tensor.name, tensor.type, tuple(_size(size) for size in tensor.shape)) for tensor in found]
    want = [(spec.name, _TYPES[spec.dtype], tuple(_size(size) for size in spec.shape)) for spec in promised]
    if got != want:
        raise UnsafeError(f"{name} must have the {side} {want}, but it has {got}")


def _size(size: int | str | None) -> int | str:
    """Free sizes have no agreed name: they compare equal."""
    return size if isinstance(size, int) else "any"
