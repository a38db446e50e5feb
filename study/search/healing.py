"""A journal that a full disk or a power cut has torn is made whole before it is opened.

Optuna's journal is one JSON object a line, and reading it tolerates half a last line; the next write then joins that half to
a whole record, and nobody can read the file any more.  The half never took effect: it is taken out, and kept beside the
journal.
"""

from __future__ import annotations

import json
from pathlib import Path

from models.files import write_atomically

__all__ = ["heal"]

BEGINNING = '{"op_code"'
_DECODER = json.JSONDecoder()


def heal(journal: Path) -> str | None:
    """Make the journal whole; returns one line that says what was done, or None where nothing had to be.

    What is taken out is added to `<journal>.torn`.  A lock that a killed process has left is removed: whoever calls this owns the
    study (`study.search.owner`), and Optuna would wait for it for half a minute.
    """
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    if not journal.is_file():
        return None
    content = journal.read_bytes()
    whole, torn = _sort(content)
    if whole == content:
        return None
    if torn:
        with journal.with_name(f"{journal.name}.torn").open("ab") as aside:
            aside.write(torn + b"\n")
    write_atomically(journal, whole)
    what = f"{len(torn)} bytes of a torn record are now in {journal.name}.torn" if torn else "its last line was not closed"
    return f"the journal was healed: {what}; every whole record was kept"


def _sort(content: bytes) -> tuple[bytes, bytes]:
    """What the journal should hold, and what should not be in it."""
    kept: list[bytes] = []
    torn: list[bytes] = []
    for line in content.split(b"\n"):
        try:
            if line:
                json.loads(line)
                kept.append(line)
        except ValueError:
            for record, fragment in _records(line.decode(errors="replace")):
                (kept if record else torn).append(fragment.encode())
    return b"".join(line + b"\n" for line in kept), b"\n".join(torn)


def _records(text: str) -> list[tuple[bool, str]]:
    """A damaged line as whole records and fragments, in order; NUL bytes (what a power cut leaves) are no content."""
    text = text.replace("\0", "")
    found = []
    while text:
        try:
            _, end = _DECODER.raw_decode(text)
            found.append((True, text[:end]))
        except ValueError:
            end = text.find(BEGINNING, 1)
            end = len(text) if end < 0 else end
            found.append((False, text[:end]))
        text = text[end:]
    return found
