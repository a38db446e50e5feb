"""How far each view is trusted with a folder, read from the folder itself.

    w = (1 − R²)² · exp(−15 (a − a₀))          0.01 … 1

    R²   the adjusted share of the variance of the view's log distances that the pictures alone explain, by a linear regression on
         each picture's own plain statistics
    a    the share of pictures that are no other picture's near neighbour (Radovanović, Nanopoulos & Ivanović 2010: in such
         a view a few pictures are everybody's neighbours, and distances say little);  a₀: that of the best view

A view is there to compare pictures.  Where its distances follow from each picture alone (among photographs the distance in
pixels is little more than the contrast), it knows nothing about the folder.  Measured, R² and a:

                folders of one digit     folders of photographs
    pixels          .35   .05                 .72   .24
    outlines        .20   .06                 .47   .20
    features        .16   .06                 .11   .07
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.outlier_scores import Floats, Rows
from study.views._contract import Look

__all__ = ["trusts"]

LEAST = 0.01
STRICT = 15.0


def trusts(logs: Mapping[str, Floats], looks: Mapping[str, Look], plain: Floats, context: Rows) -> dict[str, float]:
    """By view.  logs: log distances (n,); plain: (n, 6)."""
    alone = {name: _left_out(looks[name], context) for name in logs}
    best = min(alone.values(), default=0.0)
    return {
        name: max(LEAST, (1 - _explained(values[context], plain[context])) ** 2 * float(np.exp(-STRICT * (alone[name] - best))))
        for name, values in logs.items()
    }


def _left_out(look: Look, context: Rows) -> float:
    """Share of the context that is nobody's near neighbour; 0 for a view without neighbours."""
    return 0.0 if look.nearest is None else float(1 - np.isin(context, look.nearest).mean())


def _explained(values: Floats, causes: Floats) -> float:
    """Adjusted R² of a linear regression, 0 … 1; 0 where there are too few values to tell."""
    n, spread = len(values), float(values.var())
    design = np.column_stack([np.ones(n), causes])
    if n <= design.shape[1] + 2 or spread < 1e-12:
        return 0.0
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(np.clip(1 - float(rest.var()) / spread * (n - 1) / (n - design.shape[1]), 0, 1))
