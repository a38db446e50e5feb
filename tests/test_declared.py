"""What the code imports is what pyproject.toml declares, and nothing is declared that nobody needs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SHIPPED = ("analysis", "models", "registry", "study")
OURS = ("analysis", "models", "registry", "study", "tests")
EXTRAS = ("study", "features", "mlflow", "signing", "remote")
NOT_IMPORTED = {
    "onnxscript": "torch's exporter imports it",
    "optuna-dashboard": "a program",
    "tensorboard": "a program",
    "alembic": "MLflow's sqlite store needs it",
    "sqlalchemy": "MLflow's sqlite store needs it",
    "pyopenssl": "model-signing imports it",
    "import-linter": "a program",
    "moto": "a program: tests/s3.py",
    "mypy": "a program",
    "ruff": "a program",
    "ipykernel": "runs the notebooks",
    "pandas-stubs": "types for mypy",
    "types-psutil": "types for mypy",
    "types-pyyaml": "types for mypy",
    "pytest-timeout": "a plug-in of pytest",
    "pytest-xdist": "a plug-in of pytest",
}
PART_OF = {"pydantic-core": "pydantic", "mlflow": "mlflow-skinny"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*groups: str) -> set[str]:
    """Distributions by name: what a bare install needs, and what the extras add."""
    lines = [*PROJECT["dependencies"], *(line for group in groups for line in PROJECT["optional-dependencies"][group])]
    return {canonical(re.match(r"[\w.-]+", line)[0]) for line in lines} - {"vae-study"}


def imported(*packages: str) -> set[str]:
    """Distributions that these packages import anywhere."""
    names: set[str] = set()
    for path in (path for package in packages for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.partition(".")[0])
    owners = packages_distributions()
    foreign = names - set(sys.stdlib_module_names) - set(OURS)
    found = {canonical(owner) for name in foreign for owner in owners.get(name, [name])[:1]}
    return {PART_OF.get(name, name) for name in found}


@pytest.mark.parametrize(
    ("packages", "extras"),
    [(SHIPPED, EXTRAS), (OURS, (*EXTRAS, "test"))],
)
def test_every_import_is_declared(packages: tuple[str, ...], extras: tuple[str, ...]) -> None:
    assert imported(*packages) - declared(*extras) == set()


def test_every_declaration_is_needed() -> None:
    assert declared(*EXTRAS) - imported("analysis", "models", "registry", "study") - set(NOT_IMPORTED) == set()
    assert declared(*EXTRAS, "test") - imported(*OURS) - set(NOT_IMPORTED) == set()


def test_every_declaration_has_a_lower_bound_and_a_tested_version() -> None:
    lines = [*PROJECT["dependencies"], *(line for part in PROJECT["optional-dependencies"].values() for line in part)]
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonical(line.partition("==")[0]) for line in constraints if "==" in line}
    assert [line for line in lines if ">=" not in line and not line.startswith("vae-study")] == []
    assert declared(*EXTRAS, "test") - pinned == set()
