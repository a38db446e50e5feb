"""Every command that the documents show for looking at what is there, run as a person types it; only the names are filled in.

Those that train are run by `tests/study/test_run.py`, `test_recipes.py` and `test_lr_range.py`; the main ones are named there.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from registry import Store
from study.records.folder import StudyFolder
from tests.test_documents import commands

TRAIN = ("study.run", "study.recipe", "study.lr_range", "study.adopt")
RUN = [(module, words) for module, words in commands() if module not in TRAIN and words not in ("pull", "--measure")]
SHORTER = {"analysis.batchrank": ["--batches", "2", "--points", "1000", "--methods", "contrast,random"]}
"""As it is shown it takes minutes."""
REFUSED = {
    "analysis.disentanglement": "at least 8 trials",
    "analysis.outliers": "batchrank",
    "analysis.matched": "objective",
}
"""Commands that this study of three trials is too small for, and what they must say of it, in one line."""


@pytest.fixture(scope="module")
def names(tiny_study: StudyFolder, tiny_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the documents' capital letters stand for here."""
    home = tmp_path_factory.mktemp("home")
    pictures = home / "photos"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(30):
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(pictures / f"{number:02d}.png")
    store = Store(shutil.copytree(tiny_registry, home / "store"))
    store.set_alias("dsprites_capacity", 1, "champion")
    model = "dsprites_capacity@1"
    return {"STUDY": str(tiny_study.path), "FOLDER": str(pictures), "MODEL": model, "NAME": model, "KNOB": "objective"}


@pytest.mark.slow
@pytest.mark.parametrize(("module", "words"), RUN, ids=[" ".join(pair) for pair in RUN])
def test_it_runs(names: dict[str, str], module: str, words: str, data_folder: Path, tmp_path_factory, monkeypatch) -> None:
    home = Path(names["FOLDER"]).parent
    text = words.replace("huggingface:FOLDER", f"huggingface:{tmp_path_factory.mktemp('layout') / 'new'}")
    text = re.sub(r"\b(STUDY|FOLDER|MODEL|NAME|KNOB)…?", lambda found: names[found[1]], text).replace(
        "recon <= 60", "recon <= 999"
    )
    for key, value in {"VAE_REGISTRY": home / "store", "VAE_DATA": data_folder, "VAE_RUNS": home / "runs"}.items():
        monkeypatch.setenv(key, str(value))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    command = [sys.executable, "-m", module, *shlex.split(text), *SHORTER.get(module, [])]
    if module == "analysis.watch":  # serves until somebody ends it
        with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=home) as server:
            assert server.stdout is not None and "watching tiny at http://127.0.0.1:" in server.stdout.readline()
            server.terminate()
        return
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, timeout=600, check=False)
    if module in REFUSED:
        assert done.returncode == 2 and REFUSED[module] in done.stderr and done.stderr.count("\n") == 1, done.stdout + done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
