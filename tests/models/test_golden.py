"""Golden curves: ten deterministic steps of every objective, so that a refactor provably changes nothing.

`golden.json` holds, for each case, the loss, the reconstruction and the KL (nats per image) of steps 0, 2, 4 … of training
a 64–16–5 network on fixed pictures.  Pictures, noise and initial weights come from NumPy.  A CPU with other instructions
rounds differently, hence the tolerance.  After a change that is *meant* to change the numbers, write them anew:

    python -m tests.models.test_golden
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from models.config import OBJECTIVES, Likelihood, VAEConfig
from models.objectives import build_objective
from models.vae import VAE, Terms
from tests.models.helpers import fill_weights, images, noise, weights_at

GOLDEN = Path(__file__).with_name("golden.json")
STEPS, BATCH, LATENTS = 10, 16, 5

CASES: dict[str, tuple[str, dict[str, object], Likelihood]] = {
    "vae": ("beta_vae", {}, Likelihood()),
    "vae, squared error": ("beta_vae", {}, Likelihood(kind="gaussian")),
    "beta 4": ("beta_vae", {"beta": 4.0}, Likelihood()),
    "beta warm-up": ("beta_vae", {"beta": 4.0, "schedule": "warmup", "window": 0.5}, Likelihood()),
    "beta cyclic": ("beta_vae", {"beta": 4.0, "schedule": "cyclic", "cycles": 2}, Likelihood()),
    "beta decay": ("beta_vae", {"schedule": "decay", "beta_start": 16.0, "shape": "exponential"}, Likelihood()),
    "capacity": ("capacity", {"gamma_max": 30.0, "capacity_max": 1.0}, Likelihood()),
    "capacity, gamma decay after": ("capacity", {"gamma_min": 20.0, "anneal_fraction": 0.5}, Likelihood()),
    "capacity, gamma decay during": (
        "capacity",
        {"gamma_min": 20.0, "gamma_window": "during", "gamma_shape": "cosine"},
        Likelihood(),
    ),
    "capacity per sample": ("capacity", {"gamma_max": 30.0, "capacity_max": 1.0, "penalty": "sample"}, Likelihood()),
    "beta-tc": ("beta_tcvae", {}, Likelihood()),
    "beta-tc stratified": ("beta_tcvae", {"sampling": "stratified"}, Likelihood()),
    "factor": ("factor_vae", {"hidden": 16, "layers": 2}, Likelihood()),
    "dip I": ("dip_vae", {"variant": "I"}, Likelihood()),
    "dip II": ("dip_vae", {"variant": "II"}, Likelihood()),
    "control": ("control_vae", {"capacity_max": 1.0, "ki": 0.1}, Likelihood()),
    "info": ("info_vae", {}, Likelihood()),
    "free bits": ("free_bits", {"free_nats": 0.1}, Likelihood()),
}


def curve(case: str) -> dict[str, list[float]]:
    """Train as the trainer does, in float32 on the CPU; every second step's loss and terms."""
    name, options, likelihood = CASES[case]
    model = VAE(
        VAEConfig(
            image_shape=(1, 8, 8),
            architecture="mlp",
            architecture_options={"hidden": [16]},
            latent_dim=LATENTS,
            likelihood=likelihood,
        )
    )
    objective = build_objective(name, options, LATENTS, dataset_size=1000)
    fill_weights(model)
    fill_weights(objective, seed=1)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    own = list(objective.parameters())
    adversary = torch.optim.Adam(own, lr=1e-4, betas=(0.5, 0.9)) if own else None
    found: dict[str, list[float]] = {"loss": [], "recon": [], "kl": []}
    for step in range(STEPS):
        terms = model(images(BATCH, seed=step), noise(BATCH, LATENTS, seed=100 + step))
        weights = weights_at(objective, step / STEPS)
        loss = objective(terms, weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if adversary is not None:
            adversary.zero_grad()
            objective.adversary_loss(Terms(*(term.detach() for term in terms))).backward()
            adversary.step()
        objective.observe(Terms(*(term.detach() for term in terms)), weights)
        if step % 2 == 0:
            values = (loss, terms.nll_B.mean(), terms.kl_BD.sum(1).mean())
            for key, value in zip(found, values, strict=True):
                found[key].append(float(f"{value.item():.7g}"))
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_curve_is_the_golden_one(case: str) -> None:
    golden, found = json.loads(GOLDEN.read_text())[case], curve(case)
    for key in ("loss", "recon", "kl"):
        assert found[key] == pytest.approx(golden[key], rel=2e-4, abs=1e-4), key


def test_every_objective_has_a_golden_curve() -> None:
    assert {name for name, _, _ in CASES.values()} == set(OBJECTIVES.names())
    assert json.loads(GOLDEN.read_text()).keys() == CASES.keys()


def test_no_two_cases_have_the_same_curve() -> None:
    """Otherwise an option did nothing."""
    losses = [tuple(round(loss, 2) for loss in golden["loss"]) for golden in json.loads(GOLDEN.read_text()).values()]
    assert len(set(losses)) == len(losses)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({case: curve(case) for case in CASES}, indent=1) + "\n")
