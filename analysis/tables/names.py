"""What things are called in tables and figures, and how each kind of model looks: one name, one colour, one marker everywhere.

Colours are the colour-blind safe ones of seaborn's "colorblind" palette (after Wong 2011, Nature Methods 8:441); markers differ
as well, so that a figure survives a black-and-white printer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from models.errors import UserError
from study.metrics import Metric, metric_of

__all__ = ["axis_label", "find_metric", "in_nats", "knob_label", "looks", "metric_name", "number", "ordered", "variant_of"]

UNITS = {"nats": "nats per image"}
ARROWS = {"minimize": "↓", "maximize": "↑"}
KNOB_NAMES = {
    "beta_vae/beta": "β", "beta_vae/schedule": "schedule of β", "beta_vae/decay_factor": "β start ⁄ β",
    "capacity/gamma_max": "γ max", "capacity/gamma_ratio": "γ min ⁄ γ max", "capacity/decay": "when γ decays",
    "capacity/gamma_shape": "shape of γ decay", "capacity/capacity_max": "C max (nats)",
    "capacity/anneal_fraction": "annealing of C (fraction of the run)", "latent_dim": "latents", "learning_rate": "learning rate",
}  # fmt: skip

# Index into seaborn's "colorblind" palette and matplotlib's marker: fixed for the kinds of model this project asks about.
LOOKS = {
    "β-VAE, constant β": (0, "o"),
    "β-VAE, scheduled β": (9, "s"),
    "capacity, constant γ": (1, "^"),
    "capacity, γ decay": (3, "D"),
}
OTHERS = ((2, "P"), (4, "X"), (5, "v"), (6, "*"), (7, "p"), (8, "h"))


def variant_of(objective: str, options: Mapping[str, Any]) -> str:
    """The kind of objective with the schedule that matters, from a trial's validated options.

    >>> variant_of("capacity", {"gamma_max": 30.0, "gamma_min": 6.0})
    'capacity, γ decay'
    """
    if objective == "beta_vae":
        return "β-VAE, constant β" if options.get("schedule", "constant") == "constant" else "β-VAE, scheduled β"
    if objective == "capacity":
        constant = options.get("gamma_min") in (None, options.get("gamma_max"))
        return "capacity, constant γ" if constant else "capacity, γ decay"
    return objective.replace("_", "-")


def looks(variants: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Colour and marker of every variant, the same in all figures: ({variant: RGB}, {variant: marker})."""
    import seaborn as sns

    palette = sns.color_palette("colorblind")
    names = ordered(variants)
    spare = iter(OTHERS * (1 + len(names) // len(OTHERS)))
    chosen = {name: LOOKS[name] if name in LOOKS else next(spare) for name in names}
    return {name: palette[at] for name, (at, _) in chosen.items()}, {name: marker for name, (_, marker) in chosen.items()}


def ordered(variants: Iterable[str]) -> list[str]:
    """Each variant once, in the order of every legend."""
    known = list(LOOKS)
    return sorted(set(variants), key=lambda name: (known.index(name) if name in known else len(known), name))


@cache  # asked for thousands of times by a page
def find_metric(name: str) -> Metric | None:
    """The declaration behind a column's name, None where the column is no metric."""
    try:
        metric = metric_of(name)
    except UserError:
        return None
    return metric if name in metric.keys else None


def in_nats(key: str) -> bool:
    """Whether a metric is an amount of information: what a log axis suits when it spans a wide range."""
    metric = find_metric(key)
    return metric is not None and metric.unit == "nats"


def metric_name(key: str) -> str:
    """A metric's name for people.

    >>> metric_name("dci_completeness")
    'DCI completeness'
    """
    metric = find_metric(key)
    return key.replace("_", " ") if metric is None else metric.title(key)


def axis_label(key: str) -> str:
    """Name, unit and better direction.

    >>> axis_label("recon")
    'reconstruction NLL (nats per image) ↓'
    """
    metric = find_metric(key)
    if metric is None:
        return knob_label(key)
    unit = f" ({UNITS.get(metric.unit, metric.unit)})" if metric.unit else ""
    return f"{metric_name(key)}{unit} {ARROWS[metric.direction]}"


def knob_label(knob: str) -> str:
    """A knob's name for people: its symbol in the papers where it has one."""
    return KNOB_NAMES.get(knob) or knob.rpartition("/")[2].replace("_", " ")


def number(value: Any, digits: int = 3) -> str:
    """A cell of a table: significant digits, integers whole, "–" for what is missing.

    >>> number(103.27), number(10.0), number(0.08412), number(None)
    ('103', '10', '0.0841', '–')
    """
    if value is None or value != value:  # NaN differs from itself
        return "–"
    if not isinstance(value, (int, float)):
        return str(value)
    text = str(int(value)) if float(value).is_integer() and abs(value) < 1e6 else f"{value:.{digits}g}"
    return text.replace("-", "−") if value < 0 else text
