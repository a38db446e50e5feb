"""README, CONTRIBUTING and docs say what is so: their paths exist, their commands have the options that they show."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/cluster.md")
PACKAGES = ("analysis", "models", "registry", "study")
COMMAND = re.compile(r"python -m (registry|study\.\w+|analysis\.\w+)((?: +(?:\"[^\"]*\"|[^\s`\"#]+))*)")


def commands() -> list[tuple[str, str]]:
    """(module, arguments) of every command line, continued lines joined."""
    text = "\n".join((ROOT / name).read_text() for name in DOCUMENTS)
    return sorted({(found[1], found[2].strip().rstrip(".,;:")) for found in COMMAND.finditer(re.sub(r"\\\n\s*", " ", text))})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    written = [path for path in re.findall(r"`([\w./-]+)`", text) if path.split("/")[0] in (*PACKAGES, "tests", ".ci")]
    assert linked or written
    home = (ROOT / name).parent
    assert [path for path in linked if not (home / path).exists()] == []
    assert [path for path in written if not (ROOT / path).exists()] == []


def check_command(module: str, arguments: str) -> None:
    """It exists, and takes these words."""
    command = get_command(importlib.import_module("registry.commands" if module == "registry" else module).app)
    words = shlex.split(arguments)
    if hasattr(command, "commands") and words:
        command, *words = command.commands[words[0]], *words[1:]
    if words:
        command.make_context(module, words)


@pytest.mark.parametrize(("module", "arguments"), commands())
def test_every_command_is_one(module: str, arguments: str) -> None:
    check_command(module, arguments)


def test_the_map_names_every_room() -> None:
    text = (ROOT / "README.md").read_text()
    rooms = {door.parent for package in PACKAGES for door in (ROOT / package).glob("*/__init__.py")}
    assert [room.name for room in rooms if f"{room.name}/" not in text] == []
