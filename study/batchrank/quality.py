"""How well a ranking finds the odd pictures of one batch.

    auroc      P(an odd picture scores above an ordinary one), ties count half; chance ½
    ap         average precision minus its exact chance value, over what is left to gain: 0 chance, 1 perfect
    precision  share of odd pictures among the first k, k their number
    hit        1 when the first picture is odd
    mrr        1 / rank of the first odd picture
    ndcg       discounted cumulative gain at k over the best possible (Järvelin & Kekäläinen 2002)

Equal scores are taken in the order in which the batch lists them, which is random, so they earn chance.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

__all__ = ["QUALITIES", "chance_ap", "ranking_quality"]

QUALITIES = ("auroc", "ap", "precision", "hit", "mrr", "ndcg")


def chance_ap(n: int, odd: int) -> float:
    """The exact expectation of average precision for a random order of n pictures, `odd` of them odd.

        E[AP] = [H_n + (k − 1)/(n − 1) · (n − H_n)] / n,    k = odd, H_n the harmonic number     (Bestgen 2015)

    >>> round(chance_ap(64, 1), 4)  # not 1/64
    0.0741
    """
    harmonic = float((1 / np.arange(1, n + 1)).sum())
    return (harmonic + (odd - 1) / max(n - 1, 1) * (n - harmonic)) / n


def ranking_quality(scores: NDArray[np.floating], odd: NDArray[np.bool_]) -> dict[str, float]:
    """All qualities of scores (n,) for a batch with at least one odd and one ordinary picture."""
    n, k = len(odd), int(odd.sum())
    assert 0 < k < n, "a batch with odd and ordinary pictures"
    found = odd[np.argsort(-scores, kind="stable")]
    places = np.flatnonzero(found) + 1
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ap = float((np.arange(1, k + 1) / places).mean())
    chance = chance_ap(n, k)
    return {
        "auroc": float((scipy.stats.rankdata(scores)[odd].sum() - k * (k + 1) / 2) / (k * (n - k))),
        "ap": (ap - chance) / (1 - chance),
        "precision": float(found[:k].mean()),
        "hit": float(found[0]),
        "mrr": float(1 / places[0]),
        "ndcg": float(discounts[found[:k]].sum() / discounts.sum()),
    }
