"""What every architecture promises, for every file in `models/architectures/`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_model, model_bytes, save_model
from models.config import ARCHITECTURES, Condition, VAEConfig
from models.errors import UserError
from models.initialisation import he_initialise
from models.vae import VAE
from tests.models.helpers import SHAPES, fill_weights, images, small_config, terms_of

NAMES = ARCHITECTURES.names()

pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_or_the_rule_is_stated(name: str, shape: tuple[int, int, int]) -> None:
    try:
        model = VAE(small_config(name, shape))
    except UserError as error:
        text = str(error)
        assert name in text and f"{shape[1]}x{shape[2]}" in text and "needs image sides" in text
        return
    x = images(3, shape)
    mu, logvar = model.encode(x)
    decoded = model.decode(mu)
    assert mu.shape == logvar.shape == (3, 5)
    assert decoded.shape == x.shape
    assert decoded.min() >= 0 and decoded.max() <= 1


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64)], ids=str)
def test_the_fields_sizes_work(name: str, shape: tuple[int, int, int]) -> None:
    VAE(small_config(name, shape))


def test_the_size_an_error_proposes_works(name: str) -> None:
    try:
        VAE(small_config(name, (1, 30, 45)))
    except UserError as error:
        height, width = re.findall(r"the next size that works is (\d+)x(\d+)", str(error))[0]
        VAE(small_config(name, (1, int(height), int(width))))


@pytest.mark.parametrize("latent_dim", [1, 2, 200])
def test_any_latent_size(name: str, latent_dim: int) -> None:
    model = VAE(small_config(name, latent_dim=latent_dim))
    assert terms_of(model, 2).kl_BD.shape == (2, latent_dim)


def test_pictures_need_not_be_square(name: str) -> None:
    model = VAE(small_config(name, (1, 32, 64)))
    mu, _ = model.encode(images(2, (1, 32, 64)))
    assert model.decode(mu).shape == (2, 1, 32, 64)


@pytest.mark.parametrize("condition", [None, Condition(classes=3)], ids=["plain", "conditional"])
def test_a_gradient_reaches_every_parameter(name: str, condition: Condition | None) -> None:
    torch.manual_seed(0)
    model = VAE(small_config(name, condition=condition))
    labels = torch.arange(16) % 3 if condition else None
    terms = terms_of(model, 16, condition=labels)
    (terms.nll_B.mean() + terms.kl_BD.sum(1).mean()).backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_a_seed_decides_the_model(name: str) -> None:
    models = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        models.append(VAE(small_config(name)))
    same, again, other = (model_bytes(model) for model in models)
    assert same == again
    assert same != other
    first, second = (terms_of(model, 4) for model in models[:2])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("condition", [None, Condition(classes=3, decoder="one_hot")], ids=["plain", "conditional"])
def test_save_and_load(name: str, condition: Condition | None, tmp_path: Path) -> None:
    model = VAE(small_config(name, condition=condition))
    labels = torch.tensor([0, 2, 1, 1]) if condition else None
    terms_of(model, 4, condition=labels)  # in training mode: moves the running statistics, where there are any
    model.eval()
    save_model(model, tmp_path / "model.zip")
    loaded = load_model(tmp_path / "model.zip")
    assert loaded.config == model.config
    for before, after in zip(terms_of(model, 4, condition=labels), terms_of(loaded, 4, condition=labels), strict=True):
        assert torch.equal(before, after)


def test_an_image_is_encoded_alike_in_any_batch(name: str) -> None:
    """In evaluation mode nothing leaks from one image of a batch to another."""
    torch.manual_seed(0)
    model = VAE(small_config(name)).eval()
    x = images(4, (1, 32, 32))
    together, alone = model.encode(x)[0][2], model.encode(x[2:3])[0][0]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_different_images_get_different_codes(name: str) -> None:
    model = VAE(small_config(name))
    fill_weights(model)
    mu, _ = model.encode(images(2, (1, 32, 32)))
    assert (mu[0] - mu[1]).abs().max() > 1e-6


@pytest.mark.parametrize("encoder", ["one_hot", "embedding", "none"])
@pytest.mark.parametrize("decoder", ["one_hot", "embedding"])
def test_the_label_reaches_what_is_told(name: str, encoder: str, decoder: str) -> None:
    torch.manual_seed(0)
    model = VAE(small_config(name, condition=Condition(classes=4, encoder=encoder, decoder=decoder))).eval()
    x, zeros, ones = images(2, (1, 32, 32)), torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)
    (mu_zero, _), (mu_one, _) = model.encode(x, zeros), model.encode(x, ones)
    assert torch.equal(mu_zero, mu_one) == (encoder == "none")
    assert not torch.equal(model.decode(mu_zero, zeros), model.decode(mu_zero, ones))


def test_it_learns_one_batch(name: str) -> None:
    """Thirty steps on eight pictures must lower their negative ELBO, from the weights that spaces start with."""
    torch.manual_seed(0)
    model = VAE(small_config(name))
    rng = np.random.default_rng(0)
    x = torch.from_numpy((rng.random((8, 1, 4, 4)) > 0.5).astype(np.float32)).repeat_interleave(8, 2).repeat_interleave(8, 3)
    he_initialise(model, x)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        terms = model(x, torch.from_numpy(rng.standard_normal((8, 5), dtype=np.float32)))
        loss = terms.nll_B.mean() + terms.kl_BD.sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.97 * losses[0], losses


def test_an_unknown_option_is_named(name: str) -> None:
    with pytest.raises(UserError, match=f"architecture {name}: no_such_option: Extra inputs") as caught:
        VAE(VAEConfig(image_shape=(1, 32, 32), architecture=name, architecture_options={"no_such_option": 1}))
    assert "\n" not in str(caught.value)


def test_every_option_has_a_default_and_a_meaning(name: str) -> None:
    config = ARCHITECTURES.load(name).Config
    config()
    text = (config.__doc__ or "") + "".join(field.description or "" for field in config.model_fields.values())
    assert [option for option in config.model_fields if option not in text] == []
