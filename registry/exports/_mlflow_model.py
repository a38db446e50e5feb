"""What MLflow runs: it travels with the model as this one file, so it knows MLflow, NumPy and onnxruntime only.

predict: images float32 (N, C, H, W) in [0, 1], or {"image": …, "condition": int64 (N,)}, → {"mu", "logvar", "pixels"}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

__all__ = ["Autoencoder"]


class Autoencoder(PythonModel):  # type: ignore[misc]  # MLflow is untyped here
    """encode, and decode of the posterior means."""

    def load_context(self, context: Any) -> None:
        """Open both networks, from the copy of the version's files."""
        folder = Path(context.artifacts["version"])
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(folder / f"{part}.onnx"), providers=["CPUExecutionProvider"])
            for part in ("encoder", "decoder")
        )

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # MLflow would read hints as a schema
        """mu, logvar (N, D) and pixels (N, C, H, W)."""
        given = dict(model_input) if isinstance(model_input, dict) else {"image": np.asarray(model_input)}
        told = {name: array for name, array in given.items() if name != "image"}
        mu, logvar = self.encoder.run(["mu", "logvar"], given)
        (pixels,) = self.decoder.run(None, {"z": mu, **told})
        return {"mu": mu, "logvar": logvar, "pixels": pixels}


set_model(Autoencoder())
