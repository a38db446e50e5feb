"""Our metrics give disentanglement_lib's numbers on three synthetic representations of the whole grid."""

import numpy as np
import pytest

from study.metrics import evaluate
from study.metrics.dci import dci
from study.metrics.dci_forest import dci_forest
from study.metrics.dci_mlp import dci_mlp
from study.metrics.infomec import infomec
from study.metrics.irs import irs
from tests.study.metrics.golden_codes import GOLDEN, NAMES, digest, grid_codes, grid_factors, protocol_rows

TOLERANCE = {
    "mig": 1e-6,
    "modularity": 1e-6,
    "sap": 0.005,
    "explicitness": 0.005,
    "beta_vae_score": 0.01,
    "factor_vae_score": 0.01,
}


@pytest.fixture(scope="module", params=NAMES)
def representation(request):
    """Name, codes and factors of one representation."""
    return request.param, grid_codes(request.param), grid_factors()


def test_generator_makes_the_recorded_arrays(representation):
    name, codes, factors = representation
    assert digest(codes) == GOLDEN[name]["digest"]
    assert digest(factors) == GOLDEN["factors"]["digest"]
    assert digest(np.concatenate(protocol_rows())) == GOLDEN["points"]["digest"]


@pytest.mark.parametrize("key", TOLERANCE)
def test_grid_gives_the_published_value(representation, key):
    name, codes, factors = representation
    expected = GOLDEN[name]["values"][key]
    found = evaluate(codes, factors, [key], seed=0)[key]
    assert abs(found - expected["mean"]) <= max(TOLERANCE[key], 2 * expected["sd"])


def test_the_very_points_give_the_published_value(representation):
    name, codes, factors = representation
    train, _ = protocol_rows()
    found = evaluate(codes[train], factors[train], ["mig", "modularity"])
    for key, value in found.items():
        assert abs(value - GOLDEN[name]["values"][key]["mean"]) <= 1e-6


PUBLISHED = {  # of the published code (latent_quantization, commit 4ba4c9d) on the first 800 points: InfoM, InfoE, InfoC
    "aligned": (0.8276, 0.9221, 0.9691),
    "mixed": (0.5463, 0.6105, 0.3357),
    "partial": (0.9209, 0.7300, 0.6952),
}
ROBUST = {"aligned": 0.868534, "mixed": 0.227085, "partial": 0.683258}  # disentanglement_lib's IRS, 10,000 points


def test_infomec_and_irs_are_the_published_ones(representation):
    name, codes, factors = representation
    train, _ = protocol_rows()
    assert infomec(codes[train[:800]], factors[train[:800]]) == pytest.approx(PUBLISHED[name], abs=5e-4)
    assert irs(codes[train], factors[train]) == pytest.approx(ROBUST[name], abs=1e-6)


@pytest.mark.slow
def test_boosted_trees_give_the_published_values(representation):
    name, codes, factors = representation
    train, test = protocol_rows()
    found = dci(codes[train], factors[train], codes[test], factors[test])
    for part, value in found._asdict().items():
        assert abs(value - GOLDEN[name]["values"][f"dci_{part}"]["mean"]) <= 0.01


PROBED = {  # of the second implementation in `test_dci_mlp_irs`, torch's networks and 5 shuffles, on these very points
    "aligned": (0.9996, 0.9993, 0.7297),
    "mixed": (0.3675, 0.2862, 0.4869),
    "partial": (0.8743, 0.7777, 0.5505),
}


@pytest.mark.slow
def test_a_neural_probe_gives_what_other_networks_gave(representation):
    name, codes, factors = representation
    train, test = protocol_rows()
    assert dci_mlp(codes[train], factors[train], codes[test], factors[test]) == pytest.approx(PROBED[name], abs=0.03)


@pytest.mark.slow
def test_forest_stays_near_the_boosted_trees(representation):
    """What the docstring of `dci_forest` claims."""
    name, codes, factors = representation
    train, test = protocol_rows()
    found = dci_forest(codes[train], factors[train], codes[test], factors[test])
    for part, value in found._asdict().items():
        assert abs(value - GOLDEN[name]["values"][f"dci_{part}"]["mean"]) <= 0.03
