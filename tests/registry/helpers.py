"""Small models and prepared files, shared by the registry's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from models.config import Condition, VAEConfig
from models.preprocessing import Preprocessing
from registry.manifest import Budget, DatasetRecord, Lineage, Manifest, Parity, signature_of
from registry.store import Store

PREPROCESSING = Preprocessing(size=(8, 8), mode="L")
CONFIG = VAEConfig(image_shape=(1, 8, 8), architecture="mlp", architecture_options={"hidden": (16,)}, latent_dim=3)
CONDITIONAL = CONFIG.model_copy(update={"condition": Condition(classes=4)})
LINEAGE = Lineage(
    study="tiny",
    trial=7,
    seed=1,
    config={"architecture": "mlp", "latent_dim": 3},
    config_digest="sha256:" + "0" * 64,
    git_commit="0123456789abcdef",
    git_dirty=True,
    dataset=DatasetRecord(name="noise", source="drawn", digest="sha256:" + "1" * 64),
    budget=Budget(name="none", steps=0),
    libraries={"torch": "2.15"},
    hardware={"cpu": "two cores"},
)
PRIVATE = Encoding.PEM, PrivateFormat.PKCS8
FILES = {"encoder.onnx": b"e" * 3000, "decoder.onnx": b"d" * 2000, "card.md": b"# card\n", "pictures/a.png": b"picture"}


def key_pair(folder: Path, name: str, curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """Files of a private and a public key."""
    secret = ec.generate_private_key(curve or ec.SECP256R1())
    (folder / f"{name}.pem").write_bytes(secret.private_bytes(*PRIVATE, NoEncryption()))
    (folder / f"{name}.pub").write_bytes(secret.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return folder / f"{name}.pem", folder / f"{name}.pub"


def manifest(mig: float = 0.5, config: VAEConfig = CONFIG, **changes) -> Manifest:
    """A valid manifest without files."""
    return Manifest(
        signature=signature_of(config),
        preprocessing=Preprocessing(size=config.image_shape[1:], mode="L" if config.image_shape[0] == 1 else "RGB"),
        model=config,
        lineage=changes.pop("lineage", LINEAGE),
        parity=Parity(inputs=1, encoder_max_error=0, decoder_max_error=0, atol=1e-5),
        metrics={"mig": mig},
        evaluator="tests 1",
        **changes,
    )


def publish(store: Store, name: str = "tiny", mig: float = 0.5):
    """A version of prepared files: the store does not look into them."""
    return store.publish(name, FILES, manifest(mig))


def images(count: int = 6, seed: int = 0, shape=(1, 8, 8)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file below `root`, to see that nothing was changed."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
