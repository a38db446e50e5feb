"""One program a package: `vae-study run …` is `python -m study.run …`, and so on for every command of `study` and `analysis`.

A command is a module at the top of its package that holds `app = command_line("what it does")`.  They are found by reading the
files, so that `vae-study --help` imports none of them, and only the one that is asked for is imported.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from models.errors import unknown
from registry.console import run

__all__ = ["commands", "main"]

SAYS = re.compile(r'^app = command_line\(\s*"(.+?)"', re.MULTILINE)


def commands(package: str) -> dict[str, str]:
    """What each command of a package does, by name."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations is not None, package
    files = sorted(path for folder in spec.submodule_search_locations for path in Path(folder).glob("*.py"))
    found = {path.stem: SAYS.search(path.read_text(encoding="utf-8")) for path in files}
    return {name: says[1] for name, says in found.items() if says}


def main(package: str) -> None:
    """The program `vae-<package>`: its first argument names a command, the others are the command's own."""
    program, known = f"vae-{package}", commands(package)
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h"):
        print(f"Usage: {program} COMMAND [OPTIONS]\n")
        print("\n".join(f"  {command.ljust(max(map(len, known)))}  {says}" for command, says in known.items()))
        print(f"\n{program} COMMAND --help says more; python -m {package}.COMMAND is the same.")
        return
    run(lambda: _command(package, name, known)(rest, prog_name=f"{program} {name}"))


def _command(package: str, name: str, known: dict[str, str]) -> Callable[..., object]:
    if name not in known:
        raise unknown("command", name, known)
    app: Callable[..., object] = import_module(f"{package}.{name}").app
    return app
