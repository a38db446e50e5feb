"""The one exception that means "the user can fix this".

Whatever a person typed, pointed at or configured wrongly becomes a `UserError` whose text is one line that states the rule
and the value, for example `latent_dim >= 1 must hold, but got latent_dim=0`.  Every command line turns it into that line
and exit status 2; anything else is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from pydantic import ValidationError

__all__ = ["UserError", "explain"]


class UserError(ValueError):
    """Input that breaks a stated rule.  The message is one line: the rule, the value, what would be right."""


def explain(error: ValidationError) -> str:
    """All problems of a pydantic validation as one line: `field: rule (got value); …`."""
    parts = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        got = "" if problem["type"] in ("missing", "value_error") else f" (got {problem['input']!r})"
        parts.append(f"{where}: {text}{got}" if where else f"{text}{got}")
    return "; ".join(parts)
