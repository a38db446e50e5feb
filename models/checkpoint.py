"""Saving and loading a model: one file that says what it is and never runs code when it is opened.

The file is a zip of `config.json` (the `VAEConfig`) and `weights.npz` (the state dictionary as arrays): readable without
this project, and without unpickling anything.  Equal models give equal bytes.  Writing goes through a temporary file and
a rename, so that a reader never sees half a model.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from models.config import VAEConfig
from models.errors import UserError, explain
from models.files import write_atomically
from models.vae import VAE

__all__ = ["load_model", "model_bytes", "save_model"]


def model_bytes(model: VAE) -> bytes:
    """The file's content."""
    weights, whole = io.BytesIO(), io.BytesIO()
    arrays: dict[str, Any] = {name: _array(tensor) for name, tensor in model.state_dict().items()}
    np.savez(weights, **arrays)
    with zipfile.ZipFile(whole, "w") as archive:
        # A ZipInfo carries zip's first date instead of the present one.
        archive.writestr(zipfile.ZipInfo("config.json"), model.config.model_dump_json())
        archive.writestr(zipfile.ZipInfo("weights.npz"), weights.getvalue())
    return whole.getvalue()


def save_model(model: VAE, path: Path) -> None:
    """Write the model to `path`, atomically."""
    write_atomically(path, model_bytes(model))


def load_model(path: Path) -> VAE:
    """The model in `path`, on the CPU, in evaluation mode.  Raises `UserError` when the file is not such a model."""
    try:
        model = VAE(_read_config(path))
        model.load_state_dict(_read_weights(path))
    except FileNotFoundError:
        raise UserError(f"there is no model file {path}") from None
    except OSError as error:
        raise UserError(f"cannot read the model file {path}: {error.strerror or error}") from None
    except ValidationError as error:
        raise UserError(f"{path} is not a model of this project: {explain(error)}") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise UserError(f"{path} is not a model of this project: {first_line}") from None
    return model.eval()


def _array(tensor: Tensor) -> NDArray[np.generic]:
    """NumPy has no bfloat16, so every floating tensor is stored as float32; counters stay integers."""
    tensor = tensor.detach().cpu()
    array: NDArray[np.generic] = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return array


def _read_config(path: Path) -> VAEConfig:
    with zipfile.ZipFile(path) as archive:
        return VAEConfig(**json.loads(archive.read("config.json")))


def _read_weights(path: Path) -> dict[str, Tensor]:
    with zipfile.ZipFile(path) as archive:
        weights = np.load(io.BytesIO(archive.read("weights.npz")), allow_pickle=False)
    if not isinstance(weights, np.lib.npyio.NpzFile):
        raise ValueError("weights.npz is a single array")
    return {name: torch.from_numpy(weights[name]) for name in weights.files}
