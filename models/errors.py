"""The one exception that means "the user can fix this".

Whatever a person typed, pointed at or configured wrongly becomes a `UserError` whose text is one line that states the rule
and the value, for example `latent_dim >= 1 must hold, but got latent_dim=0`.  Every command line turns it into that line
and exit status 2; anything else is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

__all__ = ["UserError", "did_you_mean", "explain", "unknown"]


class UserError(ValueError):
    """Input that breaks a stated rule.  The message is one line: the rule, the value, what would be right."""


def unknown(kind: str, name: str, choices: Iterable[str], have: str = "choose one of") -> UserError:
    """The error of a name that is none of the choices.

    >>> print(unknown("metric", "mgi", ["recon", "mig"]))
    unknown metric 'mgi': choose one of recon, mig; did you mean mig?
    """
    known = list(choices)
    return UserError(f"unknown {kind} {name!r}: {have} {', '.join(known)}{did_you_mean(name, known)}")


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """`; did you mean …?` where a choice is near, else nothing."""
    near = difflib.get_close_matches(name.lower(), list(choices), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def explain(error: ValidationError) -> str:
    """All problems of a pydantic validation as one line: `field: rule (got value); …`."""
    parts = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        got = "" if problem["type"] in ("missing", "value_error") else f" (got {problem['input']!r})"
        parts.append(f"{where}: {text}{got}" if where else f"{text}{got}")
    return "; ".join(parts)
