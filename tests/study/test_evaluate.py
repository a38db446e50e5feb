"""Evaluation of a codec: the same numbers from torch and from ONNX, conditions, missing factors, what is recorded."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.codec import TorchCodec
from models.config import Likelihood
from models.errors import UserError
from models.preprocessing import Preprocessing
from models.vae import VAE
from registry.export import export_onnx
from registry.inference import Model
from registry.manifest import Budget, DatasetRecord, Lineage, Manifest, Parity, signature_of
from study.evaluate import EVALUATOR, evaluate_codec, evaluate_seeds, possible
from study.evidence.encoding import CHUNK
from tests.study.toys import Oracle, small_vae, squares

MODEL = ["recon", "kl", "negative_elbo", "active_units", "mig"]


def exported(vae: VAE) -> Model:
    """The model as the registry would run it: real ONNX files in onnxruntime."""
    dataset = DatasetRecord(name="squares", source="drawn", digest="sha256:" + "1" * 64)
    lineage = Lineage(
        study="t", trial=0, seed=0, config={}, config_digest="sha256:" + "0" * 64, git_commit="", git_dirty=False,
        dataset=dataset, budget=Budget(name="none", steps=0), libraries={}, hardware={},
    )  # fmt: skip
    manifest = Manifest(
        signature=signature_of(vae.config),
        preprocessing=Preprocessing(size=(12, 12), mode="L"),
        model=vae.config,
        lineage=lineage,
        parity=Parity(inputs=1, encoder_max_error=0, decoder_max_error=0, atol=1e-5),
        metrics={},
        evaluator=EVALUATOR,
    )
    return Model(manifest, export_onnx(vae), threads=1)


@pytest.fixture(scope="module")
def trained():
    """A small VAE after a few hundred steps on all images: enough to carry information, never confidently wrong."""
    dataset, vae = squares(2000), small_vae()
    optimiser = torch.optim.Adam(vae.parameters(), 2e-3)
    x = torch.from_numpy(dataset.images[np.arange(len(dataset))]).float() / 255
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        batch = x[torch.randint(len(x), (64,), generator=generator)]
        terms = vae(batch, torch.randn(64, 5, generator=generator))
        loss = terms.nll_B.mean() + terms.kl_BD.sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return vae.eval(), dataset


@pytest.mark.parametrize(("conditional", "likelihood"), [(False, Likelihood()), (True, Likelihood(kind="gaussian", scale=0.3))])
def test_torch_and_onnx_agree(conditional, likelihood):
    vae, dataset = small_vae(conditional, likelihood), squares(grey=True)
    names = [*MODEL, "negative_iwae", "total_correlation", "explicitness", "knn_accuracy", "modularity"]
    torch_values = evaluate_codec(TorchCodec(vae), dataset, metrics=names).values
    onnx_values = evaluate_codec(exported(vae), dataset, metrics=names, config=vae.config).values
    for key, value in torch_values.items():
        assert onnx_values[key] == pytest.approx(value, rel=1e-4, abs=1e-4), key


def test_values_are_those_of_the_training_terms(trained):
    vae, dataset = trained
    found = evaluate_codec(TorchCodec(vae), dataset, metrics=MODEL)
    rows = found.encoding.rows
    noise = np.random.default_rng(0).standard_normal((len(rows), 5), dtype=np.float32)
    with torch.no_grad():
        terms = vae(torch.from_numpy(dataset.images[rows]).float() / 255, torch.from_numpy(noise))
    assert found.values["recon"] == pytest.approx(terms.nll_B.double().mean().item(), rel=1e-4)
    assert found.values["kl"] == pytest.approx(terms.kl_BD.double().sum(1).mean().item(), rel=1e-5)
    assert found.values["negative_elbo"] == pytest.approx(found.values["recon"] + found.values["kl"])
    assert found.kl_per_latent == pytest.approx(terms.kl_BD.mean(0).numpy(), rel=1e-4)
    bound = evaluate_codec(TorchCodec(vae), dataset, metrics=["negative_iwae"]).values["negative_iwae"]
    assert bound < found.values["negative_elbo"]


def test_what_is_recorded(trained):
    vae, dataset = trained
    found = evaluate_codec(TorchCodec(vae), dataset, metrics=["recon", "negative_iwae", "mig"], points=900, seed=4)
    record = json.loads(json.dumps(found.record()))
    assert record["points"] == {"recon": 900, "negative_iwae": 200, "mig": 900}
    assert record["seed"] == 4 and record["part"] == "validation" and record["evaluator"] == EVALUATOR
    assert len(record["kl_per_latent"]) == 5
    assert record["values"]["recon"] < record["mean_image_nll"]


def test_the_sample_is_of_the_part_and_the_seed(trained):
    vae, dataset = trained
    for part in ("train", "validation", "test"):
        rows = evaluate_codec(TorchCodec(vae), dataset, metrics=["kl"], part=part, points=100).encoding.rows
        assert len(set(rows)) == 100 and set(rows) <= set(dataset.parts[part])
    one, same, other = (evaluate_codec(TorchCodec(vae), dataset, metrics=["kl"], points=100, seed=s) for s in (0, 0, 1))
    assert one.values == same.values != other.values


def test_an_extra_metric_that_fits_too_few_points_is_left_out_with_a_note():
    """A study of 60 labelled pictures trained to its end, and was then not published for want of 400 points."""
    few = squares(75, factors=False)  # 60 of them to validate on
    found = evaluate_codec(TorchCodec(small_vae()), few, metrics=["recon"], extra=possible(few))
    assert "explicitness" in possible(few) and not {"explicitness", "knn_accuracy"} & set(found.values)
    assert found.values["recon"] > 0 and found.values["kl"] >= 0
    assert any("explicitness is left out: at least 400 points must be given, but got 60" in note for note in found.notes)
    with pytest.raises(UserError, match="at least 400 points must be given, but got 60"):
        evaluate_codec(TorchCodec(small_vae()), few, metrics=["explicitness"])


def test_more_points_than_images_means_all(trained):
    vae, dataset = trained
    found = evaluate_codec(TorchCodec(vae), dataset, metrics=["kl"], points=10**9)
    assert found.points["kl"] == len(dataset.parts["validation"])


# ---------------------------------------------------------------------------------------- conditions, missing truth


def test_a_conditional_model_is_told_the_labels():
    vae, dataset = small_vae(conditional=True), squares()
    seen = []

    class Watching(TorchCodec):
        def encode(self, images, condition=None):
            seen.append(condition)
            return super().encode(images, condition)

    found = evaluate_codec(Watching(vae), dataset, metrics=["recon"], points=300)
    assert np.array_equal(np.concatenate(seen), dataset.labels[found.encoding.rows])


def test_a_conditional_model_needs_labels():
    with pytest.raises(UserError, match="conditional model needs a data set with labels, but squares has none"):
        evaluate_codec(TorchCodec(small_vae(conditional=True)), squares(labels=False), metrics=["recon"])


def test_labels_stand_in_for_factors_where_that_makes_sense():
    dataset = squares(factors=False)
    codec = TorchCodec(small_vae())
    found = evaluate_codec(codec, dataset, metrics=["explicitness", "sap", "knn"]).values
    assert set(found) == {"explicitness", "sap", "knn_accuracy"}
    assert found["knn_accuracy"] > 0.4  # chance is 1/4: the label is the square's side
    with pytest.raises(UserError, match="mig needs ground-truth factors, but squares has labels, but no factors"):
        evaluate_codec(codec, dataset, metrics=["mig"])


@pytest.mark.parametrize(("factors", "labels"), [(True, True), (False, True), (False, False)])
def test_everything_possible_can_be_computed_and_nothing_else_is_there(factors, labels):
    dataset = squares(factors=factors, labels=labels)
    names = [name for name in possible(dataset) if name not in ("outlier", "explanation_hit", "context_gain")]
    values = evaluate_codec(TorchCodec(small_vae()), dataset, metrics=names).values
    assert all(np.isfinite(value) for value in values.values())
    assert ("mig" in values) == factors
    assert ("explicitness" in values) == (factors or labels)


def test_one_factor_is_too_few_for_some_before_anything_is_encoded():
    dataset = squares()
    single = replace(dataset, factors=dataset.factors[:, :1], factor_names=("side",), factor_sizes=(4,))
    with pytest.raises(UserError, match="modularity needs at least 2 factors, but squares has 1"):
        evaluate_codec(TorchCodec(small_vae()), single, metrics=["recon", "modularity"])


def test_images_of_another_shape_are_refused():
    dataset = squares()
    wide = small_vae()
    object.__setattr__(wide.config, "image_shape", (3, 12, 12))
    with pytest.raises(UserError, match="the model is for images"):
        evaluate_codec(TorchCodec(wide), dataset, metrics=["recon"])


def test_an_onnx_model_needs_its_config():
    with pytest.raises(TypeError, match="config="):
        evaluate_codec(Oracle(squares()), squares(), metrics=["recon"])


# ---------------------------------------------------------------------------------------- the baseline


def test_a_trained_model_explains_a_part(trained):
    vae, dataset = trained
    found = evaluate_codec(TorchCodec(vae), dataset, metrics=["recon"])
    assert found.baseline.explained(found.values["recon"]) > 0.3


@pytest.mark.parametrize("grey", [False, True])
def test_kl_without_information_explains_nothing(grey):
    dataset = squares(grey=grey)
    blind = Oracle(dataset, informed=False)
    found = evaluate_codec(blind, dataset, metrics=["recon", "kl"], config=blind.config)
    assert found.values["kl"] > 20
    assert found.baseline.explained(found.values["recon"]) == pytest.approx(0, abs=0.02)


def test_a_lossless_model_explains_everything():
    dataset = squares(grey=True)
    oracle = Oracle(dataset)
    found = evaluate_codec(oracle, dataset, metrics=["recon"], config=oracle.config)
    assert found.baseline.explained(found.values["recon"]) == pytest.approx(1, abs=1e-4)


# ---------------------------------------------------------------------------------------- seeds, memory


def test_udr_of_two_trained_seeds(trained):
    vae, dataset = trained
    first = evaluate_codec(TorchCodec(vae), dataset, metrics=["kl"]).encoding
    other = evaluate_codec(TorchCodec(small_vae(seed=1)), dataset, metrics=["kl"]).encoding
    found = evaluate_seeds([first, first, other], ["udr", "udr_spearman"])
    assert 0 < found["udr"] <= 1 and 0 < found["udr_spearman"] <= 1
    with pytest.raises(UserError, match="recon is a metric of one model"):
        evaluate_seeds([first, other], ["recon"])


def test_memory_is_that_of_a_chunk():
    """8,000 images of 144 pixels are 9.2 MB as float64; beyond the codes, a chunk or two of them may be alive."""
    dataset = squares(10_000)
    codec = TorchCodec(small_vae())
    evaluate_codec(codec, dataset, metrics=["recon"], points=CHUNK)  # whatever is allocated once
    tracemalloc.start()
    evaluate_codec(codec, dataset, metrics=["recon", "kl"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6
