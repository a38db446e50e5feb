"""Every command: has help, for itself and for each of its options, at once; and the README names it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
SOURCES = [path for package in ("analysis", "study", "registry") for path in (ROOT / package).rglob("*.py")]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES if "= command_line(" in path.read_text()
)


def spoken(module: str) -> str:
    """What a person types after `python -m`."""
    return {"registry.commands": "registry"}.get(module, module.removesuffix(".__main__"))


def test_they_are_found():
    assert {"study.run", "study.recipe", "registry"} < {spoken(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_help_for_the_command_and_every_option(module):
    app: typer.Typer = importlib.import_module(module).app
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0, result.output
    group = get_command(app)
    for command in getattr(group, "commands", {"": group}).values():
        silent = [option.name for option in command.params if not getattr(option, "help", None)]
        assert command.help and not silent, f"no help for {silent}"


HEAVY = ["torch", "ray", "optuna", "pandas", "pyarrow", "matplotlib", "seaborn", "scipy", "sklearn", "onnx", "onnxruntime"]
ASK = """
import importlib, sys
from typer.testing import CliRunner
app = importlib.import_module(sys.argv[1]).app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""


@pytest.mark.parametrize("module", MODULES)
def test_help_waits_for_no_library_that_it_does_not_need(module):
    """Each of these costs from .1 to 2 s; what a command does with them, it imports when it does it."""
    done = subprocess.run([sys.executable, "-c", ASK, module, *HEAVY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("module", MODULES)
def test_the_readme_names_it(module):
    assert f"python -m {spoken(module)}" in (ROOT / "README.md").read_text()
