"""Plug-ins are files: adding one adds a name, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.config import ARCHITECTURES, OBJECTIVES, resolve_options
from models.errors import UserError
from models.plugins import Plugins


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """A package with the plug-ins `first` and `second` and a private module."""
    package = tmp_path / "some_plugins"
    package.mkdir()
    for name in ("__init__", "second", "first", "_shared"):
        (package / f"{name}.py").write_text(f"NAME = {name!r}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in [key for key in sys.modules if key.startswith("some_plugins")]:
        monkeypatch.delitem(sys.modules, module)
    return Plugins("some_plugins", kind="thing")


def test_names_are_the_public_files(plugins: Plugins) -> None:
    assert plugins.names() == ["first", "second"]


def test_a_new_file_is_a_new_choice(plugins: Plugins, tmp_path: Path) -> None:
    (tmp_path / "some_plugins" / "third.py").write_text("NAME = 'third'\n")
    assert plugins.names() == ["first", "second", "third"]
    assert plugins.load("third").NAME == "third"


@pytest.mark.parametrize("name", ["fourth", "_shared", "__init__", "first.py", "", "../first", "os"])
def test_an_unknown_name_lists_the_choices(plugins: Plugins, name: str) -> None:
    with pytest.raises(UserError) as caught:
        plugins.load(name)
    assert str(caught.value).startswith(f"unknown thing {name!r}: choose one of first, second")


def test_a_name_mistyped_is_guessed(plugins: Plugins) -> None:
    with pytest.raises(UserError, match=r"choose one of first, second; did you mean second\?"):
        plugins.load("secnod")


def test_a_broken_plugin_is_a_bug_and_keeps_its_traceback(plugins: Plugins, tmp_path: Path) -> None:
    (tmp_path / "some_plugins" / "broken.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        plugins.load("broken")


def test_listing_imports_nothing() -> None:
    code = (
        "import sys; from models.config import ARCHITECTURES, OBJECTIVES; "
        "assert ARCHITECTURES.names() and OBJECTIVES.names(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_projects_own_plugins_are_there() -> None:
    assert {"burgess", "cnn", "locatello", "mlp", "resnet"} <= set(ARCHITECTURES.names())
    assert {"beta_tcvae", "beta_vae", "capacity", "dip_vae", "factor_vae"} <= set(OBJECTIVES.names())


def test_options_are_validated_into_the_plugins_own_configuration() -> None:
    assert resolve_options(OBJECTIVES, "beta_vae", {"beta": 4}).beta == 4.0
    with pytest.raises(UserError, match=r"objective beta_vae: beta: .* \(got -1\); cycles: .* \(got 0\)"):
        resolve_options(OBJECTIVES, "beta_vae", {"beta": -1, "cycles": 0})
