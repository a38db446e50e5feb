"""The five dSprites models of disentangling-vae (Dubois et al. 2019), the field's most used PyTorch reference.

    results/<NAME>_dsprites/model.pt of github.com/YannDubs/disentangling-vae (commit f045219, MIT licence), 2 MB each
    python -m study.adopt model.pt --map disentangling_vae

The network of Burgess et al. 2018 with 10 latents, trained for 30 epochs of 64 (factor: 60 of 128) on the whole of dSprites: no
image of our validation and test parts is new to it.  The losses were measured on 4,000 random images of the grid.
"""

from __future__ import annotations

from typing import Any

from study.weight_maps import PublishedModel, WeightMap

__all__ = ["MAP"]

STEPS = 345_600  # 737,280 images × 30 / 64; FactorVAE's 60 epochs of 128 are as many


def _training(rate: float, batch: int = 64) -> dict[str, Any]:
    return {"steps": STEPS, "batch_size": batch, "learning_rate": rate}


MAP = WeightMap(
    source="Y. Dubois, A. Kastanos, D. Lines, B. Melman (2019): Disentangling VAE, github.com/YannDubs/disentangling-vae",
    licence="MIT",
    seed=1234,
    config={"dataset": "dsprites", "architecture": "burgess", "latent_dim": 10},
    keys={
        "encoder.conv1": "encoder.0",
        "encoder.conv2": "encoder.2",
        "encoder.conv3": "encoder.4",
        "encoder.conv_64": "encoder.6",
        "encoder.lin1": "encoder.9",
        "encoder.lin2": "encoder.11",
        "encoder.mu_logvar_gen": "encoder.13",
        "decoder.lin1": "decoder.0",
        "decoder.lin2": "decoder.2",
        "decoder.lin3": "decoder.4",
        "decoder.convT_64": "decoder.7",
        "decoder.convT1": "decoder.9",
        "decoder.convT2": "decoder.11",
        "decoder.convT3": "decoder.13",
    },
    interleaved=("encoder.13",),
    models={
        "vae": PublishedModel(
            title="VAE",
            sha256="d59cf8691ecf38e99784beabfd664c92543bec2232135da8dda07b7d8fb69154",
            config={"objective": "beta_vae", "objective_options": {"beta": 1.0}, "training": _training(5e-4)},
            recon=17.4,
            kl=25.2,
        ),
        "beta_vae_4": PublishedModel(
            title="β-VAE, β = 4 (Higgins et al. 2017)",
            sha256="44ba28f86d772e428b592c3131fc690d8ea28f415a842673dfd9b7637bef5203",
            config={"objective": "beta_vae", "objective_options": {"beta": 4.0}, "training": _training(5e-4)},
            recon=35.6,
            kl=15.3,
        ),
        "beta_tcvae_6_4": PublishedModel(
            title="β-TCVAE, β = 6.4 (Chen et al. 2018)",
            sha256="ea86d65dbbcfe0534d92a7b152187c8056f1841b0e5e57512937b53b5bb3ed72",
            config={"objective": "beta_tcvae", "objective_options": {"beta": 6.4}, "training": _training(5e-4)},
            recon=41.7,
            kl=13.5,
        ),
        "factor_vae_6_4": PublishedModel(
            title="FactorVAE, γ = 6.4 (Kim & Mnih 2018)",
            sha256="363af41ccc1ea4000b40659cc325db26c0839b789a9461977403298646cc9e5f",
            config={"objective": "factor_vae", "objective_options": {"gamma": 6.4}, "training": _training(1e-4, batch=128)},
            recon=36.8,
            kl=21.8,
        ),
        "capacity_25": PublishedModel(
            title="capacity 25 nats, γ = 100 (Burgess et al. 2018)",
            sha256="3e00b3aa10c2a8d3e2011a8d454b6447e95a97770f5c70949384b1018813b0ff",
            config={
                "objective": "capacity",
                "objective_options": {"capacity_max": 25.0, "gamma_max": 100.0, "anneal_fraction": 0.29},
                "training": _training(1e-3),
            },
            recon=79.1,
            kl=25.0,
        ),
    },
)
