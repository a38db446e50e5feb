"""What training minimises: the contract of every file in `models/objectives/`.

An objective has two halves and, rarely, a memory (`observe`).  `weights(progress)` are its schedules: plain numbers, a pure
function of the fraction of the run that is done, recorded beside the losses.  `forward(terms, weights)` is the loss of one
batch, in nats per image; it receives the weights as tensors, so that a compiled training step needs no recompilation when
they change.

Objectives never look inside a network, and architectures never know their objective.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from models.config import OBJECTIVES, Config, resolve_options
from models.vae import Terms

__all__ = ["Objective", "build_objective"]


class Objective(nn.Module):
    """Base class.  A plug-in file defines `Config` and a subclass named `Objective`.

    scheduled   the options that act through `weights` and nothing else: arms that differ in them only are one training until
                their weights part (`study.training.forks`)
    """

    scheduled: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: Config, latent_dim: int, dataset_size: int) -> None:
        super().__init__()
        self.config: Any = config
        self.latent_dim = latent_dim
        self.dataset_size = dataset_size

    def weights(self, progress: float) -> dict[str, float]:
        """The schedules' values at `progress` in [0, 1].  The keys are the same at every progress."""
        raise NotImplementedError

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """The scalar loss of one batch, nats per image.  Its gradient must not reach the objective's own parameters."""
        raise NotImplementedError

    def adversary_loss(self, terms: Terms) -> Tensor | None:
        """The loss of the objective's own parameters (FactorVAE's discriminator); None where it has none.

        `terms` arrive detached.  An objective that has parameters returns a tensor here, and only this loss trains them.
        """
        return None

    def observe(self, terms: Terms, weights: dict[str, Tensor]) -> None:
        """Called once after every training step, `terms` detached: what an objective remembers of it (ControlVAE's controller).

        The memory is buffers, and nothing else moves them: a checkpoint has them, and evaluating changes nothing.
        """

    def remembered(self) -> dict[str, float]:
        """Numbers of that memory, for the record of a report; the same keys always."""
        return {}


def build_objective(name: str, options: dict[str, Any], latent_dim: int, dataset_size: int) -> Objective:
    """The objective `name` with its options validated.  Raises `UserError` for an unknown name or a bad option."""
    config = resolve_options(OBJECTIVES, name, options)
    objective: Objective = OBJECTIVES.load(name).Objective(config, latent_dim, dataset_size)
    return objective
