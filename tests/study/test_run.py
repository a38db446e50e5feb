"""The main job as a person runs it: real processes, real Ray, real files, kill -9.

One smoke study serves most tests; the second one is killed in the middle and resumed.  Both use the real dSprites.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from optuna.artifacts import get_all_artifact_meta
from PIL import Image

from registry import load
from registry.console import run
from registry.signing import unsigned
from registry.store import Store
from study.records.folder import StudyFolder
from study.records.tables import read_table
from study.search.journal import load_optuna_study
from tests.registry.helpers import key_pair

COMMAND = (sys.executable, "-m", "study.run")
REPOSITORY = Path(__file__).parents[2]


def call(*arguments: str | Path, timeout: float = 300, module: str = "study.run") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=REPOSITORY)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, data_folder: Path, dsprites: object) -> tuple[StudyFolder, str]:
    """A finished smoke study and what its command printed.  Its registry is beside it."""
    runs = tmp_path_factory.mktemp("runs")
    done = call(
        "--space", "dsprites_capacity", "--budget", "smoke", "--name", "smoke", "--out", runs,
        "--registry", runs / "_registry", "--data", data_folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return StudyFolder(runs / "smoke"), done.stdout + done.stderr


def test_a_smoke_study_goes_through_all_steps(smoke: tuple[StudyFolder, str]) -> None:
    folder, printed = smoke
    for name in ("study.json", "trials.parquet", "replicates.parquet", "history.parquet", "optuna.journal"):
        assert (folder.path / name).is_file(), name
    assert (folder.path / "figures" / "loss_curves.png").stat().st_size > 10_000
    assert list(folder.path.glob("figures/trial-*-traversal.png"))
    assert list(folder.path.glob("figures/trial-*-reconstructions.png"))
    assert list(folder.path.glob("tune/trial-00*/events.out.tfevents*"))
    assert (folder.path / "logs" / "trial-000.log").read_text().count("recon") >= 20
    assert not list(folder.path.glob("checkpoints/*"))
    for said in (
        "Pareto front of 3 usable trials",
        "n = 1 seed",
        "Ray dashboard: http://",
        "no champion yet",
        "load('dsprites_capacity@",
        "[3/3]",
    ):
        assert said in printed, said
    assert "Traceback" not in printed
    assert "Warning" not in printed


def test_its_record_says_what_it_was(smoke: tuple[StudyFolder, str]) -> None:
    record = smoke[0].record
    assert record.dataset["source"] in ("drawn", "official")
    assert len(record.dataset["digest"]) >= 32
    assert {"torch", "ray", "optuna", "numpy"} <= set(record.versions)
    assert record.hardware["device"] in ("cpu", "cuda")
    assert record.git.get("commit") is None or len(record.git["commit"]) == 40


def test_its_tables_agree_with_the_journal(smoke: tuple[StudyFolder, str]) -> None:
    folder, _ = smoke
    trials = read_table(folder, "trials")
    journal = load_optuna_study(folder)
    assert len(trials) == len(journal.trials) == 3
    for trial in journal.trials:
        row = trials[trials["trial"] == trial.number].iloc[0]
        assert trial.values == pytest.approx([row["recon"], row["mig"]])
        assert json.loads(row["config"])["objective"] == row["objective"] == trial.params["objective"]
    history = read_table(folder, "history")
    assert set(history["trial"]) == {0, 1, 2}
    assert (history.groupby("trial")["progress"].max() == 1.0).all()
    assert np.isfinite(history[["loss", "recon", "kl"]].to_numpy()).all()


def test_optuna_knows_why_its_front_is_worth_a_look(smoke: tuple[StudyFolder, str]) -> None:
    """Notes on the front's trials, and the study's sheets as artifacts: what optuna-dashboard shows beside numbers."""
    folder, printed = smoke
    optuna_study = load_optuna_study(folder)
    kept = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(optuna_study)}
    drawn = {path.name for path in folder.path.glob("figures/trial-*.png")}
    assert set(kept) == drawn and all((folder.path / "artifacts" / name).is_file() for name in kept.values())
    told = [json.loads(line).get("system_attr", {}) for line in folder.journal.read_text().splitlines()]
    notes = [value for attribute in told for key, value in attribute.items() if "note_str" in key]
    assert notes and all(note.startswith("On the front: recon ") and "dsprites_capacity@" in note for note in notes)
    assert f"--artifact-dir {folder.path / 'artifacts'}" in printed


def test_its_models_are_in_the_registry(smoke: tuple[StudyFolder, str], dsprites: object) -> None:
    folder, _ = smoke
    model = load("dsprites_capacity@candidate", registry=folder.path.parent / "_registry")
    lineage = model.manifest.lineage
    assert lineage.study == "smoke"
    assert lineage.dataset.digest == folder.record.dataset["digest"]
    row = read_table(folder, "trials").set_index("trial").loc[lineage.trial]
    assert model.manifest.metrics["recon"] == pytest.approx(row["recon"], rel=1e-4)
    assert {"test_recon", "test_mig", "mig", "modularity"} <= set(model.manifest.metrics)
    images = dsprites.images[dsprites.parts["test"][:3]]  # type: ignore[attr-defined]
    mu, logvar = model.encode(images)
    assert mu.shape == logvar.shape == (3, model.signature.latent_dim)
    assert model.decode(mu).shape == images.shape


def test_publishing_again_changes_nothing_but_may_sign(smoke: tuple[StudyFolder, str], tmp_path: Path) -> None:
    folder, _ = smoke
    registry = folder.path.parent / "_registry"
    before = {path: path.stat().st_mtime for path in registry.rglob("manifest.json")}
    secret, public = key_pair(tmp_path, "ours")
    command = ("smoke", "--pareto", "--out", folder.path.parent, "--registry", registry, "--json", "--sign")
    done = call(*command, public, module="study.publish")
    assert done.returncode == 2 and "a private key must be a PEM file" in done.stderr
    done = call(*command, secret, module="study.publish")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["name"] for row in rows} == {"dsprites_capacity"}
    assert {path: path.stat().st_mtime for path in registry.rglob("manifest.json")} == before
    signed = {row["version"] for row in rows}
    missing = {finding.version for finding in unsigned(Store(registry), "dsprites_capacity", public)}
    assert signed and missing == set(Store(registry).numbers("dsprites_capacity")) - signed


@pytest.mark.slow
def test_two_who_publish_a_trial_at_once_publish_it_once(smoke: tuple[StudyFolder, str], tmp_path: Path) -> None:
    """Both find nothing, both evaluate for seconds, and the second to finish returns what the first one published."""
    folder, _ = smoke
    trial = str(read_table(folder, "trials")["trial"].iloc[0])
    command = ["smoke", "--trial", trial, "--out", folder.path.parent, "--registry", tmp_path / "store", "--json"]
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "study.publish", *map(str, command)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [json.loads(process.communicate(timeout=300)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] and Store(tmp_path / "store").numbers("dsprites_capacity") == [1]


def test_extending_adds_trials(smoke: tuple[StudyFolder, str]) -> None:
    folder, _ = smoke
    runs = folder.path.parent
    done = call("--extend", "smoke", "--trials", "1", "--out", runs, "--registry", runs / "_registry")
    assert done.returncode == 0, done.stderr
    extended = StudyFolder(folder.path)
    assert extended.record.trials == 4
    assert list(read_table(extended, "trials")["status"]) == ["complete"] * 4


@pytest.mark.slow
def test_a_finished_study_can_be_confirmed_with_fresh_seeds(smoke: tuple[StudyFolder, str]) -> None:
    folder, _ = smoke
    runs = folder.path.parent
    done = call("--resume", "smoke", "--confirm", "2", "--out", runs, "--registry", runs / "_registry")
    assert done.returncode == 0, done.stderr
    assert "fresh median" in done.stdout
    fresh, searched = read_table(folder, "confirmation"), read_table(folder, "replicates")
    assert fresh.groupby("trial").size().tolist() == [2] * fresh["trial"].nunique()
    assert set(fresh["seed"]).isdisjoint(searched["seed"])
    assert fresh["mig"].notna().all()
    usable = fresh[fresh["status"].isin(("complete", "stopped"))].groupby("trial").size()
    store = Store(runs / "_registry")
    seeds = {version.manifest.lineage.trial: version.manifest.lineage.seeds for version in store.versions("dsprites_capacity")}
    assert {trial: seeds[trial] for trial in usable.index} == {trial: 1 + count for trial, count in usable.items()}


def test_a_study_killed_in_the_middle_resumes(tmp_path: Path, data_folder: Path, dsprites: object) -> None:
    """kill -9 of the driver: after --resume every configuration ran to its end once, none twice, none is RUNNING."""
    arguments = ("--out", tmp_path, "--registry", tmp_path / "_registry")
    start = ("--space", "dsprites_capacity", "--budget", "smoke", "--trials", "4", "--name", "cut", "--data", data_folder)
    driver = subprocess.Popen([*COMMAND, *map(str, (*start, *arguments))], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    table = tmp_path / "cut" / "trials.parquet"
    deadline = time.monotonic() + 180
    while not table.is_file() and time.monotonic() < deadline:
        time.sleep(0.2)
    workers = psutil.Process(driver.pid).children(recursive=True)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    psutil.wait_procs(workers, timeout=30)
    for orphan in workers:
        if orphan.is_running():
            orphan.kill()

    before = load_optuna_study(StudyFolder(tmp_path / "cut"))
    finished_before = [t.number for t in before.trials if t.state.is_finished()]
    running_before = [t.number for t in before.trials if t.state.name == "RUNNING"]
    assert finished_before
    assert running_before

    done = call("--resume", "cut", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    after = load_optuna_study(StudyFolder(tmp_path / "cut"))
    states = Counter(t.state.name for t in after.trials)
    assert set(states) <= {"COMPLETE", "FAIL"}
    assert states["COMPLETE"] == 4
    retried = {t.user_attrs["retry_of"] for t in after.trials if "retry_of" in t.user_attrs}
    assert retried == set(running_before)
    trials = pd.read_parquet(table)
    complete = trials[trials["status"] == "complete"]
    assert complete["config_digest"].is_unique
    assert set(finished_before) <= set(complete["trial"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--space", "nothing"], "unknown space 'nothing': choose one of"),
        ([], "give exactly one of --space, --resume, --extend"),
        (["--space", "dsprites_capacity", "--sampler", "magic"], "unknown sampler 'magic': choose one of tpe"),
        (["--space", "dsprites_capacity", "--scheduler", "magic"], "unknown scheduler 'magic': choose one of none"),
        (["--space", "dsprites_capacity", "--budget", "huge"], "unknown budget 'huge'"),
        (["--space", "dsprites_capacity", "--metrics", "recon,magic"], "unknown metric 'magic'"),
        (["--space", "dsprites_capacity", "--metrics", "recon,udr"], "udr needs at least 2 seeds"),
        (["--space", "dsprites_capacity", "--name", "../up"], "a study's name is"),
        (["--space", "dsprites_capacity", "--name", "taken"], "the study taken exists already"),
        (["--space", "dsprites_capacity", "--gpus-per-trial", "0.5"], "needs a GPU"),
        (["--space", "dsprites_capacity", "--dataset", "digits"], "needs ground-truth factors"),
        (["--space", "dsprites_capacity", "--address", "127.0.0.1:1"], "no Ray cluster answers at 127.0.0.1:1"),
        (["--space", "dsprites_capacity", "--address", "ray://127.0.0.1:1"], "is for Ray's client"),
        (["--space", "dsprites_capacity", "--metrics", "recon,recon"], "each searched metric must be named once"),
        (["--space", "dsprites_capacity", "--cpus-per-trial", "4096"], "--cpus-per-trial must be at most this machine's"),
        (["--resume", "taken", "--seed", "9", "--sampler", "random"], "so --seed, --sampler cannot apply"),
        (["--resume", "taken", "--trials", "9"], "--extend STUDY --trials N adds trials"),
        (["--extend", "taken", "--metrics", "mig"], "so --metrics cannot apply"),
        (["--resume", "absent"], "absent is not a study"),
        (["--resume", "taken"], "not a study record of this version"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In this process: its imports are most of what a command of its own would take."""
    if "--gpus-per-trial" in arguments:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "study.json").write_text("{}")
    places = ("--out", tmp_path, "--data", data_folder, "--registry", tmp_path / "_registry")
    monkeypatch.setattr(sys, "argv", ["study.run", *arguments, *map(str, places)])
    with pytest.raises(SystemExit, match="2"):
        run(importlib.import_module("study.run").app)
    told = capfd.readouterr().err
    assert says in told
    assert told.startswith("error: ")
    assert told.count("\n") == 1, told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_a_dry_run_writes_nothing(tmp_path: Path, data_folder: Path, dsprites: object) -> None:
    done = call("--space", "dsprites_capacity", "--budget", "smoke", "--dry-run", "--out", tmp_path, "--data", data_folder)
    assert done.returncode == 0, done.stderr
    for said in ("3 trials of 120 steps", "steps/s each: about", "MB on disk", "Nothing was written"):
        assert said in done.stdout
    assert not list(tmp_path.iterdir())


def test_help_and_list_are_quick_and_complete() -> None:
    assert "dsprites_capacity" in call("--list").stdout
    printed = call("--help").stdout
    for option in ("--space", "--trials", "--budget", "--resume", "--extend", "--address", "--dry-run", "--gpus-per-trial"):
        assert option in printed, option


@pytest.mark.slow
def test_a_few_labelled_pictures_by_a_relative_path(tmp_path: Path) -> None:
    """Workers have folders of their own; sixty labels are too few for metrics of labels; a density's −log is below 0."""
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 80, (16, 16, 3), dtype=np.uint8)
            pixels[4:9, 2 if name == "a" else 9 :][:, :5] = 220
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    command = [
        *COMMAND,
        "--space",
        "folder",
        "--dataset",
        "folder:pictures",
        "--budget",
        "smoke",
        "--trials",
        "1",
        "--no-dashboard",
    ]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "folder version 1" in done.stdout and "Warning" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_output_folder(tmp_path: Path, data_folder: Path, dsprites: object) -> None:
    tmp_path.chmod(0o500)
    done = call("--space", "dsprites_capacity", "--budget", "smoke", "--out", tmp_path, "--data", data_folder)
    tmp_path.chmod(0o700)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


@pytest.mark.slow
def test_reused_actors_give_the_same_numbers(smoke: tuple[StudyFolder, str], tmp_path: Path, data_folder: Path) -> None:
    """Trials 0 to 2 again, the third one in a process that has already trained another."""
    done = call(
        "--space", "dsprites_capacity", "--budget", "smoke", "--name", "reused", "--reuse-actors", "--out", tmp_path,
        "--registry", tmp_path / "_registry", "--data", data_folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    columns = ["config_digest", "recon", "mig", "kl"]
    fresh, reused = (read_table(each, "trials")[columns] for each in (smoke[0], StudyFolder(tmp_path / "reused")))
    pd.testing.assert_frame_equal(fresh, reused)


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["asha", "median"])
def test_schedulers_stop_trials_early(scheduler: str, tmp_path: Path, data_folder: Path, dsprites: object) -> None:
    """On real Ray.  `qmc` from no start points: the same six points every time, some of them clearly worse than others."""
    done = call(
        "--space", "dsprites_capacity", "--budget", "smoke", "--trials", "6", "--metrics", "recon", "--sampler", "qmc",
        "--start", "none", "--scheduler", scheduler, "--name", scheduler, "--out", tmp_path, "--registry", tmp_path / "_registry",
        "--data", data_folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    trials = read_table(StudyFolder(tmp_path / scheduler), "trials")
    assert len(trials) == 6 and set(trials["state"]) <= {"COMPLETE", "PRUNED"}
    stopped = trials[trials["state"] == "PRUNED"]
    assert len(stopped) > 0 or scheduler == "median"  # which waits for three comparable trials: six may not be enough
    assert (stopped["status"] == "pruned").all() and (stopped["reason"] == f"stopped early by {scheduler}").all()
    assert stopped["config_digest"].notna().all() and stopped["steps"].gt(0).all()
    history = read_table(StudyFolder(tmp_path / scheduler), "history")
    assert set(trials["trial"]) == set(history["trial"]), "a stopped trial keeps its curve"
    assert not list((tmp_path / scheduler).glob("checkpoints/*")), "and leaves no checkpoint"


def test_a_knob_that_is_not_there_cannot_be_paired(tmp_path: Path) -> None:
    shown = call("--space", "dsprites_capacity", "--paired", "colour", "--out", tmp_path, "--dry-run")
    assert shown.returncode == 2
    assert "space dsprites_capacity has no knob 'colour' to pair by; it has architecture" in " ".join(shown.stderr.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "status", "group"),
    [(signal.SIGTERM, 143, False), pytest.param(signal.SIGHUP, 129, False, marks=pytest.mark.slow), (signal.SIGTERM, 143, True)],
    ids=["SIGTERM", "SIGHUP", "SIGTERM to the group"],
)
def test_a_signal_ends_as_ctrl_c_does(
    number: signal.Signals, status: int, group: bool, tmp_path: Path, data_folder: Path, dsprites: object
) -> None:
    """Slurm and systemd signal the whole group, Ray's processes too: still nothing but our own lines is printed."""
    start = ("--space", "dsprites_capacity", "--budget", "smoke", "--trials", "4", "--name", "told", "--data", data_folder)
    command = [*COMMAND, *map(str, (*start, "--out", tmp_path, "--registry", tmp_path / "_registry"))]
    with (tmp_path / "errors").open("w+") as errors:
        driver = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
        log = tmp_path / "told" / "logs" / "trial-000.log"
        deadline = time.monotonic() + 180
        while not log.is_file() and time.monotonic() < deadline:
            time.sleep(0.2)
        if group:
            os.killpg(driver.pid, number)
        else:
            driver.send_signal(number)
        printed, _ = driver.communicate(timeout=120)
    assert driver.returncode == status, printed
    assert printed.splitlines()[-2].endswith("nothing is lost. Go on with:")
    assert printed.splitlines()[-1].startswith("  python -m study.run --resume")
    assert (tmp_path / "errors").read_text() == ""
    trials = load_optuna_study(StudyFolder(tmp_path / "told")).trials
    assert not [trial for trial in trials if trial.state.name == "RUNNING"]


@pytest.mark.slow
@pytest.mark.parametrize("deaf", [False, True], ids=["", "and its control process no longer answers"])
def test_a_study_without_its_raylet_ends_soon_and_goes_on(
    deaf: bool, tmp_path: Path, data_folder: Path, dsprites: object
) -> None:
    """Deaf: a machine too busy for Ray; the main thread then waits in a call of Ray's that no interrupt reaches."""
    places = ("--out", tmp_path, "--registry", tmp_path / "_registry")
    start = ("--space", "dsprites_capacity", "--budget", "smoke", "--trials", "3", "--name", "cut", "--data", data_folder)
    command = [*COMMAND, *map(str, (*start, *places))]
    driver = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 180
    while not (tmp_path / "cut" / "logs" / "trial-000.log").is_file() and time.monotonic() < deadline:
        time.sleep(0.2)
    raylet = [child for child in psutil.Process(driver.pid).children(recursive=True) if child.name() == "raylet"]
    assert len(raylet) == 1
    control = [child for child in psutil.Process(driver.pid).children(recursive=True) if child.name() == "gcs_server"]
    if deaf:
        control[0].suspend()
    raylet[0].kill()
    try:
        printed, _ = driver.communicate(timeout=120)
    finally:
        control[0].kill()
    assert driver.returncode == 1 and "Ray has gone: stopped after" in printed, printed
    assert "raylet" not in printed  # Ray prints the last lines of the dead raylet's log: they are in ray.log
    done = call("--resume", "cut", *places, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    states = Counter(t.state.name for t in load_optuna_study(StudyFolder(tmp_path / "cut")).trials)
    assert states["COMPLETE"] == 3 and set(states) <= {"COMPLETE", "FAIL"}
