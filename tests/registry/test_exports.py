"""Each target, read by the tool that it is for.  MLflow, huggingface_hub and tritonclient are no part of the `test` extra: where
one is missing its test is skipped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml

from registry import load
from registry.bundle import import_bundle
from registry.errors import RegistryError
from registry.exports import EXPORTS, bring_in, export
from registry.store import Store
from tests.registry.helpers import images, snapshot

REPOSITORY = Path(__file__).parents[2]
needs = {
    name: pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed")
    for name in ("mlflow", "huggingface_hub", "tritonclient")
}


def elsewhere(code: str, *arguments: object) -> dict:
    """What `code` prints as JSON, run by the other tool in a process of its own, with its own habits about warnings."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def command(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "registry", *map(str, arguments)], capture_output=True, text=True, cwd=REPOSITORY
    )


def test_every_target_keeps_the_contract_and_is_proven_here():
    proofs = "".join(name for name in globals() if name.startswith("test_"))
    for name in EXPORTS.names():
        plugin = EXPORTS.load(name)
        assert plugin.READ_BY and callable(plugin.check) and callable(plugin.write)
        assert f"test_{name}_" in proofs, f"no proof of the target {name}"


@pytest.mark.parametrize("target", ["files", "triton", "huggingface"])
def test_what_is_there_stays_and_nothing_is_left_half_written(published, tmp_path, target, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    with pytest.raises(RegistryError, match="new or empty"):
        export(published.resolve("tiny"), f"{target}:{tmp_path / 'out'}")
    with pytest.raises(RegistryError, match="that can be written"):
        export(published.resolve("tiny"), f"{target}:{tmp_path / 'out' / 'precious' / 'new'}")

    fits, write_bytes = iter([True]), Path.write_bytes

    def full_disk(path, data):
        if not next(fits, False):
            raise OSError(28, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(RegistryError, match="No space left on device; nothing was left"):
        export(published.resolve("tiny"), f"{target}:{tmp_path / 'new'}")
    assert snapshot(tmp_path) == {"out/precious": b"x"}


def test_files_are_the_version(published, tmp_path):
    export(published.resolve("tiny"), str(tmp_path / "out"))
    expected = {name: data for name, data in snapshot(published.resolve("tiny").folder).items() if name != "published"}
    assert snapshot(tmp_path / "out") == expected


def test_tar_is_imported_with_the_same_digest(published, tmp_path):
    version = published.resolve("tiny")
    export(version, str(tmp_path / "tiny.tar"))
    assert import_bundle(Store(tmp_path / "store"), tmp_path / "tiny.tar").digest == version.digest


@pytest.mark.parametrize("target", ["files", "huggingface", "tar"])
def test_what_went_comes_back_with_the_same_digest(published, tmp_path, target):
    version = published.resolve("tiny")
    export(version, f"{target}:{tmp_path / 'out'}")
    store = Store(tmp_path / "store")
    for _ in range(2):  # the second time it is there already
        back = bring_in(store, f"{target}:{tmp_path / 'out'}", "copy")
        assert (str(back), back.digest) == ("copy@1", version.digest)


def test_a_folder_is_read_with_distrust(published, tmp_path):
    version, store, secret = published.resolve("tiny"), Store(tmp_path / "store"), tmp_path / "secret"
    secret.write_bytes(version.read()["encoder.onnx"])

    def attack(name, change, message):
        export(version, str(tmp_path / name))
        change(tmp_path / name)
        with pytest.raises(RegistryError, match=message):
            bring_in(store, str(tmp_path / name))

    def link(folder):
        (folder / "encoder.onnx").unlink()
        (folder / "encoder.onnx").symlink_to(secret)

    def pipe(folder):
        (folder / "card.md").unlink()
        os.mkfifo(folder / "card.md")

    attack("link", link, "plain files only")
    attack("long", lambda folder: (folder / "encoder.onnx").write_bytes(secret.read_bytes() + b"x"), "at most can be right")
    attack("short", lambda folder: (folder / "encoder.onnx").write_bytes(b"x"), "not the file that the manifest describes")
    attack("missing", lambda folder: (folder / "decoder.onnx").unlink(), "must be complete")
    attack("pipe", pipe, "plain files only")
    attack("nothing", lambda folder: (folder / "manifest.json").unlink(), "has none")
    export(version, f"triton:{tmp_path / 'triton'}")
    with pytest.raises(RegistryError, match="cannot come back from triton"):
        bring_in(store, f"triton:{tmp_path / 'triton'}")
    assert store.names() == []


TRITON = """
import json, sys
from google.protobuf import text_format
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc.model_config_pb2 import ModelConfig
print(json.dumps(MessageToDict(text_format.Parse(open(sys.argv[1]).read(), ModelConfig()))))
"""


@needs["tritonclient"]
def test_triton_reads_its_configuration(published, tmp_path):
    """Parsed by the published protobuf schema, which knows every field and every type."""
    version = published.resolve("labelled")
    export(version, f"triton:{tmp_path / 'out'}")
    config = elsewhere(TRITON, tmp_path / "out" / "labelled-encoder" / "config.pbtxt")
    assert (config["name"], config["platform"], config["maxBatchSize"]) == ("labelled-encoder", "onnxruntime_onnx", 256)
    assert config["input"] == [
        {"name": "image", "dataType": "TYPE_FP32", "dims": ["1", "8", "8"]},
        {"name": "condition", "dataType": "TYPE_INT64", "dims": ["1"], "reshape": {}},
    ]
    assert [(each["name"], each["dims"]) for each in config["output"]] == [("mu", ["3"]), ("logvar", ["3"])]
    decoder = elsewhere(TRITON, tmp_path / "out" / "labelled-decoder" / "config.pbtxt")
    assert [each["name"] for each in decoder["input"]] == ["z", "condition"]


def test_triton_repository_has_the_files(published, tmp_path):
    version = published.resolve("labelled")
    export(version, f"triton:{tmp_path / 'out'}")
    files = snapshot(tmp_path / "out")
    assert sorted(files) == [
        f"labelled-{part}/{file}" for part in ("decoder", "encoder") for file in ("1/model.onnx", "config.pbtxt")
    ]
    assert files["labelled-encoder/1/model.onnx"] == version.read()["encoder.onnx"]


CARD = """
import json, sys
from huggingface_hub import ModelCard
data = ModelCard.load(sys.argv[1]).data
print(json.dumps({"library": data.library_name, "task": data.pipeline_tag, "tags": data.tags, "name": data.model_name,
                  "metrics": {each.metric_type: each.metric_value for each in data.eval_results},
                  "datasets": sorted({each.dataset_name for each in data.eval_results})}))
"""


@needs["huggingface_hub"]
def test_huggingface_reads_the_card(published, tmp_path):
    version = published.resolve("tiny")
    export(version, f"huggingface:{tmp_path / 'out'}")
    card = elsewhere(CARD, tmp_path / "out" / "README.md")
    assert (card["library"], card["task"], card["name"]) == ("onnx", "image-feature-extraction", "tiny")
    assert "vae" in card["tags"] and card["datasets"] == ["noise (drawn)"]
    assert card["metrics"] == {key: value for key, value in version.manifest.metrics.items() if value is not None}


def test_huggingface_folder_is_complete(published, tmp_path):
    version = published.resolve("tiny")
    export(version, f"huggingface:{tmp_path / 'out'}")
    files = snapshot(tmp_path / "out")
    assert set(files) == {
        "README.md", "card.md", "config.json", "manifest.json",
        "onnx/decoder.onnx", "onnx/encoder.onnx", "pictures/reconstruction.png",
    }  # fmt: skip
    header, page = files["README.md"].decode().removeprefix("---\n").split("\n---\n", 1)
    assert yaml.safe_load(header)["model-index"][0]["results"][0]["dataset"] == {"type": "noise", "name": "noise (drawn)"}
    assert "pictures/reconstruction.png" in page
    config = json.loads(files["config.json"])
    assert (config["latent_dim"], config["image_size"], config["digest"]) == (3, [8, 8], version.digest)


MLFLOW = """
import json, sys, mlflow, numpy as np
place, given, condition = sys.argv[1:4]
mlflow.set_tracking_uri(place)
model = mlflow.pyfunc.load_model("models:/labelled/1")
made = mlflow.MlflowClient().get_model_version("labelled", "1")
run = mlflow.get_run(made.run_id)
assert "torch" not in sys.modules and "registry" not in sys.modules
signature = model.metadata.signature
answer = model.predict({"image": np.load(given), "condition": np.load(condition)})
print(json.dumps({"inputs": signature.inputs.input_names(), "outputs": signature.outputs.input_names(),
                  "metrics": run.data.metrics, "tags": made.tags, "experiment": run.info.experiment_id,
                  "mu": answer["mu"].tolist(), "pixels": answer["pixels"].tolist()}))
"""


@needs["mlflow"]
def test_mlflow_loads_the_model_and_shows_where_it_comes_from(published, tmp_path):
    version, place = published.resolve("labelled"), f"sqlite:///{tmp_path / 'runs.db'}"
    done = command("export", "labelled", "--to", f"mlflow:{place}", "--registry", published.root)
    assert (done.returncode, done.stdout) == (0, f"labelled@1 → models:/labelled/1 in {place}\n"), done.stderr
    assert done.stderr == ""

    batch, labels = images(4).astype(np.float32) / 255, np.array([0, 1, 2, 3])
    np.save(tmp_path / "images.npy", batch)
    np.save(tmp_path / "labels.npy", labels)
    told = elsewhere(MLFLOW, place, tmp_path / "images.npy", tmp_path / "labels.npy")
    assert told["inputs"] == ["image", "condition"] and told["outputs"][:2] == ["mu", "logvar"]
    assert told["metrics"] == {key: value for key, value in version.manifest.metrics.items() if value is not None}
    assert told["tags"]["vae.digest"] == version.digest and told["tags"]["vae.dataset"] == "noise (drawn)"
    assert told["tags"]["purpose"] == "tests"
    model = load("labelled", registry=published.root)
    np.testing.assert_allclose(told["mu"], model.encode(batch, labels)[0], atol=1e-6)
    np.testing.assert_allclose(told["pixels"], model.reconstruct(batch, labels), atol=1e-6)

    for source in (f"mlflow:{place}#labelled", f"mlflow:{place}#labelled@1"):
        back = command("import", source, "--registry", tmp_path / "store", "--json")
        assert (back.returncode, back.stderr) == (0, "")
        assert json.loads(back.stdout) == {"name": "labelled", "version": 1, "digest": version.digest}
    missing = command("import", f"mlflow:{place}#labelled@7", "--registry", tmp_path / "store")
    assert missing.returncode == 2 and "has no model labelled@7; its versions are [1]" in missing.stderr

    again = command("export", "labelled", "--to", f"mlflow:{place}", "--registry", published.root)
    assert again.returncode == 2 and again.stderr.count("\n") == 1 and "is there already as models:/labelled/1" in again.stderr


FAILING = """
import json, sys
from pathlib import Path
import mlflow
from registry.errors import RegistryError
from registry.exports import export
from registry.store import Store

def refuse(self, *arguments, **options):
    raise mlflow.MlflowException("the server is full")

mlflow.MlflowClient.create_model_version = refuse                       # the last of all steps
database, version = Path(sys.argv[2]), Store(sys.argv[1]).resolve("tiny")
try:
    export(version, f"mlflow:sqlite:///{database}")
except RegistryError as error:
    said = str(error)
client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{database}")
print(json.dumps({"said": said, "experiments": [each.name for each in client.search_experiments()],
                  "models": len(client.search_registered_models()),
                  "files": [path.name for path in database.parent.rglob("*") if path.is_file()]}))
"""


@needs["mlflow"]
def test_mlflow_failing_at_the_last_step_leaves_nothing(published, tmp_path):
    told = elsewhere(FAILING, published.root, tmp_path / "runs.db")
    assert told["said"].endswith("refuses: the server is full")
    assert (told["experiments"], told["models"], told["files"]) == (["Default"], 0, ["runs.db"])


@pytest.mark.parametrize("place", ["sqlite:////proc/nowhere/x.db", "http://127.0.0.1:9", "databricks", "/tmp/folder"])
def test_mlflow_out_of_reach_or_missing_is_one_line(published, place, tmp_path):
    done = command("export", "tiny", "--to", f"mlflow:{place}", "--registry", published.root)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


LOG_A_PAIR = """
import sys, mlflow, onnx
uri, *files = sys.argv[1:]
mlflow.set_tracking_uri(uri)
with mlflow.start_run():
    mlflow.log_metric("mig", 0.25)
    for file in files:
        mlflow.onnx.log_model(onnx.load(file), name="m", registered_model_name=file.rpartition("/")[2][:-5])
print("{}")
"""


@needs["mlflow"]
def test_mlflow_networks_that_others_have_logged_are_brought_in(empty, tmp_path, monkeypatch):
    from tests.registry.test_foreign import decoder, encoder

    monkeypatch.chdir(tmp_path)
    for part, data in (("enc", encoder()), ("dec", decoder())):
        (tmp_path / f"{part}.onnx").write_bytes(data)
    uri = f"sqlite:///{tmp_path}/theirs.db"
    elsewhere(LOG_A_PAIR, uri, tmp_path / "enc.onnx", tmp_path / "dec.onnx")
    pair = ("import", "--encoder", f"mlflow:{uri}#enc", "--decoder", f"mlflow:{uri}#dec@1", "--name", "theirs")
    said = ("--range", "0,1", "--pixels", "logits", "--claim", "recon=80", "--registry", empty.root)
    done = command(*pair, *said)
    assert done.returncode == 0, done.stderr
    assert empty.resolve("theirs").manifest.metrics == {"claimed_mig": 0.25, "claimed_recon": 80}
    assert load("theirs", registry=empty.root).encode(images())[0].shape == (6, 3)
    done = command("import", f"mlflow:{uri}#enc", "--registry", empty.root)
    assert done.returncode == 2 and "--encoder mlflow:" in done.stderr and done.stderr.count("\n") == 1
