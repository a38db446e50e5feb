"""A study from its record to published models: connect, search, draw, publish, say where everything is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console

from models.errors import UserError
from models.files import write_atomically
from registry.console import duration
from registry.place import open_store
from study.publishing.trials import publish_trials, with_models
from study.records.arriving import bring, send
from study.records.folder import StudyFolder, StudyRecord
from study.records.mirror import AwayError
from study.records.tables import Tables, read_table
from study.records.winners import front_of, front_to_keep
from study.search.closing import show_front
from study.search.cluster import check_shared, concurrency, idle_gpus, ray_cluster
from study.search.confirm import confirm, shrinkage_table
from study.search.healing import heal
from study.search.interruption import interruptible, listens, watched
from study.search.journal import finished_trials, load_optuna_study
from study.search.knobs import check_knobs
from study.search.notes import note_front
from study.search.owner import owned
from study.search.quiet import quiet
from study.search.screen import Screen
from study.search.tune import search

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from registry.store import Version

__all__ = ["search_and_publish"]


def search_and_publish(
    folder: StudyFolder,
    record: StudyRecord,
    address: str | None,
    registry: str | Path,
    console: Console,
    confirm_seeds: int = 0,
    dashboard: bool = True,
) -> None:
    """Search what is left of the study, then publish its Pareto models.  Ctrl-C ends with the command that resumes.

    record: the folder's, or what a resume makes of it; it is written once the study is owned.

    confirm_seeds: train the front again with so many fresh seeds.  dashboard: start Ray's, where Ray is started here.
    """
    began = time.monotonic()
    with _going_on_later(folder), owned(folder, lambda text: console.print(f"note: {text}")):
        note = bring(folder.mirror)
        if note:
            console.print(f"note: {note}")
        if record != folder.record:
            folder.write(record)
        _search(folder, address, console, confirm_seeds, dashboard=dashboard)
        with interruptible() as told:
            try:
                bring(folder.mirror)  # logs of stopped trials
                console.print(f"search finished after {duration(time.monotonic() - began)}")
                conclude(folder, registry, console)
            except KeyboardInterrupt:
                _say_stopped(folder, folder.record.trials, "", console)
                raise SystemExit(told.status) from None
            finally:
                send(folder.mirror)


@contextmanager
def _going_on_later(folder: StudyFolder) -> Iterator[None]:
    """A store that is away, at the begin or at the end, ends with how to go on."""
    try:
        yield
    except AwayError as error:
        raise UserError(f"{error}; nothing is lost: go on with --resume {folder.name} when that is mended") from None


def _search(folder: StudyFolder, address: str | None, console: Console, confirm_seeds: int, *, dashboard: bool) -> None:
    """Until all trials have ended and their tables are written.  Raises `SystemExit` when it was told to stop."""
    healed = heal(folder.journal)
    if healed:
        console.print(f"note: {healed}")
    with quiet(folder.path / "ray.log", console), _started(folder, address, dashboard=dashboard) as (context, optuna_study):
        _say_dashboard(console, context, folder)
        for note in idle_gpus(folder.record):
            console.print(f"note: {note}")

        tables = Tables(folder)

        def refresh() -> None:
            tables.write(optuna_study.get_trials(deepcopy=False))

        def refresh_now_and_then() -> None:
            if tables.due:
                refresh()

        def say_stopped(why: str = "") -> None:
            _say_stopped(folder, len(finished_trials(optuna_study)), why, console)

        def end_at_once() -> NoReturn:  # without its raylet Ray's own shutdown waits for minutes
            say_stopped("Ray has gone: ")
            sys.stdout.flush()
            os._exit(1)

        raylet = None if address else context.address_info.get("raylet_socket_name")
        try:
            with interruptible() as told, watched(raylet, end_at_once) as gone:
                with Screen(folder.record, finished_trials(optuna_study), refresh_now_and_then, console) as screen:
                    search(folder, folder.space(), optuna_study, screen, lambda: listens(raylet))
                if confirm_seeds:
                    refresh()
                    _confirm(folder, confirm_seeds, console)
        except KeyboardInterrupt:
            try:
                refresh()
                send(folder.mirror)
            except AwayError as error:
                console.print(f"note: {error}; it gets the rest when the study goes on")
            if gone.is_set():
                end_at_once()
            say_stopped()
            raise SystemExit(told.status) from None
        refresh()


@contextmanager
def _started(folder: StudyFolder, address: str | None, *, dashboard: bool) -> Iterator[tuple[Any, optuna.Study]]:
    """Ray and the study's trials.  Where a search cannot start, a study that never began leaves nothing behind."""
    with ExitStack() as stack:
        try:
            context = stack.enter_context(ray_cluster(address, folder.record.gpus_per_trial, dashboard=dashboard))
            check_shared(folder.path, folder.record.remote)
            concurrency(folder.record)
            optuna_study = load_optuna_study(folder)
            check_knobs(optuna_study, folder.space(), folder.record.budget.steps)
        except UserError:
            folder.withdraw()
            raise
        yield context, optuna_study


def _say_stopped(folder: StudyFolder, done: int, why: str, console: Console) -> None:
    console.print(f"{why}stopped after {done} of {folder.record.trials} trials; nothing is lost. Go on with:")
    console.print(f"  python -m study.run --resume {_shown(folder)}")


def conclude(folder: StudyFolder, registry: str | Path, console: Console) -> None:
    """Figures, publication and the closing table of a study whose trials have ended."""
    front = front_of(folder)
    if front.empty:
        told = read_table(folder, "trials")
        reasons = "; ".join(sorted({str(r) for r in told.get("reason", []) if r})[:3])
        raise UserError(f"no trial of {folder.name} gave a usable model ({reasons}); see {folder.path / 'logs'}")
    kept = front_to_keep(folder)
    _draw(folder, kept)
    kept = with_models(folder, kept, console.print)
    console.print(f"publishing {len(kept)} of {len(front)} Pareto models, checked on their exported files …")
    versions = publish_trials(folder, kept, open_store(registry), say=console.print)
    note_front(folder, load_optuna_study(folder), kept, versions)
    show_front(folder, front, dict(zip(map(int, kept["trial"]), versions, strict=True)), console)
    _say_where(folder, registry, versions, console)


def _confirm(folder: StudyFolder, seeds: int, console: Console) -> None:
    front = front_to_keep(folder)
    if not front.empty:
        console.print(shrinkage_table(folder, front, confirm(folder, front, seeds, console)))


def _draw(folder: StudyFolder, front: pd.DataFrame) -> None:
    from study.figures import models as figures

    labels = {int(row["trial"]): f"trial {int(row['trial'])} ({row.get('objective', '')})" for _, row in front.iterrows()}
    history = read_table(folder, "history")
    write_atomically(folder.path / "figures" / "loss_curves.png", figures.png(figures.learning_curves(history, labels)))


def _say_dashboard(console: Console, context: object, folder: StudyFolder) -> None:
    console.print(f"watch     python -m analysis.watch {folder.path}", highlight=False, soft_wrap=True)
    url = getattr(context, "dashboard_url", None)
    if url:
        console.print(
            f"Ray dashboard: http://{url}  (token: ray get-auth-token) · TensorBoard: tensorboard --logdir {folder.path / 'tune'}"
        )


def _say_where(folder: StudyFolder, registry: str | Path, versions: list[Version], console: Console) -> None:
    console.print(f"study     {folder.path}  (trials.parquet, history.parquet, figures/)")
    if folder.record.remote:
        console.print(f"mirror    {folder.record.remote}", soft_wrap=True)
    if versions:
        best = open_store(registry).resolve(f"{versions[0].name}@candidate")
        console.print(f"registry  {registry}  →  from registry import load; load('{best.name}@{best.number}')")
    console.print(f"next      python -m analysis.report {_shown(folder)}")
    console.print(f"          python -m analysis.explore {_shown(folder)}")
    console.print(f"          optuna-dashboard {folder.storage} --artifact-dir {folder.path / 'artifacts'}", soft_wrap=True)


def _shown(folder: StudyFolder) -> str:
    """How a person names this study on the command line: by name in the default place, else by path."""
    return folder.name if folder.path.parent == Path("runs").absolute() else str(folder.path)
