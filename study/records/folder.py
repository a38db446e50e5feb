"""The folder of one study, `runs/<study>/`, and the record that says what the study is.

study.json          `StudyRecord`: everything needed to repeat, resume or extend it
optuna.journal      every suggestion, its state and its result: the truth about the trials (opens in optuna-dashboard);
                    with --storage URL a database has them instead
trials.parquet, replicates.parquet, history.parquet     tables, derived from the journal and the histories
checkpoints/ trunks/ models/ histories/ logs/ figures/  files of the trials; trunks are what paired arms share
tune/               Ray Tune's own files and the TensorBoard event files
"""

from __future__ import annotations

import os
import re
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from models.config import Config
from models.errors import UserError, did_you_mean, explain
from models.files import is_url, local_folder, write_atomically
from study.metrics import Direction
from study.records.arriving import JOURNAL, bring
from study.records.mirror import AwayError, Mirror, check_url
from study.spaces import Budget, LoadedSpace, load_space

__all__ = [
    "RECORD",
    "EarlierTrial",
    "Settings",
    "StudyFolder",
    "StudyRecord",
    "checkpoint_path",
    "history_path",
    "model_path",
    "runs_folder",
]

RECORD = "study.json"
PATIENCE = 30.0  # seconds a driver waits for a store that is away, before it stops with the command that goes on
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Settings(Config):
    """What a person chooses on the command line and the record keeps as it was said."""

    replicates: int = Field(default=1, ge=1)
    sampler: str = "tpe"
    start: str = "space"
    scheduler: str = "none"
    seed: int = Field(default=0, ge=0)
    cpus_per_trial: int = Field(default=1, ge=1)
    reuse_actors: bool = False
    paired: str | None = None
    concurrent: int | None = Field(default=None, ge=1)
    storage: str | None = None
    remote: str | None = None


class EarlierTrial(Config):
    """A trial of the study that this one starts from.  values: of this study's metrics, in order; front: whether it was on it."""

    params: dict[str, Any]
    values: tuple[float, ...]
    front: bool


class StudyRecord(Settings):
    """What a study is.  Frozen at its start, but for what `--resume` and `--extend` may change (`study.search.resume`)."""

    format: int = 1
    name: str
    space: str
    metrics: tuple[str, ...]
    directions: tuple[Direction, ...]
    also: tuple[str, ...]
    budget_name: str
    budget: Budget
    trials: int
    gpus_per_trial: float
    data: str
    dataset: dict[str, Any]
    versions: dict[str, str]
    git: dict[str, Any]
    hardware: dict[str, Any]
    started: str
    command: str
    earlier: tuple[EarlierTrial, ...] = ()


class StudyFolder:
    """An existing study's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @classmethod
    def new(cls, runs: Path, name: str, remote: str | None = None) -> StudyFolder:
        """The folder that a new study of this name will have.  Raises `UserError` for a bad name or one that is taken, here or at
        the URL that is to mirror it."""
        if not NAME.fullmatch(name):
            raise UserError(f"a study's name is letters, digits, '.', '_' and '-', at most 100, but got {name!r}")
        folder = cls(runs / name)
        if folder.path.exists():
            raise UserError(
                f"the study {name} exists already in {runs}: choose another --name, "
                f"or continue it with --resume {name} or --extend {name}"
            )
        if remote is not None and Mirror(folder.path, remote).holds(folder.path / RECORD):
            raise UserError(f"the study {name} exists already at {remote}: choose another --name, or continue it with --resume")
        return folder

    @classmethod
    def find(cls, study: str, runs: Path) -> StudyFolder:
        """A study by name (under `runs`), by path, or by the URL that mirrors it, whose files then come here (under `runs`).

        Raises `UserError` when there is none.
        """
        if is_url(study):
            check_url(study)
            return cls(runs / _named_by(study))._brought(study)
        for path in (runs / study, Path(study)):
            if (path / RECORD).is_file():
                return cls(path)
        known = sorted(path.parent.name for path in runs.glob(f"*/{RECORD}"))
        there = f"; there are: {', '.join(known)}" if known else ""
        raise UserError(f"{study} is not a study: no {RECORD} in {runs / study}{there}{did_you_mean(study, known)}")

    def _brought(self, url: str) -> StudyFolder:
        """This folder, with all that the store at `url` has of it."""
        if (self.path / RECORD).is_file() and self.record.remote != url:
            raise UserError(
                f"{self.path} is another study than {url}: move it away, or name the folder of all studies by VAE_RUNS"
            )
        mirror = Mirror(self.path, url)
        stored = mirror.content(self.path / RECORD)
        if stored is None and (self.path / RECORD).is_file():  # killed before it was stored there, too
            mirror.push(self.path / RECORD)
            stored = (self.path / RECORD).read_bytes()
        if stored is None:
            raise UserError(f"{url} is not a study: it has no {RECORD}")
        moved = {"remote": url}  # it may have been copied there
        record = self._parsed(stored.decode(errors="replace"), url).model_copy(update=moved)
        write_atomically(self.path / RECORD, record.model_dump_json(indent=2) + "\n")
        self.__dict__["record"] = record
        bring(mirror)
        return self

    @cached_property
    def record(self) -> StudyRecord:
        """The study's record.  Raises `UserError` when it is damaged or of a newer format."""
        file = self.path / RECORD
        return self._parsed(file.read_text(errors="replace"), file)

    def _parsed(self, text: str, where: object) -> StudyRecord:
        try:
            return StudyRecord.model_validate_json(text)
        except ValidationError as error:
            raise UserError(f"{where} is not a study record of this version: {explain(error)}") from None

    def write(self, record: StudyRecord) -> None:
        """Store the record, atomically; a folder that cannot be written leaves nothing behind."""
        fresh = not self.path.exists()
        self.__dict__["record"] = record
        if "mirror" in self.__dict__ and self.mirror.url != record.remote:  # else it keeps what its owner told it
            del self.__dict__["mirror"]
        try:
            write_atomically(self.path / RECORD, record.model_dump_json(indent=2) + "\n")
            self.mirror.push(self.path / RECORD)
        except (OSError, AwayError):
            if fresh:
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def withdraw(self) -> None:
        """Take away what `write` has made, as long as no trial was ever asked for."""
        if self.journal.is_file() or (self.path / "logs").exists():
            return
        try:
            self.mirror.delete(self.path / RECORD)
        finally:  # the store may be why it did not start
            shutil.rmtree(self.path, ignore_errors=True)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / JOURNAL

    @cached_property
    def mirror(self) -> Mirror:
        """Where its files go and come from, for machines that share no disk; nowhere, if the study has no URL."""
        return Mirror(self.path, self.record.remote, PATIENCE)

    @property
    def storage(self) -> str:
        """Where Optuna keeps the trials, as optuna-dashboard takes it: a database's URL, or the journal."""
        return self.record.storage or str(self.journal)

    def space(self) -> LoadedSpace:
        """The space this study searches."""
        return load_space(self.record.space, self.record.paired)


def _named_by(url: str) -> str:
    """The name of the study that a URL mirrors: its last part.  Raises `UserError` for a URL that cannot be one's."""
    name = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    if not NAME.fullmatch(name):
        raise UserError(f"a study's URL ends with its name, as s3://BUCKET/PREFIX/NAME does, but got {url}")
    return name


def model_path(folder: Path, digest: str, replicate: int) -> Path:
    """Where a trial's model is kept in the study's folder."""
    return folder / "models" / f"{digest[:16]}-{replicate}.vae"


def checkpoint_path(folder: Path, digest: str, replicate: int) -> Path:
    """Where a training that goes on keeps its state."""
    return folder / "checkpoints" / f"{digest[:16]}-{replicate}.ckpt"


def history_path(folder: Path, digest: str, replicate: int) -> Path:
    """Where the reports of a training are kept in the study's folder: a JSON list of rows."""
    return folder / "histories" / f"{digest[:16]}-{replicate}.json"


def runs_folder(out: str | Path | None = None) -> Path:
    """The folder of all studies: the argument, or the environment's VAE_RUNS, or `runs/` here."""
    return local_folder(out or os.environ.get("VAE_RUNS") or "runs")
