"""He weights: signals keep their size through every architecture, and the first picture is the mean pixel."""

from __future__ import annotations

import math

import pytest
import torch

from models.config import ARCHITECTURES, Condition
from models.initialisation import DARKEST, he_initialise, start_at_mean_pixel
from models.vae import VAE
from tests.models.helpers import images, noise, small_config

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES.names())


def initialised(name: str, shape: tuple[int, int, int] = (1, 64, 64), level: float = 1.0, seed: int = 0, **fields: object) -> VAE:
    torch.manual_seed(seed)
    model = VAE(small_config(name, shape, **fields))
    he_initialise(model, level * images(64, shape))
    return model.eval()


@every_architecture
def test_codes_depend_on_the_image_and_pictures_on_the_code(name: str) -> None:
    """PyTorch's own start has standard deviations of 1e-3 and less in both places, for the deep ones."""
    model = initialised(name)
    with torch.no_grad():
        squares = torch.zeros(32, 1, 64, 64)
        for number, square in enumerate(squares):
            square[0, number : number + 20, 40 - number : 60 - number] = 1
        mu, _ = model.encode(squares)
        logits = model.logits(noise(32, 5))
    assert mu.std(0).mean() > 0.02
    assert logits.std(0).mean() > 0.02


@every_architecture
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 32)])
def test_the_first_guess_is_the_mean_pixel(name: str, shape: tuple[int, int, int]) -> None:
    model = initialised(name, shape, level=0.1)
    with torch.no_grad():
        guess = model.logits(torch.zeros(1, 5)).mean((0, 2, 3))  # no latent, no bias: what is left is the last bias
    tolerance = 0.25 if name == "broadcast" else 0.05  # and that decoder's coordinates
    torch.testing.assert_close(guess, torch.full((shape[0],), math.log(0.05 / 0.95)), atol=tolerance, rtol=0)


@every_architecture
def test_the_mean_pixel_alone_leaves_the_weights(name: str) -> None:
    torch.manual_seed(0)
    model = VAE(small_config(name, (1, 32, 32)))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    start_at_mean_pixel(model, 0.1 * images(64, (1, 32, 32)))
    changed = [key for key, value in model.state_dict().items() if not torch.equal(value, before[key])]
    assert len(changed) == 1 and changed[0].startswith("decoder") and changed[0].endswith("bias")


@every_architecture
def test_it_is_a_function_of_the_generator(name: str) -> None:
    one, same, other = (initialised(name, (1, 32, 32), seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    weights = [key for key in one if one[key].ndim > 1]
    assert not any(torch.equal(one[key], other[key]) for key in weights)


@every_architecture
def test_black_images_and_conditions_stay_finite(name: str) -> None:
    condition = Condition(classes=3, embedding_dim=2)
    model = initialised(name, (1, 32, 32), level=0.0, condition=condition)
    with torch.no_grad():
        logits = model.logits(torch.zeros(2, 5), torch.tensor([0, 2]))
    assert torch.isfinite(logits).all()
    assert model.decode(torch.zeros(2, 5), torch.tensor([0, 2])).mean() < 10 * DARKEST + 0.2
