"""What every metric of the folder promises: declaration, range, determinism, symmetries, and errors instead of NaN."""

import inspect
import math
import subprocess
import sys

import numpy as np
import pytest

from models.codec import TorchCodec
from models.errors import UserError
from study.evaluate import evaluate_codec, evaluate_seeds, possible
from study.metrics import METRICS, direction, evaluate, metric_of, plugin_of, possible_metrics
from study.metrics._metric import COSTS
from tests.study.toys import Oracle, small_vae, squares

BY_FAMILY = {
    family: [name for name in METRICS.names() if metric_of(name).family == family] for family in ("codes", "model", "seeds")
}
MODEL = [name for name in BY_FAMILY["model"] if not metric_of(name).truth]  # those of outlier ranking have tests of their own
COUNT = 600


def factors_of(rng):
    """Two factors with 2 and 3 values: few, because boosted trees cost so much for each."""
    return np.stack([rng.integers(0, size, COUNT) for size in (2, 3)], axis=1)


def good(seed=0):
    """Each factor in a latent of its own, and two latents of noise; with the factors."""
    rng = np.random.default_rng(seed)
    factors = factors_of(rng)
    signal = np.pad((factors - factors.mean(axis=0)) / factors.std(axis=0), ((0, 0), (0, 2)))
    return signal + rng.normal(size=(COUNT, 4)) * [0.1, 0.1, 0.5, 0.5], factors


def bad(seed=0):
    """Four latents that each know a little of both factors."""
    rng = np.random.default_rng(seed)
    factors = factors_of(rng)
    blend = ((factors - factors.mean(axis=0)) / factors.std(axis=0)).sum(axis=1, keepdims=True)
    return 0.5 * blend + rng.normal(size=(COUNT, 4)), factors


def check_values(name, values):
    """Exactly the declared keys, all finite and in range."""
    metric = metric_of(name)
    assert set(values) == set(metric.keys)
    low, high = metric.range
    for value in values.values():
        assert type(value) is float and math.isfinite(value) and low <= value <= high


@pytest.mark.parametrize("name", METRICS.names())
def test_declaration(name):
    module = METRICS.load(name)
    metric = module.METRIC
    assert metric.truth or ">>> " in getattr(module, name).__doc__, "the metric is a function under its own name, with an example"
    assert all(key == name or key.startswith(f"{name}_") for key in metric.keys)
    assert all(plugin_of(key) == name and metric_of(key) is metric for key in metric.keys)
    assert direction(metric.keys[0]) in ("maximize", "minimize")
    assert metric.cost in COSTS and metric.range[0] < metric.range[1]
    evidence = {"codes": "points", "model": "encoding", "seeds": "encodings"}[metric.family]
    assert list(inspect.signature(module.compute).parameters) == [evidence, "seed"]


@pytest.mark.parametrize("name", METRICS.names())
def test_docstring_says_what_a_reader_needs(name):
    text = METRICS.load(name).__doc__.lower()
    assert any(word in text for word in ("better", "maximize", "minimize", "lower", "direction"))
    if not metric_of(name).truth:
        assert "range" in text and "cost" in text
        assert any(year in text for year in map(str, range(2014, 2025))) or "scikit-learn" in text, "source"


def test_every_family_and_name_is_there():
    promised = {"mig", "sap", "dci", "dci_forest", "factor_vae_score", "beta_vae_score", "modularity", "explicitness"}
    assert promised <= set(BY_FAMILY["codes"])
    assert {"recon", "kl", "negative_elbo", "negative_iwae", "active_units", "total_correlation"} <= set(BY_FAMILY["model"])
    assert BY_FAMILY["seeds"] == ["model_centrality", "udr"]


# ---------------------------------------------------------------------------------------- codes and factors


@pytest.mark.parametrize("name", BY_FAMILY["codes"])
class TestCodes:
    def test_good_beats_bad_and_is_repeatable(self, name):
        first, second = (evaluate(*good(), [name], seed=3) for _ in range(2))
        check_values(name, first)
        assert first == second
        worse = evaluate(*bad(), [name], seed=3)
        check_values(name, worse)
        assert all(first[key] > worse[key] + 0.05 for key in first)

    def test_order_of_latents_does_not_matter(self, name):
        codes, factors = good()
        before, after = evaluate(codes, factors, [name]), evaluate(codes[:, [2, 0, 3, 1]], factors, [name])
        trees = name.startswith("dci")  # ties between splits, and the forest's own draws
        assert after == pytest.approx(before, abs=0.02 if trees else 1e-6)

    def test_names_of_values_do_not_matter(self, name):
        codes, factors = good()
        renamed = np.array([7, -2, 40])[factors]
        assert evaluate(codes, renamed, [name]) == pytest.approx(evaluate(codes, factors, [name]), abs=0.02)

    def test_constant_and_duplicated_latents_give_a_number(self, name):
        codes, factors = good()
        for odd in (np.zeros_like(codes), np.repeat(codes[:, :1], 4, axis=1), codes * [1, 1, 0, 0]):
            check_values(name, evaluate(odd, factors, [name]))

    def test_constant_codes_earn_no_credit(self, name):
        codes, factors = good()
        best, nothing = evaluate(codes, factors, [name]), evaluate(np.zeros_like(codes), factors, [name])
        assert all(nothing[key] < best[key] for key in best)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_codes_that_are_not_finite(self, name, value):
        codes, factors = good()
        codes[5, 1] = value
        with pytest.raises(UserError, match=r"finite.*row 5"):
            evaluate(codes, factors, [name])

    def test_different_lengths(self, name):
        codes, factors = good()
        with pytest.raises(UserError, match="same length, but got 600 and 599"):
            evaluate(codes, factors[:-1], [name])

    def test_factor_with_one_value(self, name):
        codes, factors = good()
        with pytest.raises(UserError, match="two values or more, but factor 1 is always 4"):
            evaluate(codes, factors * [1, 0] + [0, 4], [name])

    def test_too_few_points(self, name):
        codes, factors = good()
        with pytest.raises(UserError, match="at least 400 points must be given, but got 399"):
            evaluate(codes[:399], factors[:399], [name])

    def test_factors_that_are_not_whole_numbers(self, name):
        codes, factors = good()
        with pytest.raises(UserError, match="integer factors"):
            evaluate(codes, factors / 2, [name])

    def test_one_factor_is_enough_or_refused(self, name):
        codes, factors = good()
        if metric_of(name).least_factors == 1:
            check_values(name, evaluate(codes, factors[:, 1:], [name]))
        else:
            with pytest.raises(UserError, match=f"{name} needs at least 2 factors, but got 1"):
                evaluate(codes, factors[:, 1:], [name])


SCALE_FREE = ("mig", "mig_quantile", "modularity", "modularity_active", "explicitness", "dci", "dci_forest", "factor_vae_score")


@pytest.mark.parametrize("name", SCALE_FREE)
def test_scale_and_shift_of_latents_do_not_matter(name):
    codes, factors = good()
    moved = codes * [3.0, 0.5, 10.0, 2.0] + [5.0, 0.0, -3.0, 1.0]
    assert evaluate(moved, factors, [name]) == pytest.approx(evaluate(codes, factors, [name]), abs=0.02)


def test_scale_matters_for_sap_as_its_docstring_says():
    codes, factors = good()
    assert abs(evaluate(codes * 0.01, factors, ["sap"])["sap"] - evaluate(codes, factors, ["sap"])["sap"]) > 0.01


def test_an_outlier_breaks_equal_widths_and_not_quantiles():
    codes, factors = good()
    codes[0] = 1e6
    found = evaluate(codes, factors, ["mig", "mig_quantile"])
    assert found["mig"] < 0.05 and found["mig_quantile"] > 0.8


def test_dead_latents_lower_modularity_and_not_its_corrected_variant():
    codes, factors = good()
    only = codes * [1, 1, 0, 0]
    found = evaluate(only, factors, ["modularity", "modularity_active"])
    assert found["modularity"] == pytest.approx(found["modularity_active"] / 2)


def test_a_named_key_gives_that_key_and_a_plugin_all_of_its_keys():
    codes, factors = good()
    everything = evaluate(codes, factors, ["dci_forest"])
    assert list(everything) == list(metric_of("dci_forest").keys)
    assert evaluate(codes, factors, ["dci_forest_completeness", "mig"]) == {
        "dci_forest_completeness": everything["dci_forest_completeness"],
        "mig": evaluate(codes, factors, ["mig"])["mig"],
    }


@pytest.mark.parametrize("name", ["migg", "dci_forest_nonsense", "_private"])
def test_unknown_name_lists_the_choices(name):
    with pytest.raises(UserError, match=r"unknown metric .*(mig|dci_forest_completeness)"):
        evaluate(*good(), [name])


def test_metric_of_another_family_is_refused():
    with pytest.raises(UserError, match="recon is not a metric of codes and factors; those are: beta_vae_score"):
        evaluate(*good(), ["recon"])


# ---------------------------------------------------------------------------------------- the model on images


@pytest.fixture(scope="module")
def drawn():
    return squares()


@pytest.mark.parametrize("name", MODEL)
def test_model_metric_of_a_good_and_a_collapsed_model(name, drawn):
    def values(codec):
        found = evaluate_codec(codec, drawn, metrics=[name], config=Oracle.config, points=500).values
        check_values(name, found)
        return found

    lossless, blind = values(Oracle(drawn)), values(Oracle(drawn, informed=False))
    assert lossless == values(Oracle(drawn))
    for key in lossless:
        if name in ("recon", "negative_elbo", "negative_iwae"):
            assert lossless[key] < blind[key] - 20
        else:  # these see the codes only, which are the same
            assert lossless[key] == blind[key]


def test_model_metric_of_a_diverged_model_is_an_error(drawn):
    class Diverged(Oracle):
        def encode(self, images, condition=None):
            mu, logvar = super().encode(images)
            return mu * np.nan, logvar

    with pytest.raises(UserError, match="diverged"):
        evaluate_codec(Diverged(drawn), drawn, metrics=["kl"], config=Oracle.config)


# ---------------------------------------------------------------------------------------- several seeds


@pytest.mark.parametrize("name", BY_FAMILY["seeds"])
def test_seeds_metric_refuses_one_seed(name, drawn):
    one = evaluate_codec(Oracle(drawn), drawn, metrics=["kl"], config=Oracle.config).encoding
    with pytest.raises(UserError, match=r"at least 2 .*, but got 1"):
        evaluate_seeds([one], [name])


@pytest.mark.parametrize("name", BY_FAMILY["seeds"])
def test_seeds_metric_refuses_different_images(name, drawn):
    pair = [evaluate_codec(Oracle(drawn), drawn, metrics=["kl"], config=Oracle.config, seed=s).encoding for s in (0, 1)]
    with pytest.raises(UserError, match="same images"):
        evaluate_seeds(pair, [name])


def test_equal_seeds_agree(drawn):
    pair = [evaluate_codec(Oracle(drawn), drawn, metrics=["kl"], config=Oracle.config).encoding for _ in range(2)]
    found = evaluate_seeds(pair, ["udr"])
    check_values("udr", found)
    # The Lasso shrinks a weight of 1 to 1 − α = 0.9; one of the five latents is constant and counts 0.
    assert found["udr"] == pytest.approx(0.9 * 4 / 5, abs=1e-3)
    assert 0.6 < found["udr_spearman"] <= 4 / 5


def test_a_single_model_has_no_seeds_metric(drawn):
    with pytest.raises(UserError, match="udr needs at least 2 seeds"):
        evaluate_codec(Oracle(drawn), drawn, metrics=["udr"], config=Oracle.config)


# ---------------------------------------------------------------------------------------- what a data set can have


def test_possible_metrics_of_data_sets():
    everything = {*BY_FAMILY["codes"], *BY_FAMILY["model"]}
    assert set(possible(squares(), "minutes")) == everything
    assert "dci" not in possible(squares())
    labelled = set(possible(squares(factors=False)))
    assert labelled == {name for name in everything if metric_of(name).labels or name in MODEL}
    assert labelled & set(BY_FAMILY["codes"]) == {"explicitness", "sap", "knn"}
    assert set(possible(squares(factors=False, labels=False))) == set(MODEL)
    assert set(possible_metrics(factors=1, labels=False)).isdisjoint({"modularity", "dci_forest", "factor_vae_score"})


@pytest.mark.parametrize("name", BY_FAMILY["codes"])
def test_metric_that_the_data_cannot_have_says_why(name):
    unlabelled = squares(factors=False, labels=False)
    with pytest.raises(UserError, match=f"{name} needs ground-truth factors, but squares has neither factors nor labels"):
        evaluate_codec(TorchCodec(small_vae()), unlabelled, metrics=[name])


def test_declarations_wait_for_no_library_that_only_values_need():
    """Every trial's process reads all of them; scikit-learn and SciPy are 1.4 of its seconds."""
    ask = "import sys; from study.metrics import watched; watched(); print({'sklearn', 'scipy.stats'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout == "set()\n"
