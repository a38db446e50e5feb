"""What every command line of this project shares: how it fails and how it speaks.

A bad input is one line on standard error and exit status 2, never a traceback; so is a full disk or a read-only folder.
With `--json` a command prints one JSON document and nothing else.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from models.errors import UserError

__all__ = [
    "AsJson",
    "Registry",
    "bar",
    "command_line",
    "duration",
    "make_console",
    "print_json",
    "print_table",
    "progress",
    "run",
]

EVERY = 15.0
"""Seconds between two lines of progress where there is no terminal."""

MISUSED: Any = typer.BadParameter.__mro__[2]  # the base of what typer raises, which is click's, or its own copy of click's

Command = TypeVar("Command", bound=Callable[..., Any])
Item = TypeVar("Item")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Registry = Annotated[
    Path | None,
    typer.Option(
        "--registry", help="Folder of the model store.  [default: $VAE_REGISTRY, else runs/_registry]", show_default=False
    ),
]


class CommandLine(typer.Typer):
    """A typer application whose help ends with examples: a command shows those that name it, else all."""

    def __init__(self, help_text: str, examples: Sequence[str]) -> None:
        told: dict[str, Any] = {"help": help_text, "epilog": _epilog(examples[:3]), "no_args_is_help": True}
        super().__init__(**told, add_completion=False, pretty_exceptions_enable=False)
        self.examples = examples

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """As typer does it, but what it says of a wrong option is for `run` to say."""
        return super().__call__(*args, **{"standalone_mode": False, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Command], Command]:
        def register(function: Command) -> Command:
            own = [example for example in self.examples if f" {name or function.__name__} " in f"{example} "]
            return super(CommandLine, self).command(name, epilog=_epilog(own or self.examples), **settings)(function)

        return register


def command_line(help_text: str, *examples: str) -> CommandLine:
    """A typer application with this project's habits.  examples: whole command lines, the plainest first."""
    return CommandLine(help_text, examples)


def make_console() -> Console:
    """Where a command writes: the terminal as it is, or lines of 160 columns where there is none."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=160)


def run(app: Callable[[], object]) -> None:
    """Run `app` and end the process: 0 done, 2 the user can fix it (one line says how)."""
    for stream in (sys.stdout, sys.stderr):  # a character that the terminal's encoding lacks must not end a job
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = app()
    except UserError as error:
        _fail(str(error))
    except MISUSED as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # which has been shown
            sys.exit(2)
        _fail(error.format_message() + _given(error, sys.argv[1:]))
    except BrokenPipeError:  # `… | head` closed the pipe: nothing more to say, nothing wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _fail(f"{error.strerror or error}{where}")
    sys.exit(status if isinstance(status, int) else 0)  # 130 after Ctrl-C


def print_json(value: Any) -> None:
    """One document, indented, in the order given.  NaN has no JSON: use None."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns.  A terminal folds long cells; a pipe or file gets whole lines, so that `grep` sees everything."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else plain(str(cell))) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=100_000)
    console.print(table)


def plain(text: str) -> str:
    """Foreign text for a terminal: without what would move its cursor, colour it, ring it or turn its writing round.

    >>> plain("model \\x1b[31mred\\x07")
    'model �[31mred�'
    """
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf") else "\N{REPLACEMENT CHARACTER}" for c in text)


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _epilog(examples: Sequence[str]) -> str:
    return "\n".join(["Examples:", *(f"  {example}" for example in examples)]) if examples else ""


def _given(error: Any, words: Sequence[str]) -> str:
    """The value that a wrong option was given, from the words of the command line: what is raised names the rule alone."""
    if not isinstance(error, typer.BadParameter) or not error.param:
        return ""
    for word, following in itertools.pairwise([*words, ""]):
        option, equals, value = word.partition("=")
        if option in error.param.opts:
            return f", but got {plain(value if equals else following)!r}"
    return ""


def _fail(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def bar() -> Progress:
    """A progress bar on standard error; where that is not a terminal, a line now and then."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True) if console.is_terminal else _Lines()


def progress(items: Iterable[Item], total: int, description: str) -> Iterable[Item]:
    """`items`, with a progress bar like `bar`."""
    with bar() as shown:
        yield from shown.track(items, total, description=description)


class _Lines(Progress):
    """A progress bar for a file: every `EVERY` seconds a line says how far it is.  Quick work says nothing."""

    def __init__(self) -> None:
        super().__init__(auto_refresh=False, disable=True)
        self._due = time.monotonic() + EVERY

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """As in a terminal."""
        super().update(task_id, **changes)
        self._say(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """As in a terminal."""
        super().advance(task_id, advance)
        self._say(task_id)

    def _say(self, number: TaskID) -> None:
        task = self.tasks[self.task_ids.index(number)]
        if time.monotonic() < self._due or not task.total or not 0 < task.completed < task.total:
            return
        self._due = time.monotonic() + EVERY
        left = (task.elapsed or 0) * (task.total - task.completed) / task.completed
        said = f"{task.description}: {100 * task.completed / task.total:.0f} %, about {duration(left)} left"
        print(said, file=sys.stderr, flush=True)
