"""One file an objective.  Each defines `Config` and a subclass of `models.objective.Objective` called `Objective`."""
