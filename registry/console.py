"""What every command line of this project shares: how it fails and how it speaks.

A bad input is one line on standard error and exit status 2, never a traceback; so is a full disk or a read-only folder.
"""

from __future__ import annotations

import os
import sys

import typer

from models.errors import UserError

__all__ = ["command_line", "run"]


def command_line(help_text: str) -> typer.Typer:
    """A typer application with this project's habits."""
    return typer.Typer(help=help_text, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


def run(app: typer.Typer) -> None:
    """Run `app` and end the process: 0 done, 2 the user can fix it (one line says how)."""
    try:
        app()
    except UserError as error:
        _fail(str(error))
    except BrokenPipeError:  # `… | head` closed the pipe: nothing more to say, nothing wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _fail(f"{error.strerror or error}{where}")


def _fail(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
