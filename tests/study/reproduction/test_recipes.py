"""Every recipe: complete, valid, runs, draws; and the command line around them.  On digits, so without any file."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from models.codec import TorchCodec
from models.errors import UserError
from registry import load
from study.datasets import load_dataset, mnist
from study.datasets._download import DownloadError
from study.figures.curves import epoch_averages
from study.recipes import about_recipe, load_recipe, recipe_names, warm_starts
from study.reproduction import numpy_training, snapshots
from study.reproduction.gallery import FIGURES, Finished
from study.reproduction.opening import Request, open_recipe
from study.reproduction.run import run_recipe
from study.reproduction.sample_quality import SampleQuality, small_classifier
from study.reproduction.training import report_count, train_torch
from study.spaces import SPACES, load_space
from tests.study.datasets.dataset_trees import write_celeba, write_pictures

TABLE = {
    "mnist_vae", "dsprites_beta_1", "dsprites_beta_2_5", "dsprites_beta_4", "dsprites_capacity_mlp",
    "dsprites_capacity_mlp_decay", "dsprites_capacity_cnn", "dsprites_capacity_cnn_decay", "mnist_beta_0_5",
    "mnist_beta_0_4_lr_decay", "mnist_beta_0_4_long", "mnist_latent2", "celeba_vae", "celeba_beta_5", "mnist_custom_layers",
    "mnist_conditional_embedding", "mnist_conditional_onehot", "mnist_conditional_mixed",
    "mnist_conditional_embedding_one_cycle", "mnist_conditional_mixed_one_cycle", "cifar10_conditional_embedding",
    "cifar10_conditional_onehot", "cifar10_conditional_mixed", "cifar10_conditional_embedding_one_cycle",
}  # fmt: skip
NAMES = recipe_names()
CHEAP = ("losses", "gradients", "reconstructions", "network", "filters_over_training", "parameter_norms")


def quiet(line: str) -> None:
    """Progress lines go nowhere."""


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    """A snapshot's 1,000 samples of 24 models would take most of the time."""
    monkeypatch.setattr(snapshots, "SAMPLES", 100)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def quality(data):
    """A classifier of 28×28 digits."""
    digits = load_dataset("digits", data, image_size=28)
    return SampleQuality(small_classifier(digits, data), digits.images[digits.sample("test", 150)])


def small_outcome(name, data, folder, quality=None, steps=3) -> Finished:
    """A recipe trained for a few small batches of digits."""
    request = Request(name=name, runs=folder, data=data, registry=folder / "registry", dataset="digits", steps=steps)
    recipe, dataset, config = open_recipe(request, quiet)
    config = config.model_copy(update={"training": config.training.model_copy(update={"batch_size": 16})})
    train = numpy_training.train_numpy if recipe.trainer == "numpy" else train_torch
    return Finished(name, recipe, dataset, train(config, dataset, request.folder, 0, quiet), quality)


def test_every_row_of_the_table_has_its_recipe():
    assert set(NAMES) >= TABLE


@pytest.mark.parametrize("name", NAMES)
def test_declaration_is_complete(name):
    recipe, module = load_recipe(name), about_recipe(name)
    assert f"python -m study.recipe {name} " in module and " --fast" in module, "the docstring has both commands"
    assert "Source: " in module and "Expect" in module
    assert recipe.source in module
    assert set(recipe.figures) <= set(FIGURES)
    assert recipe.fast_steps > 0
    config = recipe.config(100)
    config.model_config_for(recipe.image_shape, 10)
    assert len(set(recipe.figures)) == len(recipe.figures)


@pytest.mark.parametrize("name", NAMES)
def test_trains_and_draws(name, data, tmp_path):
    outcome = small_outcome(name, data, tmp_path)
    trained = outcome.trained
    assert trained.steps == 3 and len(trained.history) == 3 and np.isfinite(trained.history["loss"]).all()
    assert [snapshot.step for snapshot in trained.snapshots] == sorted({s.step for s in trained.snapshots})
    assert trained.snapshots[0].step == 0 and trained.snapshots[-1].step == 3
    assert np.ptp([s.norms[next(iter(s.norms))] for s in trained.snapshots]) > 0, "training moves the weights"
    for figure in set(outcome.recipe.figures) & set(CHEAP):
        FIGURES[figure](outcome).savefig(tmp_path / "figure.png")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_figures(name, data, tmp_path):
    request = Request(name=name, runs=tmp_path, data=data, registry=tmp_path / "r", dataset="digits", steps=3)
    record = run_recipe(request, quiet)
    recipe = load_recipe(name)
    expected = set(recipe.figures)
    assert set(record["figures"]) == expected
    assert (tmp_path / name / "figures" / "contact_sheet.png").stat().st_size > 10_000
    assert record["model"] == {"name": name, "version": 1}


def test_whole_run_publishes_and_can_be_repeated(data, tmp_path):
    request = Request(
        name="mnist_vae", runs=tmp_path, data=data, registry=tmp_path / "registry", dataset="digits", steps=30, figures=CHEAP
    )
    record = run_recipe(request, quiet)
    assert record == json.loads((tmp_path / "mnist_vae" / "recipe.json").read_text())
    assert (tmp_path / "_sources" / "outlier_stages_beta_gamma_vae.png").exists()
    assert load("mnist_vae", 1, registry=tmp_path / "registry").manifest.lineage.budget.name == "30 steps"
    assert record["status"] == "collapsed", "30 steps are too few to leave the mean image: said, and shown all the same"
    assert record["stand_in"] == "digits" and record["steps"] == 30
    digits = load_dataset("digits", data, image_size=28)
    model = load("mnist_vae", 1, registry=tmp_path / "registry")
    assert model.manifest.metrics["test_negative_elbo"] == pytest.approx(record["metrics"]["test_negative_elbo"], rel=1e-3)
    assert model.reconstruct(digits.images[np.arange(2)]).shape == (2, 1, 28, 28)

    lines: list[str] = []
    again = run_recipe(request, lines.append)
    assert any(line.startswith("continued from step 30") for line in lines)
    assert again["metrics"] == record["metrics"] and again["model"] == record["model"], "nothing was trained or published twice"


def test_conditional_recipe_measures_the_label(data, tmp_path, quality):
    from study.reproduction.numbers import _conditional

    outcome = small_outcome("mnist_conditional_style", data, tmp_path, quality)
    found = _conditional(outcome)
    assert 0 <= found["told_accuracy"] <= 1 and found["classifier_accuracy"] > 0.9
    for figure in ("wrong_labels", "labels_by_style"):
        FIGURES[figure](outcome).savefig(tmp_path / "figure.png")


def test_numpy_model_equals_its_torch_model(data, tmp_path):
    request = Request(name="mnist_custom_layers", runs=tmp_path, data=data, registry=tmp_path, dataset="digits", steps=3)
    _, digits, config = open_recipe(request, quiet)
    images = digits.images[np.arange(8)]
    model = numpy_training.build(config, digits.image_shape, seed=1)
    model.loss_and_gradients(images / np.float32(255), np.zeros((8, 20), np.float32))  # moves the running averages
    model.train(False)
    mu, logvar = TorchCodec(numpy_training.to_torch(model, config, digits)).encode(images)
    expected = model.encode(images / np.float32(255))
    np.testing.assert_allclose(mu, expected[0], atol=1e-5)
    np.testing.assert_allclose(logvar, expected[1], atol=1e-5)


def test_numpy_trainer_refuses_what_it_cannot_do(data, tmp_path):
    request = Request(name="mnist_vae", runs=tmp_path, data=data, registry=tmp_path, dataset="digits", steps=3)
    _, digits, config = open_recipe(request, quiet)
    with pytest.raises(UserError, match="cnn and beta_vae, but got mlp"):
        numpy_training.build(config, digits.image_shape, seed=0)


@pytest.mark.slow
def test_celeba_from_files_in_its_layout(tmp_path):
    write_celeba(tmp_path, count=60)
    request = Request(name="celeba_vae", runs=tmp_path, data=tmp_path, registry=tmp_path / "r", steps=3)
    record = run_recipe(request, quiet)
    assert record["stand_in"] is None and record["dataset"]["source"] == "official"
    assert set(record["figures"]) == set(load_recipe("celeba_vae").figures)


def test_pictures_in_folders_stand_in_for_cifar10(tmp_path):
    for name in ("cat", "ship"):
        write_pictures(tmp_path / "pictures" / name, count=8)
    request = Request(
        name="cifar10_conditional_onehot", runs=tmp_path, data=tmp_path, registry=tmp_path, steps=1,
        dataset=f"folder:{tmp_path / 'pictures'}",
    )  # fmt: skip
    _, dataset, config = open_recipe(request, quiet)
    assert dataset.image_shape == (3, 32, 32) and dataset.label_names == ("cat", "ship")
    assert config.model_config_for(dataset.image_shape, 2).condition.classes == 2


@pytest.mark.parametrize(("space", "count"), [("dsprites_capacity", 5)])
def test_recipes_are_warm_starts(space, count):
    loaded, points = load_space(space), warm_starts(space)
    assert len(points) >= count
    for point in points:
        loaded.check_point(point, steps=1_000)


def test_warm_starts_name_spaces_and_give_the_recipe_back():
    import optuna

    for name in NAMES:
        recipe = load_recipe(name)
        assert set(recipe.start) <= set(SPACES.names())
        for space, point in recipe.start.items():
            optuna_study = optuna.create_study()
            optuna_study.enqueue_trial(dict(point))
            found = load_space(space).configure(optuna_study.ask(), 1_000)
            wanted = recipe.config(1_000)
            assert (found.objective, found.architecture, found.latent_dim) == (
                wanted.objective, wanted.architecture, wanted.latent_dim,
            )  # fmt: skip
            assert found.objective_options == pytest.approx(wanted.objective_options)


def test_missing_data_says_where_to_put_it_and_fast_goes_on(tmp_path, monkeypatch):
    def no_network(*_):
        raise DownloadError("no network")

    monkeypatch.setattr(mnist, "download", no_network)
    common = {"name": "mnist_vae", "runs": tmp_path, "data": tmp_path, "registry": tmp_path}
    with pytest.raises(UserError, match=r"put train-images-idx3-ubyte\.gz.* into .*raw"):
        open_recipe(Request(**common), quiet)
    lines: list[str] = []
    _, dataset, config = open_recipe(Request(**common, fast=True), lines.append)
    assert dataset.name == "digits" == config.dataset and dataset.image_shape == (1, 28, 28)
    assert any("built-in digits instead" in line for line in lines)


def test_published_epochs_become_steps(data, tmp_path):
    request = Request(name="mnist_vae", runs=tmp_path, data=data, registry=tmp_path, dataset="digits")
    _, digits, config = open_recipe(request, quiet)
    assert config.training.steps == 10 * (len(digits.parts["train"]) // 64)
    shorter = dataclasses.replace(request, epochs=2)
    assert open_recipe(shorter, quiet)[2].training.steps == 2 * (len(digits.parts["train"]) // 64)
    assert (request.budget, shorter.budget) == ("full", "2 epochs")
    with pytest.raises(UserError, match="but got --fast and --epochs 2"):
        open_recipe(dataclasses.replace(shorter, fast=True), quiet)


def test_reports_divide_epochs():
    assert report_count(steps=540 * 100, per_epoch=540) % 100 == 0
    assert report_count(steps=100, per_epoch=421) == 100
    assert report_count(steps=5_000 * 12, per_epoch=12) == 5_000


def test_epoch_averages_weigh_by_steps():
    import pandas as pd

    history = pd.DataFrame({"step": [1, 4, 8], "epoch": [0.25, 1.0, 2.0], "loss": [8.0, 4.0, 2.0]})
    history["recon"] = history["kl"] = history["loss"]
    assert epoch_averages(history)["loss"].to_dict() == {1: 5.0, 2: 2.0}


def test_command_line_lists_and_refuses():
    listed = subprocess.run(
        [sys.executable, "-m", "study.recipe", "--list", "--json"], capture_output=True, text=True, check=True
    )
    assert {row["name"] for row in json.loads(listed.stdout)} == set(NAMES)
    wrong = subprocess.run([sys.executable, "-m", "study.recipe", "mnist_wae"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: unknown recipe 'mnist_wae': choose one of")
    assert "Traceback" not in wrong.stderr


def test_results_stand_beside_the_sources_numbers(tmp_path):
    record = {
        "recipe": "mnist_beta_0_5", "dataset": {"name": "mnist", "source": "official"}, "status": "complete", "epochs": 100.0,
        "reported": {"epoch 100": 142.19, "epoch 300": 137.17}, "reached": {"epoch 100": 140.0, "epoch 300": None},
        "metrics": {"test_negative_elbo": 146.4}, "training_seconds": 600.0, "conditional": None,
    }  # fmt: skip
    (tmp_path / "mnist_beta_0_5").mkdir()
    (tmp_path / "mnist_beta_0_5" / "recipe.json").write_text(json.dumps(record))
    command = [sys.executable, "-m", "study.recipe", "--results", "--out"]
    shown = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert "epoch 100: 142.2 → 140.0, epoch 300: 137.2 → not reached" in shown and "146.4" in shown
    nothing = subprocess.run([*command, str(tmp_path / "none")], capture_output=True, text=True, check=False)
    assert nothing.returncode == 2 and nothing.stderr.startswith("error: no recipe has been run in")
