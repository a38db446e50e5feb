"""ModelCentrality on planted models: those that found the same axes agree, whatever order, sign and scale their latents have."""

import numpy as np
import pytest
from scipy.stats import norm

from models.config import Condition, VAEConfig
from models.errors import UserError
from study.evaluate import evaluate_seeds
from study.evidence.encoding import Encoding
from study.metrics.model_centrality import above_chance, agreements, model_centrality
from tests.study.toys import squares

D = 4


class Planted:
    """A world of D true causes, drawn as D pixels; the latents are `turn` @ the causes, read with a little noise left out."""

    def __init__(self, turn, scale=1.0):
        self.turn, self.scale = np.asarray(turn, float), scale

    def decode(self, z, condition=None):
        causes = (np.asarray(z, float) / self.scale) @ self.turn
        return norm.cdf(causes).clip(1e-6, 1 - 1e-6).reshape(len(z), 1, 1, -1).astype(np.float32)

    def encode(self, images, condition=None):
        causes = norm.ppf(np.asarray(images, float).reshape(len(images), -1))
        mu = (self.scale * causes @ self.turn.T).astype(np.float32)
        return mu, np.full_like(mu, -4)


class Blind(Planted):
    def encode(self, images, condition=None):
        return np.zeros((len(images), len(self.turn)), np.float32), np.zeros((len(images), len(self.turn)), np.float32)


def turned(way):
    """Every cause in two latents at equal parts, each time with another partner: two such models share no axis either."""
    partner = ([1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0])[way]
    signs = np.where(np.arange(D) < partner, 1.0, -1.0)
    return (np.diag(signs) + np.eye(D)[partner]) / np.sqrt(2)


def shares(models):
    return np.stack(list(agreements(models, [len(model.turn) for model in models])), axis=1)


ALIGNED = [Planted(np.eye(D)), Planted(-np.eye(D)[[2, 0, 3, 1]]), Planted(np.eye(D)[::-1])]


def test_the_models_that_found_the_axes_are_the_central_ones():
    found = shares([*ALIGNED, *(Planted(turned(way)) for way in range(3))])
    assert found[:3, :3] == pytest.approx(1)
    scores = model_centrality(found)  # by hand: 1, 1, ½, ½, ½ for one that found the axes; ½, ½, ½, ¼, ¼ for a turned one
    assert scores == pytest.approx([0.7] * 3 + [0.4] * 3, abs=0.06)


def test_the_matrix_is_kim_and_mnihs_score_of_the_generators_latents():
    """By brute force: vote by vote, as the docstring has it."""
    generator, encoder = Planted(np.eye(D)), Planted(turned(2))
    found = shares([generator, encoder])[1, 0]
    rng, table, right = np.random.default_rng(7), np.zeros((D, D)), []
    for vote in range(3_000):
        z = rng.normal(size=(32, D))
        z[:, vote % D] = z[0, vote % D]
        variance = encoder.encode(generator.decode(z))[0].var(axis=0)  # a rotation of white noise: every latent varies by 1
        if vote < 2_000:
            table[variance.argmin(), vote % D] += 1
        else:
            right.append(table[variance.argmin()].argmax() == vote % D)
    assert found == pytest.approx(np.mean(right), abs=0.1)  # 160 votes: two standard errors are .08


def test_guessing_is_chance_and_kappa_takes_it_out():
    found = shares([Planted(np.eye(D)), Blind(np.eye(D))])
    assert found[1].tolist() == [0, 0]  # no active latent, no vote
    few, many = np.full((2, 2), 0.5), np.full((2, 2), 0.1)
    assert model_centrality(above_chance(few, [2, 2])).tolist() == [0, 0]
    assert model_centrality(above_chance(many, [10, 10])).tolist() == pytest.approx([0, 0])
    assert above_chance(np.ones((1, 1)), [1]).tolist() == [[0]]  # one latent: nothing to tell apart


def test_scale_order_and_sign_of_an_encoders_latents_do_not_matter():
    for other in (Planted(np.eye(D)[[1, 3, 0, 2]]), Planted(-np.eye(D)), Planted(np.eye(D), scale=3.0)):
        assert shares([ALIGNED[0], other])[1, 0] == 1


def test_another_model_changes_nothing_for_the_others():
    three = [ALIGNED[0], Planted(turned(0)), Planted(turned(1))]
    assert np.array_equal(shares(three)[:2, :2], shares(three[:2]))


def encoding(model, **config):
    data = squares()
    zeros = np.zeros((4, D), np.float32)
    of = VAEConfig(image_shape=(1, 12, 12), architecture="mlp", latent_dim=D, **config)
    return Encoding(model, of, data, np.arange(4), zeros, zeros)


def test_of_several_seeds_it_is_their_median():
    found = evaluate_seeds([encoding(model) for model in ALIGNED], ["model_centrality"])
    assert found == {"model_centrality": 1, "model_centrality_kappa": 1}
    mixed = [*ALIGNED[:2], Planted(turned(1))]
    expected = float(np.median(model_centrality(shares(mixed))))
    assert evaluate_seeds([encoding(model) for model in mixed], ["model_centrality"])["model_centrality"] == expected


def test_what_it_refuses():
    with pytest.raises(UserError, match="at least 2 models, but got 1"):
        shares(ALIGNED[:1])
    conditional = encoding(ALIGNED[0], condition=Condition(classes=4, embedding_dim=3))
    with pytest.raises(UserError, match="told no label"):
        evaluate_seeds([conditional, conditional], ["model_centrality"])

    class Diverged(Planted):
        def encode(self, images, condition=None):
            mu, logvar = super().encode(images)
            return mu * np.nan, logvar

    with pytest.raises(UserError, match="diverged"):
        shares([ALIGNED[0], Diverged(np.eye(D))])
