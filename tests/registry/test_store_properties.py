"""Any sequence of publishing, promoting, annotating and tidying up leaves the store as a dictionary would be left."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from registry.errors import ConflictError, NotFoundError
from registry.store import Store
from tests.registry.helpers import publish

ALIASES = st.sampled_from(["champion", "candidate", "v-old"])
NUMBERS = st.integers(1, 8)


class StoreMachine(RuleBasedStateMachine):
    """The store on the disk beside a model of it in memory; a new `Store` object for every step, as a new process has."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp()) / "store"
        self.published, self.alive, self.aliases, self.tags = 0, {}, {}, {}

    @property
    def store(self):
        return Store(self.root)

    @rule(mig=st.floats(0, 1))
    def publish(self, mig):
        self.published += 1
        assert publish(self.store, mig=mig).number == self.published
        self.alive[self.published] = mig

    @precondition(lambda self: self.published)
    @rule(number=NUMBERS, alias=ALIASES)
    def promote(self, number, alias):
        if number in self.alive:
            self.store.set_alias("tiny", number, alias)
            self.aliases[alias] = number
        else:
            with pytest.raises(NotFoundError):
                self.store.set_alias("tiny", number, alias)

    @precondition(lambda self: self.published)
    @rule(number=NUMBERS, alias=ALIASES, expect=st.one_of(st.none(), NUMBERS))
    def compare_and_swap(self, number, alias, expect):
        if self.aliases.get(alias) != expect:
            with pytest.raises(ConflictError):
                self.store.set_alias("tiny", number, alias, expect=expect)
        elif number in self.alive:
            self.store.set_alias("tiny", number, alias, expect=expect)
            self.aliases[alias] = number

    @precondition(lambda self: self.published)
    @rule(alias=ALIASES)
    def take_away(self, alias):
        if alias in self.aliases:
            self.store.set_alias("tiny", None, alias)
            del self.aliases[alias]
        else:
            with pytest.raises(NotFoundError):
                self.store.set_alias("tiny", None, alias)

    @precondition(lambda self: self.published)
    @rule(number=NUMBERS, key=st.sampled_from("ab"), value=st.one_of(st.none(), st.text(max_size=5)))
    def annotate(self, number, key, value):
        if number in self.alive:
            self.store.annotate(self.store.resolve("tiny", number), tags={key: value})
            self.tags.setdefault(number, {})[key] = value

    @rule(keep=st.integers(1, 4))
    def tidy(self, keep):
        self.store.gc(grace=0, keep=keep)
        stay = {*sorted(self.alive)[-keep:], *self.aliases.values()}
        self.alive = {number: mig for number, mig in self.alive.items() if number in stay}

    @invariant()
    def agrees(self):
        store = self.store
        assert store.verify() == []
        assert store.names() == (["tiny"] if self.published else [])
        if not self.published:
            return
        assert {version.number: version.manifest.metrics["mig"] for version in store.versions("tiny")} == self.alive
        assert store.aliases("tiny") == self.aliases
        for number in self.alive:
            expected = {key: value for key, value in self.tags.get(number, {}).items() if value is not None}
            assert store.tags(store.resolve("tiny", number)) == expected

    def teardown(self):
        shutil.rmtree(self.root.parent, ignore_errors=True)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=15, stateful_step_count=12, suppress_health_check=[HealthCheck.too_slow])
