"""Picture files become the pixels a model wants, whatever kind of file they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile
from pydantic import ValidationError

from models.errors import UserError
from models.preprocessing import Preprocessing, open_picture


def save(path, array, mode=None, **options):
    Image.fromarray(np.asarray(array), **({"mode": mode} if mode else {})).save(path, **options)
    return path


def test_grey_picture_of_the_right_size_comes_back_unchanged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6), dtype=np.uint8)
    path = save(tmp_path / "a.png", pixels)
    for crop in ("centre", "none"):
        opened = open_picture(path, Preprocessing(size=(8, 6), mode="L", crop=crop))
        assert opened.dtype == np.uint8 and opened.shape == (1, 8, 6)
        np.testing.assert_array_equal(opened[0], pixels)


def test_colour_channels_come_first(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 0] = 200
    opened = open_picture(save(tmp_path / "a.png", pixels), Preprocessing(size=(4, 4)))
    assert opened.shape == (3, 4, 4) and opened.flags["C_CONTIGUOUS"]
    assert (opened[0] == 200).all() and (opened[1:] == 0).all()


def test_centre_crop_keeps_the_middle_and_none_stretches(tmp_path):
    pixels = np.zeros((4, 12), np.uint8)
    pixels[:, 4:8] = 255
    path = save(tmp_path / "wide.png", pixels)
    assert (open_picture(path, Preprocessing(size=(4, 4), mode="L")) == 255).all()
    stretched = open_picture(path, Preprocessing(size=(4, 12), mode="L", crop="none"))
    np.testing.assert_array_equal(stretched[0], pixels)


def test_crop_size_is_cut_before_resizing(tmp_path):
    pixels = np.zeros((10, 10), np.uint8)
    pixels[3:7, 3:7] = 255
    path = save(tmp_path / "a.png", pixels)
    assert (open_picture(path, Preprocessing(size=(2, 2), mode="L", crop_size=(4, 4))) == 255).all()
    with pytest.raises(UserError, match="must fit"):
        open_picture(path, Preprocessing(size=(2, 2), mode="L", crop_size=(11, 4)))


def test_sixteen_bits_keep_their_levels(tmp_path):
    pixels = np.array([[0, 257 * 100], [257 * 200, 65535]], np.uint16)
    opened = open_picture(save(tmp_path / "deep.png", pixels), Preprocessing(size=(2, 2), mode="L"))
    np.testing.assert_array_equal(opened[0], [[0, 100], [200, 255]])


def test_twelve_bits_and_one_bit_keep_their_levels(tmp_path):
    deep = save(tmp_path / "deep.png", np.array([[0, 4095], [1600, 3200]], np.uint16))
    np.testing.assert_array_equal(open_picture(deep, Preprocessing(size=(2, 2), mode="L"))[0], [[0, 255], [100, 200]])
    mask = save(tmp_path / "mask.png", np.array([[0, 1], [1, 0]], np.uint8))
    np.testing.assert_array_equal(open_picture(mask, Preprocessing(size=(2, 2), mode="L"))[0], [[0, 255], [255, 0]])


@pytest.mark.parametrize("white", [4095, 65535])
def test_sixteen_bit_pgm(tmp_path, white):
    """It states its white, so a dark one stays dark."""
    levels = np.array([[0, white // 64], [white // 4, white // 2]], ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 2 2 %d\n" % white + levels.tobytes())
    opened = open_picture(tmp_path / "a.pgm", Preprocessing(size=(2, 2), mode="L"))
    np.testing.assert_allclose(opened[0], [[0, 4], [64, 128]], atol=1)


def test_black_ink_on_transparent_ground_is_seen(tmp_path):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, :, 3] = 255
    opened = open_picture(save(tmp_path / "a.png", pixels), Preprocessing(size=(2, 2), mode="L"))
    np.testing.assert_array_equal(opened[0], [[0, 0], [255, 255]])


def test_transparent_means_black(tmp_path):
    pixels = np.full((2, 2, 4), 255, np.uint8)
    pixels[0, :, 3] = 0
    opened = open_picture(save(tmp_path / "a.png", pixels), Preprocessing(size=(2, 2), mode="L"))
    np.testing.assert_array_equal(opened[0], [[0, 0], [255, 255]])


def test_camera_orientation_is_applied(tmp_path):
    image = Image.fromarray(np.array([[0, 255]], np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # rotate by 90° to see it upright
    image.save(tmp_path / "a.png", exif=exif)
    assert open_picture(tmp_path / "a.png", Preprocessing(size=(2, 1), mode="L")).shape == (1, 2, 1)
    np.testing.assert_array_equal(open_picture(tmp_path / "a.png", Preprocessing(size=(2, 1), mode="L"))[0], [[0], [255]])


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "cut"])
def test_what_is_no_picture_is_one_line(tmp_path, kind):
    path = tmp_path / "a.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("no picture")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        save(path, np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError) as caught:
        open_picture(path, Preprocessing(size=(4, 4)))
    assert "a.png" in str(caught.value) and "\n" not in str(caught.value)


def outcome(path):
    """The shape of what was read, or why nothing was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return open_picture(path, Preprocessing(size=(4, 4))).shape
        except UserError as error:
            return str(error)


def test_whatever_a_decoder_raises_is_one_line(tmp_path):
    """An EXIF block with a text where the orientation's number belongs: a TypeError in Pillow."""
    image = Image.new("RGB", (8, 8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    whole = (tmp_path / "a.jpg").read_bytes()
    text = whole.replace(b"\x01\x12\x00\x03", b"\x01\x12\x00\x02").replace(b"\x12\x01\x03\x00", b"\x12\x01\x02\x00")
    assert text != whole
    (tmp_path / "a.jpg").write_bytes(text)
    found = outcome(tmp_path / "a.jpg")
    assert found == (3, 4, 4) or "a.jpg is a damaged picture" in found


def test_flipped_bytes_end_nothing(tmp_path):
    generator = np.random.default_rng(0)
    noise = Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    for kind in ("png", "jpg", "gif", "bmp", "tiff", "webp", "tga", "ppm", "pcx", "sgi", "ico", "jp2"):
        noise.save(tmp_path / f"a.{kind}")
        whole = np.frombuffer((tmp_path / f"a.{kind}").read_bytes(), np.uint8)
        for number in range(25):
            broken = whole.copy()
            broken[generator.integers(0, min(len(broken), 200), 4)] = generator.integers(0, 256, 4)
            path = tmp_path / f"{number}.{kind}"
            path.write_bytes(broken.tobytes())
            found = outcome(path)
            assert found == (3, 4, 4) or ("\n" not in found and path.name in found)


def test_more_than_eighty_megapixels_are_refused_before_decoding(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("1", (9_000, 9_900)).save(path)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(UserError, match="80,000,000 must hold"):
        open_picture(path, Preprocessing(size=(4, 4)))


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", np.zeros((100, 100), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match="too large"):
        open_picture(path, Preprocessing(size=(4, 4)))


@pytest.mark.parametrize("bad", [{"size": (0, 4)}, {"size": (4, 4), "mode": "CMYK"}, {"size": (4, 4), "value_range": (-1, 1)}])
def test_bad_preprocessing_is_refused(bad):
    with pytest.raises(ValidationError):
        Preprocessing(**bad)


def test_survives_json():
    preprocessing = Preprocessing(size=(64, 32), mode="L", crop_size=(148, 148))
    assert Preprocessing.model_validate_json(preprocessing.model_dump_json()) == preprocessing
    assert preprocessing.image_shape == (1, 64, 32)
