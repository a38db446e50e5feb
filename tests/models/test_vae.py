"""The VAE around the networks: conditions, terms, and what it refuses."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError

from models.config import Condition, Likelihood, VAEConfig
from models.elbo import gaussian_kl, reconstruction_nll
from models.errors import UserError
from models.vae import VAE
from tests.models.helpers import images, noise, small_config, terms_of


def test_the_terms_are_those_of_the_elbo() -> None:
    model = VAE(small_config("mlp", (1, 8, 8), likelihood=Likelihood(kind="gaussian", scale=0.3)))
    x, eps = images(4), noise(4, 5)
    terms = model(x, eps)
    mu, logvar = model.encode(x)
    z = mu + torch.exp(logvar / 2) * eps
    torch.testing.assert_close(terms.z_BD, z)
    torch.testing.assert_close(terms.kl_BD, gaussian_kl(mu, logvar))
    torch.testing.assert_close(terms.nll_B, reconstruction_nll(model.config.likelihood, model.logits(z), x))


@pytest.mark.parametrize(("condition", "given"), [(None, torch.zeros(2, dtype=torch.int64)), (Condition(classes=3), None)])
def test_a_condition_is_given_exactly_where_there_is_one(condition: Condition | None, given: torch.Tensor | None) -> None:
    model = VAE(small_config("mlp", (1, 8, 8), condition=condition))
    rule = "this model has (a|no) condition, but (a|no) condition was given"
    with pytest.raises(UserError, match=rule):
        model.encode(images(2), given)
    with pytest.raises(UserError, match=rule):
        model.decode(noise(2, 5), given)


@pytest.mark.parametrize(
    ("encoder", "decoder", "parameters"),
    [
        # 1×1 convolution: (1 image + told) planes × 3 channels + 3 biases; one embedding serves both sides
        ("one_hot", "one_hot", {"label.merge.weight": (3, 5, 1, 1), "label.merge.bias": (3,)}),
        (
            "one_hot",
            "embedding",
            {"label.embedding.weight": (4, 7), "label.merge.weight": (3, 5, 1, 1), "label.merge.bias": (3,)},
        ),
        (
            "embedding",
            "embedding",
            {"label.embedding.weight": (4, 7), "label.merge.weight": (3, 8, 1, 1), "label.merge.bias": (3,)},
        ),
        ("none", "one_hot", {}),
    ],
)
def test_what_a_condition_adds(encoder: str, decoder: str, parameters: dict[str, tuple[int, ...]]) -> None:
    condition = Condition(classes=4, encoder=encoder, decoder=decoder, embedding_dim=7)
    model = VAE(small_config("mlp", (1, 8, 8), condition=condition))
    found = {name: tuple(p.shape) for name, p in model.named_parameters() if name.startswith("label")}
    assert found == parameters
    assert model.encoder[1].in_features == (1 if encoder == "none" else 3) * 64
    assert model.decoder[0].in_features == 5 + (4 if decoder == "one_hot" else 7)


def test_the_label_is_expanded_over_the_image_and_merged_by_a_1x1_convolution() -> None:
    """With hand-set weights: channel 0 keeps the image, channel 1 is the plane of class 2."""
    model = VAE(small_config("mlp", (1, 8, 8), condition=Condition(classes=4, encoder="one_hot", channels=2)))
    with torch.no_grad():
        model.label.merge.bias.zero_()
        model.label.merge.weight.zero_()
        model.label.merge.weight[0, 0] = model.label.merge.weight[1, 1 + 2] = 1
    x = images(2)
    merged = model.label.into_image(x, torch.tensor([2, 0]))
    torch.testing.assert_close(merged[:, 0], x[:, 0])
    assert torch.equal(merged[0, 1], torch.ones(8, 8))
    assert torch.equal(merged[1, 1], torch.zeros(8, 8))


def test_terms_are_float32_under_autocast() -> None:
    model = VAE(small_config("mlp", (1, 8, 8)))
    with torch.autocast("cpu", torch.bfloat16):
        terms = terms_of(model)
    assert {term.dtype for term in terms} == {torch.float32}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"image_shape": (1, 0, 8)}, "image_shape"),
        ({"image_shape": (8, 8)}, "image_shape"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"condition": {"classes": 1}}, "classes"),
        ({"likelihood": {"kind": "gaussian", "scale": 0.0}}, "scale"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_bad_configuration_names_the_field(fields: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        VAEConfig(**{"image_shape": (1, 8, 8), **fields})


def test_bad_layer_sizes_are_one_line() -> None:
    with pytest.raises(UserError, match=r"architecture mlp: hidden\.1: .*greater than or equal to 1 \(got 0\)"):
        VAE(VAEConfig(image_shape=(1, 8, 8), architecture="mlp", architecture_options={"hidden": (4, 0)}))


@pytest.mark.parametrize(
    ("architecture", "side", "rule"),
    [
        ("resnet", 15, "architecture resnet needs image sides >= 16, but got 15x15"),
        ("locatello", 28, "needs image sides divisible by 16, but got 28x28; the next size that works is 32x32"),
        ("burgess", 30, "needs image sides divisible by 4, but got 30x30; the next size that works is 32x32"),
        ("cnn", 7, "needs image sides divisible by 2, but got 7x7; the next size that works is 8x8"),
    ],
)
def test_image_sizes_that_a_network_cannot_do(architecture: str, side: int, rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        VAE(VAEConfig(image_shape=(1, side, side), architecture=architecture))


@pytest.mark.parametrize("side", [16, 17, 28, 45])
def test_resnet_does_every_size_from_16(side: int) -> None:
    model = VAE(small_config("resnet", (3, side, side + 3)))
    mu, _ = model.encode(images(2, (3, side, side + 3)))
    assert model.decode(mu).shape == (2, 3, side, side + 3)


def test_an_unknown_architecture_lists_the_choices() -> None:
    choices = "broadcast, burgess, cnn, locatello, mlp, resnet"
    with pytest.raises(UserError, match=f"unknown architecture 'vit': choose one of {choices}"):
        VAE(VAEConfig(image_shape=(1, 8, 8), architecture="vit"))


def test_a_configuration_equals_its_stored_copy() -> None:
    config = VAEConfig(image_shape=(1, 8, 8), architecture="mlp", architecture_options={"hidden": (400,)})
    assert VAEConfig.model_validate_json(config.model_dump_json()) == config


def linear(*sizes: int) -> int:
    """Parameters of fully connected layers."""
    return sum(a * b + b for a, b in pairwise(sizes))


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [  # 64×64×1 and 10 latents: the layers as the papers list them; a 4×4 kernel of 32 × 32 channels has 16·1024 weights
        ("mlp", linear(4096, 1024, 256, 64, 20) + linear(10, 64, 256, 1024, 4096)),
        ("burgess", 544 + 6 * 16_416 + 513 + linear(512, 256, 256, 20) + linear(10, 256, 256, 512)),
        ("cnn", 544 + 6 * 16_416 + 513 + linear(512, 256, 64, 20) + linear(10, 64, 256, 512)),
        (  # encoder 32k4, 32k4, 64k2, 64k2; decoder 64, 32, 32, 1, all k4
            "locatello",
            (544 + 16_416 + 8_256 + 16_448 + linear(1024, 256, 20)) + (linear(10, 256, 1024) + 65_600 + 32_800 + 16_416 + 513),
        ),
    ],
)
def test_the_published_networks_have_their_published_size(architecture: str, parameters: int) -> None:
    model = VAE(VAEConfig(image_shape=(1, 64, 64), architecture=architecture))
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_resnet_of_width_64_is_torchvisions_resnet18_but_for_stem_and_head() -> None:
    """Same parameter shapes in the four stages, in the same order."""
    from torchvision.models import resnet18

    config = VAEConfig(image_shape=(1, 32, 32), architecture="resnet", architecture_options={"width": 64})
    ours = [tuple(p.shape) for module in list(VAE(config).encoder)[3:7] for p in module.parameters()]
    reference = resnet18()
    stages = (reference.layer1, reference.layer2, reference.layer3, reference.layer4)
    assert ours == [tuple(p.shape) for stage in stages for p in stage.parameters()]
