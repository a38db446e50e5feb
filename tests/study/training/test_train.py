"""The training loop: exact resume, early ends with a reason, schedules of the learning rate, batches."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import UserError
from study.config import Training, TrialConfig, run_seed
from study.datasets import ArrayImages, Dataset, PackedImages
from study.datasets._dataset import random_parts
from study.training.batches import Batches, images_on
from study.training.ending import Scale, ending, schedules_end
from study.training.report import Report
from study.training.run import Run
from study.training.schedules import learning_rate

SHAPE = (1, 16, 16)


def blobs(count: int = 600, seed: int = 0) -> Dataset:
    """Bright squares at random places on black: learnable in seconds."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, *SHAPE), dtype=np.uint8)
    for image, (row, column) in zip(images, rng.integers(0, 11, (count, 2)), strict=True):
        image[0, row : row + 5, column : column + 5] = 255
    return Dataset("blobs", "made", "0" * 64, ArrayImages(images), random_parts(count))


def config(steps: int = 40, objective: str = "beta_vae", options: dict | None = None, **training: object) -> TrialConfig:
    return TrialConfig.parse(
        {
            "dataset": "blobs",
            "architecture": "mlp",
            "architecture_options": {"hidden": (32,)},
            "latent_dim": 3,
            "objective": objective,
            "objective_options": options or {},
            "training": {"steps": steps, "batch_size": 16, "precision": "float32", **training},
        }
    )


def finish(run: Run) -> Run:
    for _ in run.advance():
        pass
    return run


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in run.model.state_dict().items()}


@pytest.mark.parametrize("objective", ["beta_vae", "capacity", "factor_vae"])
def test_an_interrupted_run_gives_the_same_numbers(objective: str, tmp_path: Path) -> None:
    data = blobs()
    whole = finish(Run(config(objective=objective), data, seed=3, reports=8))
    first = Run(config(objective=objective), data, seed=3, reports=8)
    for report in first.advance():
        if report.step >= 20:
            first.save(tmp_path / "run.ckpt")
            break
    torch.randn(7)  # the world goes on: global random state must not matter
    second = Run(config(objective=objective), data, seed=3, reports=8)
    assert second.resume(tmp_path / "run.ckpt")
    assert second.step == 20
    finish(second)
    assert [r.loss for r in second.history] == [r.loss for r in whole.history]
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(second)[name]), name


def test_another_configuration_or_seed_or_a_damaged_file_is_not_resumed(tmp_path: Path) -> None:
    run = Run(config(), blobs(), seed=1)
    next(run.advance())
    run.save(tmp_path / "run.ckpt")
    assert not Run(config(), blobs(), seed=2).resume(tmp_path / "run.ckpt")
    assert not Run(config(steps=41), blobs(), seed=1).resume(tmp_path / "run.ckpt")
    assert not Run(config(), blobs(), seed=1).resume(tmp_path / "absent.ckpt")
    cut = (tmp_path / "run.ckpt").read_bytes()[:-100]
    (tmp_path / "cut.ckpt").write_bytes(cut)
    fresh = Run(config(), blobs(), seed=1)
    assert not fresh.resume(tmp_path / "cut.ckpt")
    assert fresh.step == 0


def test_training_learns() -> None:
    run = finish(Run(config(steps=600, learning_rate=3e-3), blobs(), seed=0))
    assert run.status == "complete"
    assert run.history[-1].recon < 0.75 * run.scale.mean_image
    assert run.history[-1].kl == pytest.approx(sum(run.history[-1].kl_per_latent))
    assert run.history[-1].loss == pytest.approx(run.history[-1].recon + run.history[-1].kl, rel=1e-4)


def test_a_diverged_run_ends_with_its_reason() -> None:
    run = finish(Run(config(steps=200, learning_rate=1.0, adam_betas=(0.0, 0.0)), blobs(), seed=0, reports=4))
    if run.status == "complete":  # Adam bounds its steps; a NaN in the weights is what divergence leaves behind
        run = Run(config(steps=200), blobs(), seed=0, reports=4)
        with torch.no_grad():
            next(run.model.parameters()).fill_(math.nan)
        finish(run)
    assert run.status == "diverged"
    assert "not finite by step" in run.reason
    assert run.step < 200


def test_a_collapsed_run_ends_with_its_reason() -> None:
    run = finish(Run(config(steps=800, options={"beta": 1000.0}), blobs(), seed=0))
    assert run.status == "collapsed"
    assert "no information in the latents" in run.reason
    assert run.step == 520  # the first report after 500 steps


def test_a_short_run_is_judged_too() -> None:
    run = finish(Run(config(steps=60, options={"beta": 1000.0}), blobs(), seed=0))
    assert (run.step, run.status) == (60, "collapsed")


def report(step: int, recon: float, kl: float = 0.0, steps: int = 4000) -> Report:
    return Report(step, step / steps, recon + kl, recon, kl, (kl,), 1.0, 1e-3, {}, 1.0)


@pytest.mark.parametrize(
    ("step", "recon", "kl", "settled", "status"),
    [
        (4000, 539.0, 20.0, 0.0, "collapsed"),  # 4.9 % of the way: half dead is dead
        (4000, 538.0, 20.0, 0.0, "complete"),
        (3000, 566.0, 0.1, 1.0, "running"),  # the schedules may yet free it
        (3000, 566.0, 0.1, 0.75, "collapsed"),
        (1000, 566.0, 20.0, 1.0, "collapsed"),  # pays for nothing
        (800, 566.0, 20.0, 0.0, "running"),  # less than a quarter
    ],
)
def test_when_a_run_without_information_is_given_up(step: int, recon: float, kl: float, settled: float, status: str) -> None:
    scale = Scale(mean_image=567.0, perfect=0.0)
    assert ending(Training(steps=4000), [report(step, recon, kl)], scale, settled).status == status


def test_a_long_first_quarter_and_500_steps_both_count() -> None:
    scale = Scale(mean_image=567.0, perfect=0.0)
    assert ending(Training(steps=1000), [report(450, 566.0, 20.0, 1000)], scale, 0.0).status == "running"
    assert ending(Training(steps=1000), [report(500, 566.0, 20.0, 1000)], scale, 0.0).status == "collapsed"


def test_a_run_whose_schedules_still_move_may_yet_recover() -> None:
    options = {"beta": 1.0, "beta_start": 1000.0, "schedule": "decay"}
    run = finish(Run(config(steps=1600, options=options, learning_rate=1e-2), blobs(), seed=0))
    assert run.history[14].recon > 0.98 * run.scale.mean_image  # no information at three quarters of it
    assert run.step == 1600


def test_early_stopping() -> None:
    run = finish(Run(config(steps=4000, patience=2, learning_rate=1e-2), blobs(40), seed=0, reports=60))
    assert run.status == "stopped"
    assert "for 2 reports" in run.reason


def test_clipping_bounds_the_gradient() -> None:
    free = finish(Run(config(steps=20), blobs(), seed=0, reports=2))
    clipped = finish(Run(config(steps=20, clip_norm=1e-3), blobs(), seed=0, reports=2))
    assert free.history[0].grad_norm > 1
    assert clipped.history[0].grad_norm > 1  # measured before it is clipped
    assert not torch.equal(next(free.model.parameters()), next(clipped.model.parameters()))


def test_he_initialisation_starts_at_the_mean_pixel() -> None:
    """The same short training from both starts; from He weights the first loss is near that of the mean pixel."""
    kinds = {kind: Run(config(steps=60, initialisation=kind), blobs(), seed=0, reports=60) for kind in ("torch", "he")}
    recon = {kind: [each.recon for each in finish(run).history] for kind, run in kinds.items()}
    data = blobs()
    p = (data.images[data.parts["train"]] / 255).mean()
    entropy = -256 * (p * math.log(p) + (1 - p) * math.log(1 - p))
    assert recon["he"][0] == pytest.approx(entropy, rel=0.4)
    assert recon["torch"][0] == pytest.approx(256 * math.log(2), rel=0.1)
    assert recon["he"][-1] < recon["torch"][-1]


def test_an_unsaid_initialisation_is_torch_and_not_written_down() -> None:
    plain, he = config(), config(initialisation="he")
    assert plain == config(initialisation="torch")
    assert "initialisation" not in plain.model_dump(mode="json")["training"]
    assert TrialConfig.parse(plain.model_dump(mode="json")) == plain
    assert TrialConfig.parse(he.model_dump(mode="json")) == he
    assert plain.digest() != he.digest()


def test_bfloat16_is_close_to_float32() -> None:
    runs = [finish(Run(config(steps=200, precision=p), blobs(), seed=0)) for p in ("float32", "bfloat16")]
    assert runs[1].history[-1].loss == pytest.approx(runs[0].history[-1].loss, rel=0.1)
    assert all(parameter.dtype == torch.float32 for parameter in runs[1].model.parameters())


def test_learning_rate_schedules() -> None:
    def rate(kind: str, progress: float) -> float:
        return learning_rate(Training(steps=1, learning_rate=1e-2, lr_schedule=kind, lr_final=1e-4), progress)

    assert rate("constant", 0.7) == 1e-2
    assert rate("linear", 0.5) == pytest.approx((1e-2 + 1e-4) / 2)
    assert rate("exponential", 0.5) == pytest.approx(1e-3)
    assert rate("one_cycle", 0.0) == pytest.approx(1e-2 / 25)
    assert rate("one_cycle", 0.3) == pytest.approx(1e-2)
    assert rate("one_cycle", 1.0) == pytest.approx(1e-4)


def test_schedules_end() -> None:
    def end(objective: str, **options: object) -> float:
        return schedules_end(Run(config(objective=objective, options=options), blobs(), seed=0).objective)

    assert end("beta_vae") == 0.0
    assert end("beta_vae", schedule="warmup", window=0.5, beta=2.0) == pytest.approx(0.5, abs=0.02)
    assert end("capacity", anneal_fraction=0.4) == pytest.approx(0.4, abs=0.02)
    assert end("capacity", anneal_fraction=0.4, gamma_min=1.0) == pytest.approx(1.0, abs=0.02)


def test_every_epoch_is_a_permutation_and_a_function_of_the_seed() -> None:
    data = blobs(200)
    batches = Batches(data, "train", 16, seed=5, device=torch.device("cpu"))
    rows = np.concatenate([batches._order(0)[i * 16 : (i + 1) * 16] for i in range(batches.per_epoch)])
    assert len(set(rows)) == len(rows) == batches.per_epoch * 16
    assert set(rows) <= set(data.parts["train"])
    assert not np.array_equal(batches._order(0), batches._order(1))
    again = Batches(data, "train", 16, seed=5, device=torch.device("cpu"))
    assert torch.equal(batches(37)[0], again(37)[0])
    other = Batches(data, "train", 16, seed=6, device=torch.device("cpu"))
    assert not torch.equal(batches(37)[0], other(37)[0])


def test_a_batch_larger_than_the_data_is_the_data() -> None:
    batches = Batches(blobs(20), "train", 64, seed=0, device=torch.device("cpu"))
    assert len(batches(0)[0]) == len(blobs(20).parts["train"])


def test_resident_images_equal_gathered_ones() -> None:
    """The device path of CUDA, on a device that every machine has: "meta" aside, only the CPU."""
    from study.training.batches import _ResidentBits, _ResidentBytes

    rows = np.array([3, 0, 5])
    data = blobs(10)
    packed = PackedImages(np.packbits(data.images[np.arange(10)].reshape(10, -1) > 0, axis=1), SHAPE)
    cpu = torch.device("cpu")
    expected = images_on(cpu, data.images)(rows)
    assert torch.equal(_ResidentBits(packed, cpu)(rows), expected)
    assert torch.equal(_ResidentBytes(data.images, cpu, chunk=4)(rows), expected)
    assert expected.max() == 1.0


def test_seeds_depend_on_all_three() -> None:
    seeds = {run_seed(root, digest, replicate) for root in (0, 1) for digest in ("a", "b") for replicate in (0, 1)}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_equal_configurations_have_equal_digests() -> None:
    spelled = config(options={"beta": 1.0, "schedule": "constant"})
    assert spelled.digest() == config().digest()
    assert config(options={"beta": 2.0}).digest() != config().digest()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"latent_dim": 0}, "latent_dim: Input should be greater than or equal to 1 (got 0)"),
        ({"objective_options": {"beta": -1.0}}, "beta: Input should be greater than or equal to 0 (got -1.0)"),
        ({"objective": "magic"}, "unknown objective 'magic': choose one of"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"training": {"steps": 0}}, "training.steps: Input should be greater than or equal to 1 (got 0)"),
    ],
)
def test_bad_configurations_say_the_rule_and_the_value(change: dict, rule: str) -> None:
    values = {"dataset": "blobs", "training": {"steps": 1}, **change}
    with pytest.raises(UserError) as error:
        TrialConfig.parse(values)
    assert rule in str(error.value)
    assert "\n" not in str(error.value)


def test_a_conditional_model_needs_labels() -> None:
    conditional = TrialConfig.parse({**config().model_dump(), "condition": {"encoder": "one_hot"}})
    with pytest.raises(UserError, match="needs labelled data, but blobs has no labels"):
        Run(conditional, blobs(), seed=0)
