"""What a search tells whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["Events", "trial_name"]


class Events:
    """The base class ignores everything."""

    def started(self, number: int, params: dict[str, Any]) -> None:
        """A trial was proposed."""

    def progressed(self, number: int, report: dict[str, Any]) -> None:
        """A running trial reported."""

    def finished(self, trial: FrozenTrial) -> None:
        """A trial ended and the journal knows it."""


def trial_name(number: int) -> str:
    """`trial-007`: in the dashboard, in TensorBoard and for log files.

    >>> trial_name(7)
    'trial-007'
    """
    return f"trial-{number:03d}"
