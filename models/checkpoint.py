"""Saving and loading a model: one file that says what it is and never runs code when it is opened.

The file is a zip of `config.json` (the `VAEConfig`) and `weights.npz` (the state dictionary as arrays): readable without
this project, and without unpickling anything.  Writing goes through a temporary file and a rename, so that a reader never
sees half a model.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import torch

from models.config import VAEConfig
from models.errors import UserError
from models.files import write_atomically
from models.vae import VAE

__all__ = ["load_model", "model_bytes", "save_model"]


def model_bytes(model: VAE) -> bytes:
    """The file's content."""
    arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}
    weights, whole = io.BytesIO(), io.BytesIO()
    np.savez(weights, **arrays)
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("config.json", model.config.model_dump_json())
        archive.writestr("weights.npz", weights.getvalue())
    return whole.getvalue()


def save_model(model: VAE, path: Path) -> None:
    """Write the model to `path`, atomically."""
    write_atomically(path, model_bytes(model))


def load_model(path: Path) -> VAE:
    """The model in `path`, on the CPU, in evaluation mode.  Raises `UserError` when the file is not such a model."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = VAEConfig(**json.loads(archive.read("config.json")))
            weights = np.load(io.BytesIO(archive.read("weights.npz")), allow_pickle=False)
            state = {name: torch.from_numpy(weights[name]) for name in weights.files}
    except FileNotFoundError:
        raise UserError(f"there is no model file {path}") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a model of this project: {error}") from None
    model = VAE(config)
    model.load_state_dict(state)
    return model.eval()
