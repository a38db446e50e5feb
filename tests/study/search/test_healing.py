"""A journal cut at any byte opens again, keeps every whole record, and goes on."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from study.search.healing import heal


def opened(journal: Path) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.create_study(storage=storage, study_name="s", load_if_exists=True)


def add_trial(journal: Path) -> None:
    study = opened(journal)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    study.tell(trial, 1.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    journal = tmp_path_factory.mktemp("journal") / "optuna.journal"
    for _ in range(3):
        add_trial(journal)
    return journal.read_bytes()


@settings(max_examples=25)
@given(share=st.floats(0.2, 1.0), tail=st.sampled_from([b"", b"\0" * 40, b'{"op_code": 4, "wor', b"\xff\xfe"]))
def test_a_torn_end_costs_the_torn_record_only(
    written: bytes, tmp_path_factory: pytest.TempPathFactory, share: float, tail: bytes
) -> None:
    journal = tmp_path_factory.mktemp("torn") / "optuna.journal"
    cut = written[: int(len(written) * share)]
    journal.write_bytes(cut + tail)
    heal(journal)
    whole = cut[: cut.rfind(b"\n") + 1]
    assert journal.read_bytes().startswith(whole)
    before = len(opened(journal).trials)
    add_trial(journal)  # what killed every later resume
    assert len(opened(journal).trials) == before + 1
    assert heal(journal) is None


def test_a_half_record_that_a_later_one_was_joined_to(written: bytes, tmp_path: Path) -> None:
    """What a resume has made of a torn journal before this was mended: Optuna cannot read it any more."""
    journal = tmp_path / "optuna.journal"
    lines = written.splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]) + lines[-2][: len(lines[-2]) // 2] + lines[-1])
    unhealed = tmp_path / "unhealed.journal"
    unhealed.write_bytes(journal.read_bytes())
    with pytest.raises(ValueError, match=r"delimiter|Extra|Expecting|Unterminated|Invalid"):
        opened(unhealed)
    said = heal(journal)
    assert said is not None and "\n" not in said
    assert journal.read_bytes() == b"".join(lines[:-2]) + lines[-1]
    assert (tmp_path / "optuna.journal.torn").read_bytes().strip() == lines[-2][: len(lines[-2]) // 2]


def test_a_stale_lock_is_removed(written: bytes, tmp_path: Path) -> None:
    journal = tmp_path / "optuna.journal"
    journal.write_bytes(written)
    (tmp_path / "optuna.journal.lock").symlink_to(journal)
    assert heal(journal) is None
    assert not (tmp_path / "optuna.journal.lock").is_symlink()
    assert heal(tmp_path / "absent") is None
