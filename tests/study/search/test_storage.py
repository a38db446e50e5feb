"""Optuna's trials in a database: the same study, with PostgreSQL as Debian packages it and with SQLite."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from models.errors import UserError
from study.records.folder import StudyFolder
from study.records.tables import read_table, write_tables
from study.search.journal import finished_trials, load_optuna_study, reconcile, tell
from study.search.plan import check_storage
from tests.study.search.test_search import ask, outcome, record

REPOSITORY = Path(__file__).parents[3]
BINARIES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("postgresql+psycopg://me:secret@localhost/db", "must not hold a password"),
        ("postgresql+psycopg://localhost:1/db", "cannot be opened: .*onnection"),
        ("sqlite:////no/such/folder/x.db", "cannot be opened: .*unable to open"),
        ("oracle://localhost/db", "needs a driver"),
        ("nonsense", "cannot be opened: Could not parse"),
    ],
)
def test_what_cannot_keep_a_study_is_said_before_anything_is_written(url: str, rule: str) -> None:
    with pytest.raises(UserError, match=rule) as told:
        check_storage(url, "s")
    assert "\n" not in str(told.value) and "secret" not in str(told.value)


def test_a_study_in_a_database_is_the_same_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    folder = StudyFolder.new(tmp_path, "s")
    check_storage(url, "s")
    folder.write(record(storage=url))
    optuna_study = load_optuna_study(folder)
    with pytest.raises(UserError, match="has a study s already: choose another --name"):
        check_storage(url, "s")
    done, _ = ask(optuna_study), ask(optuna_study)
    tell(optuna_study, done, folder.record, outcome(recon=100.0, mig=0.1))
    tell(optuna_study, done, folder.record, outcome(recon=1.0, mig=0.9))  # told twice: the first answer stays
    again = load_optuna_study(folder)  # the driver was killed
    reconcile(again, folder.record)
    assert [t.state for t in again.trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    assert len(finished_trials(again)) == 1 and again.trials[0].values == [100.0, 0.1]
    write_tables(folder, again.get_trials(deepcopy=False))
    assert list(read_table(folder, "trials")["status"]) == ["complete", "interrupted", "waiting"]
    assert not folder.journal.exists() and folder.storage == url


@pytest.fixture
def postgresql() -> Iterator[str]:
    """A server of its own, on a free port; it refuses to run as root."""
    if not BINARIES:
        pytest.skip("no PostgreSQL here (Debian's package: postgresql)")
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        subprocess.run([f"{BINARIES[-1]}/{program}", "-D", str(folder / "db"), *arguments], user=user, cwd=folder, check=True,
                       capture_output=True)  # fmt: skip

    call("initdb", "--username=vae", "--auth=trust")
    call("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", f"-p {port} -k {folder}")
    try:
        yield f"postgresql+psycopg://vae@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "stop", "-m", "fast")
        shutil.rmtree(folder)


@pytest.mark.slow
def test_two_drivers_on_two_studies_of_one_postgresql(
    postgresql: str, tmp_path: Path, data_folder: Path, dsprites: object
) -> None:
    common = ["--space", "dsprites_capacity", "--budget", "smoke", "--trials", "2", "--storage", postgresql, "--no-dashboard"]
    places = ["--out", str(tmp_path), "--registry", str(tmp_path / "_registry"), "--data", str(data_folder)]
    drivers = {
        name: subprocess.Popen(
            [sys.executable, "-m", "study.run", *common, *places, "--name", name, "--seed", str(seed)],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for seed, name in enumerate(("one", "two"))
    }  # fmt: skip
    for name, driver in drivers.items():
        printed, _ = driver.communicate(timeout=400)
        assert driver.returncode == 0, printed
        assert f"optuna-dashboard {postgresql}" in printed
        folder = StudyFolder(tmp_path / name)
        storage = optuna.storages.RDBStorage(postgresql)
        told = optuna.load_study(study_name=name, storage=storage).trials
        storage.remove_session()
        storage.engine.dispose()
        assert [trial.state for trial in told] == [TrialState.COMPLETE] * 2
        assert list(read_table(folder, "trials")["mig"]) == [trial.values[1] for trial in told]
