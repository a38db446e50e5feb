"""Command lines that cannot be right: each is one line on standard error, exit status 2, and nothing is written."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from PIL import Image

from registry.console import run
from study.search import job
from study.training.run import Run

SMALL = ["--space", "around_mnist_vae", "--dataset", "digits", "--budget", "smoke", "--name", "n"]
FOLDER = ["--space", "folder", "--dry-run", "--dataset"]
MNIST = ["mnist_vae", "--dataset", "digits", "--fast"]
RANGE = ["mnist_vae", "--dataset", "digits", "--steps", "20"]
MAP = ["--map", "disentangling_vae"]
NOT_UTF8 = "\udcff"

LINES = {
    "run": [
        (["--space", "fodler"], "unknown space 'fodler'"),
        (["--space", ""], "unknown space ''"),
        (["--space", "../x"], "unknown space '../x'"),
        (["--space", f"a\n{NOT_UTF8}"], r"unknown space 'a\n\udcff'"),
        (["--space", "around_nothing"], "unknown recipe 'nothing'"),
        (["--tirals", "3"], "No such option: --tirals"),
        (["--trials"], "Option '--trials' requires an argument"),
        (["extra"], "unexpected extra argument"),
        (["--space", "folder", "--resume", "taken"], "give exactly one of --space, --resume, --extend"),
        (["--space", "folder", "--resume-if-exists"], "--resume-if-exists needs --name"),
        ([*SMALL, "--trials", "0"], "Invalid value for '--trials'"),
        ([*SMALL, "--trials", "99999999999999999999"], "MB free"),
        ([*SMALL, "--seed", "-1"], "Invalid value for '--seed'"),
        ([*SMALL, "--replicates", "nan"], "Invalid value for '--replicates'"),
        ([*SMALL, "--gpus-per-trial", "nan"], "Invalid value for '--gpus-per-trial'"),
        ([*SMALL, "--gpus-per-trial", "inf"], "gpus_per_trial: Input should be a finite number (got inf)"),
        ([*SMALL, "--cpus-per-trial", "1000000"], "but got 1000000"),
        ([*SMALL, "--concurrent", "-3"], "Invalid value for '--concurrent'"),
        ([*SMALL, "--confirm", "-1"], "Invalid value for '--confirm'"),
        ([*SMALL, "--sampler", "TPE"], "unknown sampler 'TPE': choose one of tpe"),
        ([*SMALL, "--scheduler", ""], "unknown scheduler ''"),
        ([*SMALL, "--budget", ""], "unknown budget ''"),
        ([*SMALL, "--start", "study:nothing"], "nothing is not a study"),
        ([*SMALL, "--start", "study:"], "is not a study"),
        ([*SMALL, "--metrics", ""], "unknown metric ''"),
        ([*SMALL, "--metrics", "recon;kl"], "unknown metric 'recon;kl'"),
        ([*SMALL, "--paired", ""], "has no knob ''"),
        ([*SMALL, "--dataset", ""], "unknown dataset ''"),
        ([*SMALL, "--dataset", "digits:x"], "dataset digits takes no argument"),
        ([*FOLDER, "digits"], "dataset digits takes image_size only, but space folder sets mode=RGB"),
        ([*FOLDER, "mnist"], "dataset mnist takes no options, but space folder sets image_size=64, mode=RGB"),
        ([*FOLDER, "folder:"], "needs the pictures' folder"),
        ([*FOLDER, "folder:file"], "file is not a folder"),
        ([*FOLDER, "folder:empty"], "there are no files"),
        ([*FOLDER, "folder:words"], "is not a picture that Pillow can read"),
        ([*FOLDER, "folder:loop"], "loop is not a folder"),
        ([*FOLDER, f"folder:{'x' * 5000}"], "File name too long"),
        ([*FOLDER, f"folder:a\n{NOT_UTF8}"], "is not a folder"),
        (["--space", "dsprites_capacity", "--data", "file"], "Not a directory"),
        (["--space", "dsprites_capacity", "--data", "s3://b/d"], "but got the URL"),
        ([*SMALL, "--name", ""], "a study's name is"),
        ([*SMALL, "--name", f"a\n{NOT_UTF8}"], "a study's name is"),
        ([*SMALL, "--name", "taken"], "the study taken exists already"),
        ([*SMALL, "--out", ""], "--out must be a folder or a URL, but got an empty text"),
        ([*SMALL, "--out", "file"], "--out must be a folder that can be written"),
        ([*SMALL, "--out", "loop/x"], "--out must be a folder that can be written"),
        ([*SMALL, "--out", "/proc/x"], "--out must be a folder that can be written"),
        ([*SMALL, "--out", "x" * 300], "File name too long"),
        ([*SMALL, "--out", "ftp://h/x"], "unknown kind of URL 'ftp'"),
        ([*SMALL, "--out", "s3://a b/c"], "is not a URL of a store"),
        ([*SMALL, "--out", "s3://[::1/x"], "a URL must read s3://BUCKET/PREFIX"),
        ([*SMALL, "--out", "file:///proc/x"], "cannot be used"),
        ([*SMALL, "--registry", "file"], "the model store must be a folder that can be written"),
        ([*SMALL, "--registry", "/proc/x"], "the model store must be a folder that can be written"),
        ([*SMALL, "--registry", "ftp://x/y"], "unknown place of a model store 'ftp'"),
        ([*SMALL, "--storage", ""], "cannot be opened"),
        ([*SMALL, "--storage", "http://[bad"], "cannot be opened"),
        ([*SMALL, "--storage", "sqlite:///file"], "cannot be opened"),
        ([*SMALL, "--address", ""], "no Ray cluster answers at"),
        ([*SMALL, "--address", "127.0.0.1:99999999"], "no Ray cluster answers at"),
        (["--resume", "nothing"], "nothing is not a study"),
        (["--resume", ""], "is not a study"),
        (["--resume", "binary"], "is not a study record of this version"),
        (["--resume", "afolder"], "afolder is not a study"),
        (["--resume", NOT_UTF8], "is not a study"),
        (["--resume", "s3://[bad"], "a URL must read s3://BUCKET/PREFIX"),
        (["--resume", "file:///nowhere/s"], "it has no study.json"),
        (["--extend", "taken", "--trials", "x"], "Invalid value for '--trials'"),
    ],
    "recipe": [
        (["mnist_va"], "unknown recipe 'mnist_va'"),
        ([""], "unknown recipe ''"),
        (["mnist_vae", "--epochs", "nan"], "Invalid value for '--epochs'"),
        (["mnist_vae", "--fast", "--epochs", "3"], "--fast or --epochs, not both"),
        (["mnist_vae", "--data", "file"], "Not a directory"),
        (["mnist_vae", "--dataset", "folder:nowhere"], "nowhere is not a folder"),
        ([*MNIST, "--out", "file"], "--out must be a folder that can be written"),
        ([*MNIST, "--out", "s3://b/x"], "but got the URL"),
        ([*MNIST, "--registry", "file/x"], "the model store must be a folder that can be written"),
    ],
    "publish": [
        ([], "Missing argument"),
        (["nothing", "--pareto"], "nothing is not a study"),
        (["taken", "--pareto"], "is not a study record of this version"),
        (["binary", "--pareto"], "is not a study record of this version"),
        (["taken", "--trial", "-1"], "Invalid value for '--trial'"),
        (["taken", "--where", "recon < 3"], "give exactly one of --trial N, --pareto, --best METRIC"),
        (["taken", "--pareto", "--sign", "file"], "a private key must be a PEM file"),
        (["s3://[bad", "--pareto"], "a URL must read s3://BUCKET/PREFIX"),
    ],
    "lr_range": [
        (["mnist_va"], "unknown recipe 'mnist_va'"),
        ([*RANGE, "--low", "nan"], "0 < low < high <= 1 must hold, but got low=nan"),
        ([*RANGE, "--low", "-1e308"], "0 < low < high <= 1 must hold"),
        ([*RANGE, "--high", "inf"], "0 < low < high <= 1 must hold"),
        ([*RANGE, "--steps", "1"], "Invalid value for '--steps'"),
        ([*RANGE, "--out", "/proc/x"], "--out must be a folder that can be written"),
    ],
    "adopt": [
        (["weights.pt"], "give the weights' file and --map NAME"),
        (["weights.pt", "--map", "../x"], "unknown weight map '../x'"),
        (["weights.pt", *MAP], "must be a state dictionary of PyTorch"),
        (["nowhere.pt", *MAP], "there is no file nowhere.pt"),
        (["empty", *MAP], "cannot read empty: Is a directory"),
        ([NOT_UTF8, *MAP], "there is no file"),
    ],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a person made every mistake."""
    folder = tmp_path_factory.mktemp("world")
    for name, content in (("taken", b"{}"), ("binary", b"\xff\xfe\0")):
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / "study.json").write_bytes(content)
    (folder / "runs" / "afolder" / "study.json").mkdir(parents=True)
    for name in ("empty", "words", "few"):
        (folder / name).mkdir()
    (folder / "words" / "a.png").write_text("no picture")
    Image.new("L", (8, 8)).save(folder / "few" / "a.png")
    (folder / "file").write_text("no folder")
    (folder / "weights.pt").write_bytes(b"junk")
    (folder / "loop").symlink_to("loop")
    return folder


def contents(folder: Path) -> dict[str, float]:
    """Every file below it, with the time of its last change; not the locks under which data sets are read."""
    found = [path for path in sorted(folder.rglob("*")) if not path.is_dir() and path.suffix != ".lock"]
    return {str(path.relative_to(folder)): path.lstat().st_mtime for path in found}


@pytest.mark.parametrize(("command", "arguments", "said"), [(key, *line) for key, lines in LINES.items() for line in lines])
def test_one_line_and_nothing_written(
    command: str,
    arguments: list[str],
    said: str,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def starts(*_: object, **__: object) -> None:
        raise AssertionError("it would begin")

    monkeypatch.setattr(job, "search_and_publish", starts)
    monkeypatch.setattr(Run, "advance", starts)
    monkeypatch.chdir(world)
    for variable in ("VAE_DATA", "VAE_RUNS", "VAE_REGISTRY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "argv", [f"study.{command}", *arguments])
    before = contents(world)
    with pytest.raises(SystemExit) as ended:
        run(importlib.import_module(f"study.{command}").app)
    told = capfd.readouterr().err
    assert ended.value.code == 2 and told.startswith("error: ") and told.count("\n") == 1, told
    assert said in told
    assert contents(world) == before
