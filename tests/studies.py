"""A study for tests that read one: 18 trials of 1,200 steps, one seed each, some of them collapsed (drawn dSprites).

It has what the packaged example, whose trials all lived, does not: losses, tables without later columns, no outlier metric.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["LAPTOP"]

LAPTOP = Path(__file__).parent / "fixtures" / "example"
