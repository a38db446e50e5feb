"""The driver of a study without Ray: `python -m tests.benchmarks.driver STUDY RESULTS` measures RESULTS more results.

Prints one line of JSON, CPU seconds of this process and its memory: see `test_driver_scale.py`.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path

import optuna
import psutil
from rich.console import Console

from models.files import write_atomically
from study.records.folder import StudyFolder, history_path
from study.records.outcome import outcome_of
from study.records.tables import Tables, read_table
from study.search.journal import finished_trials, load_optuna_study
from study.search.samplers import make_sampler
from study.search.screen import Screen
from study.search.trial import spec_of
from study.search.tune import AskTell

clock = time.process_time


def main(folder: StudyFolder, results: int) -> None:
    read_table(folder, "trials")  # the libraries that a driver has anyway
    space, record = folder.space(), folder.record
    imports = psutil.Process().memory_info().rss
    begin = clock()
    optuna_study = load_optuna_study(folder)
    done = finished_trials(optuna_study)
    told: dict[str, object] = {"open": clock() - begin}

    tables = Tables(folder)

    def refresh() -> None:
        tables.write(optuna_study.get_trials(deepcopy=False))

    def refresh_now_and_then() -> None:
        if tables.due:
            refresh()

    begin = clock()
    refresh()
    told["tables"] = clock() - begin
    screen = Screen(record, done, refresh_now_and_then, Console(file=io.StringIO(), force_terminal=False))

    def make_spec(trial: optuna.Trial):
        return spec_of(folder, trial.number, space.configure(trial, record.budget.steps, record.dataset["name"]))

    searcher = AskTell(optuna_study, folder, make_spec, screen)
    asks = {}
    for name in ("tpe", "random"):
        optuna_study.sampler = make_sampler(record.model_copy(update={"sampler": name}), len(done))
        begin = clock()
        searcher.suggest(name)
        asks[name] = clock() - begin
    ended = outcome_of(done[0])
    assert ended is not None
    history = history_path(folder.path, str(ended.config_digest), 0).read_text()
    for number in range(results):
        searcher.suggest(str(number))
    begin = clock()
    for number in range(results):
        spec = searcher.trials[str(number)][1]
        write_atomically(history_path(folder.path, spec.config.digest(), 0), history)
        outcome = ended.model_copy(update=spec.described())
        result = {"final": True, "outcome": json.dumps(outcome.record())}
        searcher.on_trial_complete(str(number), result)
        screen._best()  # the live screen draws itself twice a second
    told |= {"result": (clock() - begin) / results, "ask": asks}
    told["memory"] = (psutil.Process().memory_info().rss - imports) / 2**20
    begin = clock()
    refresh()
    told["again"] = clock() - begin
    assert len(read_table(folder, "trials")) == len(optuna_study.trials)
    print(json.dumps(told))


if __name__ == "__main__":
    main(StudyFolder(Path(sys.argv[1])), int(sys.argv[2]))
