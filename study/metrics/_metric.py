"""What a metric promises: a plug-in in `study/metrics/` declares one `Metric` next to its function.

A *metric* is a number about a whole model on a whole sample, computed after training; an *objective* is what training
minimises; a *score* says how odd one picture is.  There are three families, because there are three kinds of evidence:

    codes   of codes and factors          compute(points: Points, seed: int)                    MIG, SAP, DCI, …
    model   of the model on images        compute(encoding: Encoding, seed: int)                reconstruction, KL, …
    seeds   of several seeds of a model   compute(encodings: Sequence[Encoding], seed: int)     UDR, ModelCentrality

Each `compute` returns {key: value} with exactly the declared keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["COSTS", "Cost", "Direction", "Family", "Group", "Metric"]

Family = Literal["codes", "model", "seeds"]
Direction = Literal["maximize", "minimize"]
Group = Literal["losses", "disentanglement", "ranking", "code"]
Cost = Literal["cheap", "seconds", "minutes"]
COSTS: tuple[Cost, ...] = ("cheap", "seconds", "minutes")
"""cheap: under a second for 10,000 points on one core, so it can run during training.  In ascending order."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """The declaration of one plug-in.

    keys           names of the values; each begins with the plug-in's name
    direction      which way is better; what a search does with the key
    range          smallest and largest possible value
    unit           "nats", "latents", or "" for a ratio
    points         at most so many images are used; None: all that are given
    truth          family "model": needs ground-truth factors all the same (or labels, where `labels` is set)
    labels         also meaningful with class labels as the only factor
    least_factors  undefined with fewer factors
    titles         {key: its name for people} where that is not the key with spaces
    group          what it is about: losses, disentanglement (of codes), ranking (of odd pictures), or the code as such
    speaks         keys that stand for their group where groups are compared (`analysis.disentanglement`)
    watched        looked at in mid-training, on few images: must be cheap
    """

    family: Family
    keys: tuple[str, ...]
    direction: Direction
    range: tuple[float, float]
    unit: str = ""
    cost: Cost
    points: int | None = None
    truth: bool = False
    labels: bool = False
    least_factors: int = 1
    titles: Mapping[str, str] = field(default_factory=dict)
    group: Group = "code"
    speaks: tuple[str, ...] = ()
    watched: bool = False

    def title(self, key: str) -> str:
        """A key's name for people."""
        return self.titles.get(key, key.replace("_", " "))
