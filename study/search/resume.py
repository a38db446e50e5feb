"""What `--resume` and `--extend` may change of a study, and what they must refuse.

A study goes on as it was begun: its space, seed, sampler and metrics are what its trials have in common.  What does not touch the
numbers may change: where its data lies on this machine, and how it is spread over one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models.errors import UserError
from study.datasets import absolute_dataset
from study.records.folder import Settings, StudyFolder, StudyRecord

__all__ = ["check_given", "check_same", "continued", "continuing"]

PLACES = ("out", "registry", "address", "confirm", "dry_run", "no_dashboard", "watch")
CHANGES = ("data", "cpus_per_trial", "gpus_per_trial", "reuse_actors", "concurrent")


def check_given(given: Iterable[str], *, extend: bool) -> None:
    """Raises `UserError` naming the options of the command line (by their parameters' names) that a begun study cannot take."""
    allowed = {"resume", "extend", *PLACES, *CHANGES, *(["trials"] if extend else [])}
    wrong = [f"--{name.replace('_', '-')}" for name in given if name not in allowed]
    if wrong:
        what = "--extend" if extend else "--resume"
        hint = "; --extend STUDY --trials N adds trials" if "--trials" in wrong else ""
        raise UserError(f"{what} continues a study as it was begun, so {', '.join(wrong)} cannot apply{hint}")


def check_same(folder: StudyFolder, given: Mapping[str, Any]) -> None:
    """`--resume-if-exists`: the command that began the study is given again, and must say the same.

    Raises `UserError` naming the first option that does not.
    """
    record = folder.record
    begun = {field: getattr(record, field) for field in Settings.model_fields} | {
        "space": record.space,
        "budget": record.budget_name,
        "trials": record.trials,
        "metrics": ",".join(record.metrics),
        "dataset": record.dataset["name"],
    }
    for name in sorted(begun.keys() & given.keys() - set(CHANGES)):
        if _said(name, given[name]) != begun[name]:
            raise UserError(
                f"--resume-if-exists continues {record.name} as it was begun, with --{name.replace('_', '-')} {begun[name]}, "
                f"but got {given[name]}"
            )


def continuing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of the options that began a study, those that `--resume` takes."""
    return {name: value for name, value in given.items() if name in (*PLACES, *CHANGES)}


def _said(name: str, value: Any) -> Any:
    """An option as the record has it."""
    if name == "metrics":
        return value.replace(" ", "")
    return absolute_dataset(value) if name == "dataset" else value


def continued(folder: StudyFolder, wishes: Mapping[str, Any], more: int | None) -> StudyRecord:
    """The study's record with what is to change; nothing is written.

    wishes: values of `CHANGES` that were given.  more: so many trials are added; None: no more than were planned.

    Raises `UserError` for data that are not the study's, or more CPUs than there are.
    """
    from study.search.plan import check_cpus

    record = folder.record
    changed = {name: value for name, value in wishes.items() if name in CHANGES and value is not None}
    if "data" in changed:
        changed["data"] = str(Path(changed["data"]).expanduser().absolute())
        _check_data(folder, changed["data"])
    record = record.model_copy(update={**changed, "trials": record.trials + (more or 0)})
    check_cpus(record, cluster=bool(wishes.get("address")))
    return record


def _check_data(folder: StudyFolder, data: str) -> None:
    from study.datasets import load_dataset

    record = folder.record
    found = load_dataset(record.dataset["name"], data, **folder.space().space.dataset_options).digest
    if found != record.dataset["digest"]:
        raise UserError(
            f"--data must hold the pictures that {record.name} was begun with, digest {record.dataset['digest'][:12]}, "
            f"but {data} has {found[:12]}"
        )
