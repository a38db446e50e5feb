"""β-TCVAE:  recon + KL + (β − 1)·TC   (Chen et al. 2018, eq. 4 with α = γ = 1).

The average KL is mutual information + total correlation + the latents' own KL, and only the total correlation

    TC = E_q(z)[log q(z) − Σ_d log q(z_d)],    q(z) = 1/N Σ_n q(z|x_n)

is weighted by β.  Writing the rest as the exact KL leaves less to estimate, and β = 1 is exactly the VAE.  q(z) needs all
N training images; a batch of B estimates it as Σ_j w_ij q(z_i|x_j), with the weights of the paper's appendix C:

    weighted     w_ij = 1/(N·B).  Biased: what is not in the batch counts as zero.  Chen et al.'s choice.
    stratified   w_ii = 1/N, one other (N − M)/(N·M), the rest 1/M, where M = B − 1.  Unbiased for q(z), more variance.

Suffixes: B images, D latents.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from models import config as base
from models import objectives
from models.errors import UserError
from models.vae import Terms

__all__ = ["Config", "Objective", "Sampling", "log_importance_weights", "total_correlation"]

Sampling = Literal["weighted", "stratified"]


class Config(base.Config):
    """beta: weight of the total correlation, 1 to 10 in the field's grid; sampling: how a batch stands for the data set."""

    beta: float = Field(default=6.0, ge=0, le=1000)
    sampling: Sampling = "weighted"


class Objective(objectives.Objective):
    """recon + KL + (β − 1)·TC, batch mean.

    >>> zeros = torch.zeros(2, 2)
    >>> terms = Terms(torch.tensor([90.0, 110.0]), torch.tensor([[1.0, 3.0], [1.0, 5.0]]), zeros, zeros, zeros)
    >>> Objective(Config(beta=1.0), 2, 1000)(terms, {"beta": torch.tensor(1.0)})  # the plain VAE: 100 + 5
    tensor(105.)
    """

    config: Config
    scheduled = frozenset({"beta"})

    def weights(self, progress: float) -> dict[str, float]:
        return {"beta": self.config.beta}

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + KL + (β − 1)·TC"""
        tc = total_correlation(terms, self.dataset_size, self.config.sampling)
        return terms.nll_B.mean() + terms.kl_BD.sum(1).mean() + (weights["beta"] - 1) * tc


def total_correlation(terms: Terms, dataset_size: int, sampling: Sampling) -> Tensor:
    """The batch's estimate of TC, nats.  Its constant part is large and without gradient under `weighted` sampling."""
    log_w_BB1 = log_importance_weights(len(terms.z_BD), dataset_size, sampling, terms.z_BD.device)[:, :, None]
    z_B1D, mu_1BD, logvar_1BD = terms.z_BD[:, None], terms.mu_BD[None], terms.logvar_BD[None]
    squared = (z_B1D - mu_1BD).square() * torch.exp(-logvar_1BD)
    log_q_BBD = -0.5 * (math.log(2 * math.pi) + logvar_1BD + squared)  # log q(z_id | x_j), row i, column j
    log_joint_B = torch.logsumexp(log_w_BB1[:, :, 0] + log_q_BBD.sum(2), dim=1)
    log_marginals_BD = torch.logsumexp(log_w_BB1 + log_q_BBD, dim=1)
    return (log_joint_B - log_marginals_BD.sum(1)).mean()


def log_importance_weights(batch: int, dataset_size: int, sampling: Sampling, device: torch.device | str = "cpu") -> Tensor:
    """log w_ij, shape (batch, batch).  The stratified ones sum to 1 in each row, and need 2 <= batch <= dataset_size.

    >>> log_importance_weights(3, 6, "stratified").exp()  # 1/6, (6 − 2)/(6·2), 1/2
    tensor([[0.1667, 0.3333, 0.5000],
            [0.5000, 0.1667, 0.3333],
            [0.3333, 0.5000, 0.1667]])
    """
    if sampling == "weighted":
        return torch.full((batch, batch), -math.log(dataset_size * batch), device=device)
    if not 2 <= batch <= dataset_size:
        raise UserError(
            "stratified sampling needs 2 <= batch size <= images of the data set, "
            f"but got a batch of {batch} of {dataset_size} images"
        )
    others = batch - 1
    own = torch.eye(batch, device=device)
    next_one = own.roll(1, dims=1)
    weights = own / dataset_size + next_one * (dataset_size - others) / (dataset_size * others)
    return (weights + (1 - own - next_one) / others).log()
