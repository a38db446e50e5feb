"""A plural folder is a room: its plug-ins stand alone and teach their idea, `_files` are what they share."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.config import ARCHITECTURES, OBJECTIVES
from models.outlier_scores import SCORES
from models.plugins import Plugins
from registry.exports import EXPORTS
from study.datasets import DATASETS
from study.metrics import METRICS
from study.recipes import RECIPE_FILES
from study.spaces import SPACES
from study.views import VIEWS
from study.weight_maps import WEIGHT_MAPS

ROOMS = [ARCHITECTURES, OBJECTIVES, SCORES, EXPORTS, DATASETS, METRICS, RECIPE_FILES, SPACES, VIEWS, WEIGHT_MAPS]


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module, or name of a module, that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.kind)
def test_plugins_never_import_one_another_and_teach_their_idea(room: Plugins) -> None:
    for name in room.names():
        tree = ast.parse(Path(str(room.load(name).__file__)).read_text())
        siblings = {f"{room.package}.{other}" for other in room.names()}
        found = {module for module in imported(tree) if any(module == s or module.startswith(f"{s}.") for s in siblings)}
        assert not found, (name, found)
        assert len(ast.get_docstring(tree) or "") > 60, name


ROOT = Path(__file__).parents[1]
PACKAGES = ("analysis", "models", "registry", "study")


def test_commands_are_leaves() -> None:
    """Nobody imports a command: what two of them need is in a room."""
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text() for path in sources}
    commands = {module for module, text in modules.items() if "\napp = command_line(" in text}
    assert {"study.run", "analysis.report", "registry.commands"} < commands
    for module, text in modules.items():
        if module != "registry.__main__":  # which is how `python -m registry` begins
            found = {name for name in imported(ast.parse(text)) for command in commands if f"{name}.".startswith(f"{command}.")}
            assert not found, (module, found)
