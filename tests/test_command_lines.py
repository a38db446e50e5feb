"""Every command: has help, for itself and for each of its options, at once; and the README names it."""

from __future__ import annotations

import importlib
import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from registry.console import run

ROOT = Path(__file__).parents[1]
SOURCES = [path for package in ("analysis", "study", "registry") for path in (ROOT / package).rglob("*.py")]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES if "\napp = command_line(" in path.read_text()
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


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_help_are_commands(module):
    """They name this command, its sub-command where it has any, and options that it has, with values of the right type."""
    app = importlib.import_module(module).app
    group = get_command(app)
    commands = getattr(group, "commands", {None: group})
    for name, command in commands.items():
        said = " ".join([f"python -m {spoken(module)}", *([name] if name else [])])
        examples = [line.strip() for line in command.epilog.splitlines() if line.strip().startswith("python")]
        assert examples and all(example.startswith(f"{said} ") or example == said for example in examples), (said, examples)
        for example in examples:
            command.make_context(said, shlex.split(example.removeprefix(said)))


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


@pytest.mark.parametrize("package", ["analysis", "registry", "study"])
def test_the_program_of_a_package_lists_its_commands_and_runs_them(package):
    """`vae-study run …` is `python -m study.run …`; --help waits for nothing."""
    names = [module.removeprefix(f"{package}.") for module in MODULES if module.startswith(f"{package}.")]
    program = [sys.executable, "-X", "importtime", "-c", f"import {package}.__main__ as main; main.main()"]
    done = subprocess.run([*program, "--help"], capture_output=True, text=True, check=True)
    if package != "registry":
        assert all(f"\n  {name} " in done.stdout for name in names)
        assert "| numpy" not in done.stderr.replace(" ", "").replace("|", "| ")
        asked = subprocess.run([*program, names[0], "--help"], capture_output=True, text=True, check=True)
        assert f"vae-{package} {names[0]}" in asked.stdout
        wrong = subprocess.run([*program, names[0][:-1] + "x"], capture_output=True, text=True, check=False)
        assert wrong.returncode == 2 and f"did you mean {names[0]}?" in wrong.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_that_lacks_a_character_ends_no_job(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    with pytest.raises(SystemExit, match="0"):
        run(lambda: print("β → 4"))
    sys.stdout.flush()
    assert raw.getvalue() == b"? ? 4\n"


@pytest.mark.parametrize(("status", "arguments"), [(2, []), (2, ["--no-such"]), (0, ["--help"])])
def test_no_arguments_wrong_ones_and_help_end_as_they_should(status, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["registry", *arguments])
    with pytest.raises(SystemExit) as ended:
        run(importlib.import_module("registry.commands").app)
    assert ended.value.code == status
    told = capsys.readouterr()
    assert ("Usage:" in told.out) == (arguments != ["--no-such"])
    assert told.err == ("error: No such option: --no-such\n" if arguments == ["--no-such"] else "")


@pytest.mark.parametrize("words", [["--trials", "0"], ["--trials=0"], ["--space", "x", "--trials", "zero"]])
def test_a_wrong_value_is_one_line_with_the_rule_and_the_value(words, monkeypatch, capsys):
    app: typer.Typer = importlib.import_module("study.run").app
    monkeypatch.setattr(sys, "argv", ["study.run", *words])
    with pytest.raises(SystemExit, match="2"):
        run(app)
    (line,) = capsys.readouterr().err.splitlines()
    value = words[-1].removeprefix("--trials=")
    assert line.startswith("error: Invalid value for '--trials': Input should be") and line.endswith(f", but got '{value}'")
