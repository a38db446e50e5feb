"""Small generated files in the exact layouts in which people have MNIST, CIFAR-10, CelebA and their own pictures."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import CIFAR10

__all__ = ["write_celeba", "write_cifar10", "write_mnist", "write_pictures"]

ATTRIBUTES = [f"Attribute_{i}" for i in range(38)] + ["Smiling", "Eyeglasses"]


def write_mnist(data: Path, train: int = 40, test: int = 10, packed: bool = True) -> None:
    """The four idx files in data/MNIST/raw; picture i is all i, its label i % 10."""
    raw = data / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in (("train", train), ("t10k", test)):
        numbers = np.arange(count, dtype=np.uint8)
        pictures = np.repeat(numbers, 28 * 28).tobytes()
        _write(raw / f"{name}-images-idx3-ubyte", struct.pack(">4i", 0x803, count, 28, 28) + pictures, packed)
        _write(raw / f"{name}-labels-idx1-ubyte", struct.pack(">2i", 0x801, count) + (numbers % 10).tobytes(), packed)


def _write(path: Path, content: bytes, packed: bool) -> None:
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def write_cifar10(data: Path, monkeypatch) -> Path:
    """The archive `cifar-10-python.tar.gz` with 4 pictures a batch; torchvision is told this archive's digests."""
    tree = data / "made" / CIFAR10.base_folder
    tree.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, _ in CIFAR10.train_list + CIFAR10.test_list:
        batch = {"data": rng.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [0, 3, 6, 9]}
        (tree / name).write_bytes(pickle.dumps(batch, protocol=2))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (tree / "batches.meta").write_bytes(pickle.dumps({"label_names": names}, protocol=2))

    archive = data / CIFAR10.filename
    with tarfile.open(archive, "w:gz") as file:
        file.add(tree, arcname=CIFAR10.base_folder)
    listed = {attribute: [[name, _md5(tree / name)] for name, _ in getattr(CIFAR10, attribute)] for attribute in LISTS}
    for attribute, value in listed.items():
        monkeypatch.setattr(CIFAR10, attribute, value)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": _md5(tree / "batches.meta")})
    monkeypatch.setattr(CIFAR10, "tgz_md5", _md5(archive))
    return archive


LISTS = ("train_list", "test_list")


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_celeba(data: Path, count: int = 30) -> None:
    """Aligned pictures of 178×218 whose red channel is brightest in the middle, 40 attributes, the three parts."""
    folder = data / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{i + 1:06d}.jpg" for i in range(count)]
    for i, name in enumerate(names):
        pixels = np.zeros((218, 178, 3), np.uint8)
        pixels[35:183, 15:163, 0] = 200  # the window that is cut out
        pixels[..., 1] = i
        Image.fromarray(pixels).save(folder / "img_align_celeba" / name, quality=100, subsampling=0)
    signs = [[1 if (i >> (j % 5)) & 1 else -1 for j in range(40)] for i in range(count)]
    rows = [f"{name} " + " ".join(f"{sign:2d}" for sign in row) for name, row in zip(names, signs, strict=True)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(count), " ".join(ATTRIBUTES) + " ", *rows]) + "\n")
    parts = [f"{name} {0 if i < count - 10 else 1 if i < count - 5 else 2}" for i, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")


def write_pictures(folder: Path, count: int = 12, size: tuple[int, int] = (50, 40), suffix: str = "png") -> None:
    """`count` pictures of one colour each, (width, height) = size."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", size, (20 * i, 100, 255 - 20 * i)).save(folder / f"{i:03d}.{suffix}")
