"""Using a published model: every way in, every way it can be wrong, and that chunks change nothing."""

from __future__ import annotations

import numpy as np
import onnxruntime
import psutil
import pytest
from PIL import Image

from models.codec import Codec, TorchCodec
from models.errors import UserError
from registry import load
from registry.errors import RegistryError
from registry.inference import Model
from tests.registry.helpers import images


@pytest.fixture(scope="module")
def tiny(published):
    return load("tiny", registry=published.root)


@pytest.fixture(scope="module")
def labelled(published):
    return load("labelled", registry=published.root)


def test_rounding_is_no_error(tiny):
    """A float image that arithmetic has pushed a hair beyond 1 is that image; more is refused."""
    unit = images(2).astype(np.float32) / 255
    unit[0, 0, 0, 0] = 1
    np.testing.assert_array_equal(
        tiny.encode(unit * np.float32(1 + 1e-7))[0], tiny.encode(np.clip(unit * np.float32(1 + 1e-7), 0, 1))[0]
    )
    with pytest.raises(RegistryError, match="must lie in"):
        tiny.encode(unit * np.float32(1.01))


@pytest.mark.parametrize("z", [np.full((1, 3), 1e39), np.array([["a", "b", "c"]])])
def test_latents_that_float32_cannot_hold(tiny, z):
    with pytest.raises(RegistryError, match="z must be"):
        tiny.decode(z)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.sample(2.0),
        lambda m: m.sample("2"),
        lambda m: m.sample(True),
        lambda m: m.sample(2, seed="x"),
        lambda m: m.sample(2, seed=-1),
        lambda m: m.interpolate(*images(2), 2.5),
        lambda m: load("tiny", "1"),
        lambda m: load("tiny", True),
        lambda m: Model(m.manifest, m.files, threads="2"),
    ],
)
def test_whole_numbers(tiny, call):
    with pytest.raises(RegistryError, match="whole number"):
        call(tiny)


def test_uint8_of_0_and_1_is_taken_as_black_and_says_so(tiny):
    ones = (images(2) > 127).astype(np.uint8)
    with pytest.warns(UserWarning, match="where 1 means white, give 255"):
        mu = tiny.encode(ones)[0]
    np.testing.assert_array_equal(mu, tiny.encode(ones / 255)[0])
    tiny.encode(np.zeros((2, 1, 8, 8), np.uint8))  # black pictures are black pictures
    tiny.encode(ones * np.uint8(255))


def test_it_is_a_codec_and_agrees_with_torch(tiny, tiny_vae):
    codec: Codec = tiny
    expected = TorchCodec(tiny_vae)
    for count in (1, 2, 7, 300):
        batch = images(count, seed=count)
        for got, want in zip(codec.encode(batch), expected.encode(batch), strict=True):
            assert got.dtype == np.float32 and got.shape == (count, 3)
            np.testing.assert_allclose(got, want, atol=1e-5)
        z = np.random.default_rng(count).standard_normal((count, 3))
        np.testing.assert_allclose(codec.decode(z), expected.decode(z.astype(np.float32)), atol=1e-5)


def test_the_condition_matters_and_agrees_with_torch(labelled, conditional_vae):
    labels = np.array([0, 1, 2, 3, 0, 1])
    mu, _ = labelled.encode(images(), labels)
    np.testing.assert_allclose(mu, TorchCodec(conditional_vae).encode(images(), labels)[0], atol=1e-5)
    assert np.abs(mu - labelled.encode(images(), 2)[0])[[0, 1, 3]].max() > 1e-4
    np.testing.assert_array_equal(labelled.encode(images(), 2)[0], labelled.encode(images(), np.full(6, 2))[0])
    np.testing.assert_array_equal(labelled.encode(images(), labels.astype(np.uint8))[0], mu)


def test_grey_levels_and_floats_are_the_same_images(tiny):
    batch = images()
    for scaled in (batch / 255, (batch / 255).astype(np.float32)):
        np.testing.assert_allclose(tiny.encode(scaled)[0], tiny.encode(batch)[0], atol=1e-6)


def test_one_image_gives_one_result(tiny):
    mu, logvar = tiny.encode(images()[2])
    assert mu.shape == logvar.shape == (3,)
    np.testing.assert_allclose(mu, tiny.encode(images())[0][2], atol=1e-6)
    assert tiny.decode(mu).shape == tiny.reconstruct(images()[2]).shape == (1, 8, 8)


def test_an_empty_batch_is_an_empty_result(tiny, labelled):
    assert tiny.encode(images(0))[0].shape == (0, 3) and tiny.decode(np.empty((0, 3))).shape == (0, 1, 8, 8)
    assert labelled.encode(images(0), np.empty(0, np.int64))[0].shape == (0, 3)


def test_chunks_change_nothing(published, labelled):
    version = published.resolve("labelled")
    small = Model(version.manifest, version.read(), chunk=4)
    labels = np.arange(11) % 4
    for got, want in zip(small.encode(images(11), labels), labelled.encode(images(11), labels), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-6)


def test_pixels_and_reconstructions_stay_in_range(tiny):
    far = tiny.decode(np.full((2, 3), 1e4))
    assert far.min() >= 0 and far.max() <= 1
    np.testing.assert_array_equal(tiny.reconstruct(images()), tiny.decode(tiny.encode(images())[0]))


def test_samples_repeat_with_their_seed(tiny, labelled):
    first = tiny.sample(5, seed=3)
    assert first.shape == (5, 1, 8, 8)
    np.testing.assert_array_equal(first, tiny.sample(5, seed=3))
    assert not np.array_equal(first, tiny.sample(5, seed=4))
    assert not np.array_equal(labelled.sample(4, 0), labelled.sample(4, [0, 1, 2, 3]))


def test_interpolation_goes_from_a_to_b_in_a_straight_line(tiny):
    a, b = images()[:2]
    path = tiny.interpolate(a, b, 5)
    assert path.shape == (5, 1, 8, 8)
    np.testing.assert_allclose(path[[0, 4]], tiny.reconstruct(images()[:2]), atol=1e-6)
    middle = (tiny.encode(a)[0] + tiny.encode(b)[0]) / 2
    np.testing.assert_allclose(path[2], tiny.decode(middle), atol=1e-6)


def test_a_traversal_moves_one_latent(tiny):
    mu, _ = tiny.encode(images()[0])
    rows = tiny.traverse(images()[0], 1, [-2, float(mu[1]), 2])
    assert rows.shape == (3, 1, 8, 8)
    np.testing.assert_allclose(rows[1], tiny.decode(mu), atol=1e-6)
    np.testing.assert_allclose(rows[2], tiny.decode([mu[0], 2, mu[2]]), atol=1e-6)


# ---------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    "bad",
    [
        images(2, shape=(3, 8, 8)),
        images(2, shape=(8, 8)),
        images(2, shape=(1, 8, 9)),
        images(1)[0, 0],
        np.zeros((0,)),
        np.float32(1),
        images(2).astype(np.int64),
        images(2) > 100,
        images(2) / 100,
        images(2) / 255 - 0.1,
        np.full((2, 1, 8, 8), np.nan),
        np.full((2, 1, 8, 8), np.inf),
        images(2).astype(complex),
        images(2).astype(str),
    ],
    ids=lambda bad: f"{bad.dtype}{bad.shape}",
)
def test_wrong_images(tiny, bad):
    with pytest.raises(RegistryError) as caught:
        tiny.encode(bad)
    assert "but got" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "bad", [np.zeros(4), np.zeros((2, 2)), np.zeros((2, 3, 1)), [[np.nan] * 3], [[np.inf] * 3], [["a"] * 3], [[1j] * 3]]
)
def test_wrong_latents(tiny, bad):
    with pytest.raises(RegistryError, match="but got"):
        tiny.decode(np.asarray(bad))


@pytest.mark.parametrize("bad", [None, -1, 4, 1.0, "a", [0, 1], np.zeros((6, 1), int), [0, 1, 2, 3, 4, 0]], ids=str)
def test_wrong_conditions(labelled, bad):
    with pytest.raises(RegistryError, match="but got"):
        labelled.encode(images(), bad)


def test_a_condition_for_a_model_without(tiny):
    with pytest.raises(RegistryError, match="no condition"):
        tiny.encode(images(), 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.sample(0),
        lambda model: model.interpolate(images()[0], images()[1], 1),
        lambda model: model.interpolate(images(), images(), 3),
        lambda model: model.traverse(images()[0], 3, [0]),
        lambda model: model.traverse(images()[0], -1, [0]),
        lambda model: model.traverse(images()[0], 0, [np.nan]),
        lambda model: model.traverse(images(), 0, [0]),
        lambda model: model.traverse(images()[0], 0, "abc"),
        lambda model: model.traverse(images()[0], 0, [[1, 2], [3, 4]]),
        lambda model: model.traverse(images()[0], 0, [1e39]),
        lambda model: model.encode([[1], [1, 2]]),
        lambda model: model.decode([[1], [1, 2]]),
    ],
)
def test_senseless_requests(tiny, call):
    with pytest.raises(RegistryError, match="must"):
        call(tiny)


# ---------------------------------------------------------------------- picture files


def test_pictures_go_in_by_the_manifests_preprocessing(tiny, tmp_path):
    batch = images(3)
    paths = []
    for index, image in enumerate(batch):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(image[0]).convert("RGB").save(paths[-1])
    np.testing.assert_array_equal(tiny.pictures(paths), batch)
    np.testing.assert_array_equal(tiny.encode_files(paths)[1], tiny.encode(batch)[1])
    assert tiny.pictures([]).shape == (0, 1, 8, 8) and tiny.encode_files([])[0].shape == (0, 3)


def test_an_unreadable_picture_is_named(tiny, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(UserError, match=r"a\.png"):
        tiny.encode_files([tmp_path / "a.png"])


# ---------------------------------------------------------------------- settings


def test_threads_and_providers_are_taken(published):
    for threads in (1, 2):
        model = load("tiny", registry=published.root, threads=threads, providers=["CPUExecutionProvider"])
        assert model.encode(images())[0].shape == (6, 3)


@pytest.mark.parametrize(
    "bad", [{"threads": 0}, {"providers": []}, {"providers": "CPUExecutionProvider"}, {"providers": ["MagicExecutionProvider"]}]
)
def test_wrong_settings(published, bad):
    with pytest.raises(RegistryError):
        load("tiny", registry=published.root, **bad)


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="CUDA is there")
def test_absent_cuda_is_an_error_not_a_fallback(published):
    with pytest.raises(RegistryError, match="is not there"):
        load("tiny", registry=published.root, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_does_not_start_is_an_error_not_a_fallback(published, monkeypatch):
    """onnxruntime is asked for a provider that it claims to have, cannot start, and would silently replace by the CPU."""
    there = [*onnxruntime.get_available_providers(), "ROCMExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    with pytest.raises(RegistryError, match="ROCMExecutionProvider was asked for, but"):
        load("tiny", registry=published.root, providers=["ROCMExecutionProvider"])


@pytest.mark.skipif("CUDAExecutionProvider" not in onnxruntime.get_available_providers(), reason="needs onnxruntime with CUDA")
def test_cuda_agrees_with_the_cpu(published, tiny):
    model = load("tiny", registry=published.root, providers=["CUDAExecutionProvider"])
    np.testing.assert_allclose(model.encode(images())[0], tiny.encode(images())[0], atol=1e-3)


def test_memory_stays_flat_over_a_large_batch(tiny):
    tiny.encode(images(512))
    before = psutil.Process().memory_info().rss
    big = np.broadcast_to(images(1), (200_000, 1, 8, 8))  # as float32 at once this would be 51 MB, and more in the layers
    mu, _ = tiny.encode(big)
    grown = psutil.Process().memory_info().rss - before
    assert mu.shape == (200_000, 3) and grown < 2 * mu.nbytes + 15e6
