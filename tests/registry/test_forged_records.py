"""Records whose seal holds and whose content is nobody's: whoever can write a file can seal it.  One line each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from models.errors import UserError
from registry.disk import unseal
from tests.registry.helpers import publish

RECORDS = ["models/tiny/versions/1/published", "models/tiny/log/1/record", "models/tiny/log/2/record", "heads/tiny"]
BODIES = [b"not json", b"[]", b"{}", b"3", b"null", b"[" * 100_000, b"\xff", b'{"manifest": 3, "time": 1, "by": 2}']
BODIES += [b'{"versions": [1], "log": [2]}', b'{"versions": ["1", 2], "log": ["1", 2]}']
CHANGES = [
    {"time": "yesterday"},
    {"manifest": None},
    {"kind": 7},
    {"to": "one"},
    {"tags": {"a": 3}},
    {"alias": []},
    {"version": "1"},
]
CHANGES += [{"previous": 3}, {"name": ["tiny"]}, {"number": "1"}, {"description": {}}, {"log": 1}, {"versions": [None, None]}]


def sealed(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b" " + body + b"\n"


def everything(store) -> dict[str, Callable[[], object]]:
    return {
        "list": lambda: [store.entries(name) for name in store.names()],
        "verify": store.verify,
        "load": lambda: store.resolve("tiny@1").manifest,
        "alias": lambda: store.resolve("tiny@champion"),
        "history": store.events,
        "promote": lambda: store.set_alias("tiny", 2, "champion"),
        "annotate": lambda: store.annotate(store.resolve("tiny@2"), tags={"a": "b"}),
        "gc": lambda: store.gc(grace=0, keep=1, dry_run=True),
        "publish": lambda: publish(store),
    }


@pytest.mark.parametrize("key", RECORDS)
def test_a_forged_record_is_one_line_and_the_others_go_on(empty, key):
    for name in ("tiny", "other"):
        publish(empty, name)
        publish(empty, name)
    empty.set_alias("tiny", 1, "champion")
    empty.annotate(empty.resolve("tiny@1"), tags={"c": "d"})
    path = empty.root / key
    written, record = path.read_bytes(), unseal(path)
    changed = [json.dumps(record | change).encode() for change in CHANGES if set(change) <= set(record)]
    for body in [*BODIES, *changed]:
        path.write_bytes(sealed(body))
        for call in everything(empty).values():
            with suppress(UserError):
                call()
        assert empty.verify() != [], body[:40]
        assert len(empty.entries("other")[0]) == 2
        path.write_bytes(written)
