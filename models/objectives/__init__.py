"""One file an objective.  Each defines `Config` and a subclass of `models.objectives.Objective` called `Objective`."""

from models.objectives._contract import Objective, build_objective

__all__ = ["Objective", "build_objective"]
