"""One trial: train one or several seeds of one configuration, evaluate each, keep the models.  No Ray here either.

`run_trial` is a generator.  Reports in the middle are flat rows: the training curve and the cheap metrics of a small sample; what
comes last is the trial's `Outcome`: the medians over the replicates and everything the tables need.

Files, all named by the configuration's digest, so that a retry finds what an interrupted try left:
    checkpoints/<digest>-<replicate>.ckpt    while training, at most every `CHECKPOINT_SECONDS`
    trunks/<digest>.ckpt                     what paired arms have in common, `study.training.forks`
    models/<digest>-<replicate>.vae          when done
    histories/<digest>-<replicate>.json      when done: the reports of the training
    live/trial-<number>.json                 what can be watched of it, `study.search.filming`
    logs/trial-<number>.log                  one readable line a report; also on standard output, which the dashboard shows

Where the study has a mirror, they are in a folder of the node's own, and go to the mirror and come from there.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from models.checkpoint import save_model
from models.codec import TorchCodec
from models.config import Config
from models.files import write_atomically
from study.config import TrialConfig
from study.datasets import load_dataset
from study.evaluate import Evaluation, evaluate_codec, evaluate_seeds
from study.metrics import metric_of, watched
from study.records.folder import StudyFolder, checkpoint_path, history_path, model_path
from study.records.mirror import Mirror
from study.records.outcome import Outcome
from study.search.events import trial_name
from study.search.filming import Film
from study.training.device import choose_device, describe_hardware
from study.training.run import Run

__all__ = ["TrialSpec", "leave", "log_path", "run_trial", "scratch_folder", "spec_of"]

CHECKPOINT_SECONDS = 20.0
PATIENCE = 60.0  # seconds a worker waits for a store that is away, before it gives its trial back
REPORTS = 20
LOOKS = (0.25, 0.5, 0.75, 0.9)  # fractions of a run at which the cheap metrics are looked at
LOOK_POINTS = 1_000


class TrialSpec(Config):
    """What a worker needs to run one trial.  `folder` and `data` are absolute.

    folder, remote    the study's folder, the driver's where it has a mirror; and the mirror's URL
    first_replicate   number of the first seed: a confirmation counts from where no search ever was
    metrics, also     the searched metrics, and what is evaluated beside them where the data can give it
    """

    number: int
    config: TrialConfig
    root_seed: int
    replicates: int
    first_replicate: int = 0
    metrics: tuple[str, ...]
    also: tuple[str, ...] = ()
    points: int
    folder: Path
    remote: str | None = None
    data: Path
    cpus: int = 1
    gpus: float = 0.0

    def here(self) -> TrialSpec:
        """As the node that runs it takes it: where there is a mirror, its folder is below VAE_SCRATCH or the temporary folder."""
        if self.remote is None:
            return self
        return self.model_copy(update={"folder": scratch_folder(self.remote) / log_path(self).stem})

    def described(self) -> dict[str, Any]:
        """The configuration as an `Outcome` keeps it."""
        return {"config": self.config.model_dump(mode="json"), "config_digest": self.config.digest()}


@dataclass(frozen=True)
class Replicate:
    """One finished training of a trial.  No evaluation where it diverged."""

    row: dict[str, Any]
    evaluation: Evaluation | None

    @property
    def values(self) -> dict[str, float]:
        return self.evaluation.values if self.evaluation else {}


def run_trial(spec: TrialSpec) -> Iterator[dict[str, Any] | Outcome]:
    """Train and evaluate; yields reports, and at last the outcome.

    A run that diverges or collapses is a result with its status and reason, not an exception.
    """
    import torch

    torch.set_num_threads(max(1, spec.cpus))
    spec = spec.here()
    mirror = Mirror(spec.folder, spec.remote, PATIENCE)
    mirror.pull(log_path(spec))
    device = choose_device(spec.gpus)
    dataset = load_dataset(spec.config.dataset, spec.data, **spec.config.dataset_options)
    finished: list[Replicate] = []
    film = Film(
        Mirror(spec.folder, spec.remote), spec.number, spec.config, spec.replicates, dataset, kept=spec.first_replicate == 0
    )
    for replicate in range(spec.first_replicate, spec.first_replicate + spec.replicates):
        run = Run(spec.config, dataset, spec.config.seed(spec.root_seed, replicate), device, reports=REPORTS)
        looking = yield from _train(spec, mirror, run, replicate, film)
        finished.append(_finish(spec, mirror, run, replicate, looking))
    outcome = _outcome(spec, finished, describe_hardware(device))
    film.end(outcome)
    leave(spec)
    yield outcome


def leave(spec: TrialSpec, patience: float = PATIENCE) -> None:
    """Where there is a mirror: store the log there, and leave nothing on the node.

    The checkpoint stays in the store until the driver knows how the trial ended (`study.search.leftovers`).
    """
    if spec.remote is not None:
        try:
            Mirror(spec.folder, spec.remote, patience).push(log_path(spec))
        finally:  # another try fetches what the store has, wherever it runs
            shutil.rmtree(spec.folder, ignore_errors=True)


def scratch_folder(remote: str) -> Path:
    """Where trials of a mirrored study work on this node: below VAE_SCRATCH, or the temporary folder."""
    scratch = Path(os.environ.get("VAE_SCRATCH") or Path(tempfile.gettempdir()) / f"vae-study-{os.getuid()}").absolute()
    return scratch / sha256(remote.encode()).hexdigest()[:16]


def _train(spec: TrialSpec, mirror: Mirror, run: Run, replicate: int, film: Film) -> Generator[dict[str, Any], None, float]:
    """Train one replicate, continuing from its checkpoint if there is one.  Returns the seconds spent on looks."""
    checkpoint = checkpoint_path(spec.folder, spec.config.digest(), replicate)
    mirror.pull(checkpoint)
    run.resume(checkpoint)
    if spec.config.pair is not None:
        run.share(spec.folder / "trunks", mirror.pull)
    resumed = f", continued from step {run.step}" if run.step else ""
    _log(spec, f"replicate {replicate}: {spec.config.objective}, {spec.config.architecture}, seed {run.seed}{resumed}")
    film.begin(replicate)
    saved, looking = time.monotonic(), 0.0
    looks = [look for look in LOOKS if look * run.config.training.steps > run.step]
    for report in run.advance():
        # `history`: should the scheduler stop this trial, its driver has the curve (Tune flattens what is nested).
        row = {"replicate": replicate, "history": json.dumps(report.row()), **report.row()}
        _log(
            spec,
            f"step {report.step}: recon {report.recon:.2f}, KL {report.kl:.2f} nats, {report.step / report.seconds:.1f} steps/s",
        )
        if looks and report.progress >= looks[0]:
            looks.pop(0)
            started = time.perf_counter()
            row.update(_look(spec, run, replicate))
            looking += time.perf_counter() - started
        film.shoot(run, {key: value for key, value in row.items() if key != "history"})
        if report.step in run.trunks:
            mirror.push(run.trunks[report.step])
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.save(checkpoint)
            mirror.push(checkpoint, log_path(spec), film.path)
            saved = time.monotonic()
        yield row
    if spec.replicates > 1:  # a retry only evaluates again what is trained
        run.save(checkpoint)
        mirror.push(checkpoint)
    return looking


def _log(spec: TrialSpec, text: str) -> None:
    line = f"{time.strftime('%H:%M:%S')} {trial_name(spec.number)} {text}"
    print(line, flush=True)
    path = log_path(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(line + "\n")


def log_path(spec: TrialSpec) -> Path:
    """Of a trial; a confirmation's seeds, which run side by side, have one each."""
    seed = f"-{spec.first_replicate}" if spec.first_replicate else ""
    return spec.folder / "logs" / f"{trial_name(spec.number)}{seed}.log"


def _look(spec: TrialSpec, run: Run, replicate: int) -> dict[str, float]:
    """Cheap metrics in mid-training, prefixed: they come from fewer points than the final ones.

    `comparable` is the first searched metric for the scheduler, there only when trials can be compared fairly: in the first
    replicate, and once the objective's schedules have ended.
    """
    if run.status not in ("running", "complete"):
        return {}
    found = evaluate_codec(
        TorchCodec(run.model), run.dataset, metrics=[], extra=watched(), points=LOOK_POINTS, seed=spec.root_seed
    )
    looks = {f"validation_{key}": value for key, value in found.values.items()}
    if replicate == 0 and run.history[-1].progress >= run.settled and spec.metrics[0] in found.values:
        looks["comparable"] = found.values[spec.metrics[0]]
    return looks


def _finish(spec: TrialSpec, mirror: Mirror, run: Run, replicate: int, looking: float) -> Replicate:
    """Evaluate a finished training and keep its model.  looking: seconds of evaluation in mid-training."""
    model, history = (of(spec.folder, spec.config.digest(), replicate) for of in (model_path, history_path))
    row: dict[str, Any] = {
        "replicate": replicate,
        "seed": run.seed,
        "status": run.status,
        "reason": run.reason,
        "steps": run.step,
        "seconds": run.seconds,
    }
    _log(spec, f"{run.status} {run.reason}".strip())
    evaluation = None
    if run.status != "diverged":
        started = time.perf_counter()
        searched, also = ([name for name in names if metric_of(name).family != "seeds"] for names in (spec.metrics, spec.also))
        evaluation = evaluate_codec(
            TorchCodec(run.model), run.dataset, metrics=searched, extra=also, points=spec.points, seed=spec.root_seed
        )
        for note in evaluation.notes:
            _log(spec, note)
        row |= {"evaluation_seconds": looking + time.perf_counter() - started, "kl_per_latent": evaluation.kl_per_latent.tolist()}
        save_model(run.model, model)
    write_atomically(history, json.dumps([report.row() for report in run.history]))
    mirror.push(model, history)
    return Replicate(row | (evaluation.values if evaluation else {}), evaluation)


def _across_seeds(spec: TrialSpec, finished: list[Replicate]) -> dict[str, float]:
    """Metrics of several seeds (UDR); none where fewer than two replicates lived."""
    metrics = [name for name in (*spec.metrics, *spec.also) if metric_of(name).family == "seeds"]
    encodings = [each.evaluation.encoding for each in finished if each.evaluation]
    return evaluate_seeds(encodings, metrics, spec.root_seed) if metrics and len(encodings) > 1 else {}


def _outcome(spec: TrialSpec, finished: list[Replicate], hardware: dict[str, Any]) -> Outcome:
    """Medians over the replicates that have a value."""
    keys = dict.fromkeys(key for each in finished for key in each.values)
    medians = {key: statistics.median(e.values[key] for e in finished if key in e.values) for key in keys}
    return Outcome.trained(
        [each.row for each in finished],
        medians | _across_seeds(spec, finished),
        hardware=hardware,
        **spec.described(),
    )


def spec_of(folder: StudyFolder, number: int, config: TrialConfig) -> TrialSpec:
    """What a worker is told about one configuration of this study."""
    record = folder.record
    return TrialSpec(
        number=number,
        config=config,
        root_seed=record.seed,
        replicates=record.replicates,
        metrics=record.metrics,
        also=record.also,
        points=record.budget.points,
        folder=folder.path,
        remote=record.remote,
        data=Path(record.data),
        cpus=record.cpus_per_trial,
        gpus=record.gpus_per_trial,
    )
