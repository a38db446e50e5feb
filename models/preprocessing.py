"""From a picture file to the pixels a model was trained on: the part of a model that is easiest to lose.

    open → size → turn upright (EXIF) → over black where transparent → mode → crop → resize → uint8 (C, H, W)

Grey levels come in many widths, and a file seldom says which it uses.  So the numbers decide: 16 bits of which only 12 are used
are 12 bits, and 8 bits of which only 0 and 1 are used are one bit.  Ink that would vanish on black is put on white.

`Preprocessing` says how: it builds a `folder:` data set, travels in the manifest of every model trained on one, and is
applied again when a picture file goes into that model.  Pillow only; no torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import Field, field_validator

from models.config import Config
from models.errors import UserError

__all__ = ["Preprocessing", "open_picture"]

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


MOST_PIXELS = 80_000_000
FAINT = 16  # grey levels of 255


class Preprocessing(Config):
    """size: (H, W) in pixels.  mode: "L" one grey channel, "RGB" three.

    crop: "centre" cuts the largest centred rectangle of the size's aspect ratio, "none" stretches the whole picture.
    crop_size: (H, W) of a centred window that is cut out first (CelebA's usual (148, 148)); it must fit into the picture.
    resample: Pillow's filter; all but "nearest" average when they shrink, so they do not alias.
    value_range: what grey levels 0..255 become at the model's input.
    """

    size: tuple[int, int]
    mode: Literal["L", "RGB"] = "RGB"
    crop: Literal["centre", "none"] = "centre"
    crop_size: tuple[int, int] | None = None
    resample: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    value_range: tuple[Literal[0], Literal[1]] = Field(default=(0, 1))

    @field_validator("size", "crop_size")
    @classmethod
    def _positive(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not all(1 <= side <= 16_384 for side in value):
            raise ValueError(f"1 <= height, width <= 16384 must hold, but got {value}")
        return value

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what `open_picture` returns."""
        return (3 if self.mode == "RGB" else 1, *self.size)


def open_picture(path: str | os.PathLike[str], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The picture in `path` as the model wants it: uint8 (C, H, W), grey levels 0..255.

    Raises `UserError` when the file is missing, is no picture, is damaged in whatever way its decoder reports, has more than
    80 million pixels (judged before any is decoded), or is smaller than `crop_size`.
    """
    path = Path(path)
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise UserError(
                    f"width × height <= {MOST_PIXELS:,} must hold for {path}, but it has {opened.width}×{opened.height}"
                )
            image = _upright(opened).convert(preprocessing.mode)
    except UserError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"cannot open the picture {path}: {error.strerror}") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture that Pillow can read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(f"{path} is too large to be opened safely: {error}") from None
    except Exception as error:  # of damaged files: eight kinds in 36,000 of them, and the next decoder has its own
        raise UserError(f"{path} is a damaged picture: {' '.join(str(error).split()) or type(error).__name__}") from None
    return _pixels(_cropped(image, preprocessing, path), preprocessing)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera says, transparent parts over black, grey levels of any width brought to 8 bits."""
    stated = image.format == "PPM"  # which says what its white is, and Pillow has brought that to 65535
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        return Image.fromarray(_eight_bits(np.asarray(image), stated))
    if image.mode == "F":
        raise ValueError("pixels of kind 'F' have no agreed range: save it with 8 or 16 bits")
    if image.mode == "L" and image.getextrema() == (0, 1):
        return image.point([0] + [255] * 255)
    return _over_ground(image.convert("RGBA")) if image.has_transparency_data else image


def _eight_bits(levels: NDArray[np.integer], stated: bool) -> NDArray[np.uint8]:
    """Of 16 bits the first 8; where no level needs more than 12 bits, and the file doesn't state its white, of those."""
    low, high = int(levels.min()), int(levels.max())
    if low < 0 or high >= 1 << 16:
        raise ValueError(f"grey levels must lie in 0..65535, but they lie in {low}..{high}")
    used = 16 if stated or high >= 1 << 12 else 12 if high >= 1 << 8 else 8
    return (levels >> (used - 8)).astype(np.uint8)


def _over_ground(image: Image.Image) -> Image.Image:
    """Over black; over white where the visible part is black, too, and only the transparency draws it."""
    on_black = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image).convert("RGB")
    (low, high), (clear, opaque) = on_black.convert("L").getextrema(), image.getchannel("A").getextrema()
    if high - low >= FAINT or opaque - clear < FAINT:  # type: ignore[operator]
        return on_black
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _cropped(image: Image.Image, preprocessing: Preprocessing, path: Path) -> Image.Image:
    if preprocessing.crop_size is not None:
        height, width = preprocessing.crop_size
        if image.width < width or image.height < height:
            raise UserError(f"crop_size {height}×{width} must fit into {path}, but it has {image.height}×{image.width} pixels")
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    return image


def _pixels(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    height, width = preprocessing.size
    chosen = _FILTERS[preprocessing.resample]
    if preprocessing.crop == "centre":
        image = ImageOps.fit(image, (width, height), method=chosen)
    elif image.size != (width, height):
        image = image.resize((width, height), chosen)
    pixels = np.asarray(image, dtype=np.uint8)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
