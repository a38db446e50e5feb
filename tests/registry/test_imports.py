"""`import registry` is light, and using a model never pulls in what training needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import registry

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "ray", "optuna", "pandas", "pyarrow", "onnx", "onnxscript", "sklearn", "scipy", "matplotlib")
NOT_EVEN = (*HEAVY, "numpy", "pydantic", "onnxruntime", "PIL", "typer", "rich")

USE = """
import numpy as np
from registry import load
model = load("tiny")
images = np.zeros((2, 1, 8, 8), np.uint8)
model.reconstruct(images), model.sample(2), model.interpolate(images[0], images[1], 3), model.traverse(images[0], 0, [0.0])
"""
COMMAND = """
import sys
from registry.commands import app
sys.argv = ["registry", "verify"]
try:
    app()
except SystemExit as done:
    assert not done.code
"""


def imported(code, root):
    """Top-level modules that are loaded after running `code` in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code + "\nimport sys; print('MODULES', *sorted({name.split('.')[0] for name in sys.modules}))"],
        cwd=REPOSITORY, env=os.environ | {"VAE_REGISTRY": str(root)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split("MODULES", 1)[1].split())


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import registry", NOT_EVEN),
        ("import registry; dir(registry)", NOT_EVEN),
        ("from registry import load, Store, Model, RegistryError, registry_folder", HEAVY),
        (USE, HEAVY),
        (COMMAND, (*HEAVY, "onnxruntime")),
    ],
    ids=["import", "dir", "names", "use", "command line"],
)
def test_nothing_heavy_is_imported(published, code, forbidden):
    assert imported(code, published.root) & set(forbidden) == set()


def test_the_public_names_are_there():
    assert set(registry.__all__) == {"Model", "RegistryError", "Store", "load", "registry_folder"} == set(dir(registry))
    for name in registry.__all__:
        assert getattr(registry, name).__module__.startswith("registry.")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = registry.nothing


def test_where_the_store_is(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAE_REGISTRY", raising=False)
    assert registry.registry_folder() == tmp_path / "runs" / "_registry"
    monkeypatch.setenv("VAE_REGISTRY", str(tmp_path / "there"))
    assert registry.registry_folder() == tmp_path / "there"
    assert registry.registry_folder("here") == tmp_path / "here"
