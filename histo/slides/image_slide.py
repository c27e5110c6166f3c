"""Ordinary images (PNG, JPEG, BMP) as slides held in memory."""

import warnings
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from histo.errors import SlideOpenError, UnsupportedSlideError
from histo.geometry import Spacing
from histo.slides.array_slide import ArraySlide
from histo.slides.glass import composite, estimate_glass
from histo.slides.icc import srgb_transform
from histo.slides.protocol import SlideInfo
from histo.slides.spacing import resolve_spacing

__all__ = ["open_image"]

_LARGEST_MPX = 200
_GREY = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L"}
_pillow_limit = Lock()


def open_image(
    path: Path, *, spacing: Spacing | None = None, apply_icc: bool = False
) -> ArraySlide:
    """Load an image file.

    The spacing is only ever the user's: the dpi of a PNG or JPEG says how to print it. EXIF
    orientation is applied. 16-bit colour, which PNG defines to fill its range, becomes 8-bit.

    Parameters
    ----------
    path
        The file.
    spacing
        µm/px the user gives.
    apply_icc
        Convert from the embedded colour profile, if any, to sRGB.

    Raises
    ------
    SlideOpenError
        If the file is damaged.
    UnsupportedSlideError
        If it is not colour or above 200 megapixels.
    """
    try:
        with _open(path) as image:
            vendor = (image.format or "image").lower()
            _require_colour(image, path.name)
            profile = image.info.get("icc_profile")
            pixels = _colours(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, EOFError) as fault:
        raise SlideOpenError(f"{path.name} is damaged or truncated.", slide=path.name) from fault
    if apply_icc and profile:
        pixels = srgb_transform(profile, path.name)(pixels)
    if pixels.shape[2] == 4:
        view = pixels
        glass = estimate_glass([view.shape[:2]], lambda _, box: view[box.slices])
        pixels = composite(pixels, glass)
    resolved, _ = resolve_spacing(path.name, None, spacing)
    info = SlideInfo(
        vendor=vendor,
        reader="image",
        icc_profile=bool(profile),
        icc_applied=bool(profile) and apply_icc,
        spacing_source=resolved.source if isinstance(resolved, Spacing) else "missing",
    )
    return ArraySlide(pixels, resolved, name=path.stem, info=info)


def _open(path: Path) -> Image.Image:
    # Pillow's own limit is a module global and half warning, half error; ours is one sentence.
    with _pillow_limit, warnings.catch_warnings():
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path, formats=("PNG", "JPEG", "BMP"))
        except UnidentifiedImageError as fault:
            raise SlideOpenError(f"{path.name} is no PNG, JPEG or BMP.", slide=path.name) from fault
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    width, height = image.size
    if width * height > _LARGEST_MPX * 1_000_000:
        image.close()
        raise UnsupportedSlideError(
            f"{path.name} has {width * height / 1e6:.0f} megapixels; images are read whole, up to "
            f"{_LARGEST_MPX}. Save it as a tiled TIFF.",
            slide=path.name,
        )
    return image


def _require_colour(image: Image.Image, name: str) -> None:
    if image.mode in _GREY:
        raise UnsupportedSlideError(
            f"{name} is grey; stroma is scored on 8-bit RGB brightfield images.", slide=name
        )
    if image.mode not in {"RGB", "RGBA", "P", "PA"}:
        raise UnsupportedSlideError(f"{name} is {image.mode}; save it as RGB.", slide=name)


def _colours(image: Image.Image) -> NDArray[np.uint8]:
    opaque = image.mode == "RGB" and "transparency" not in image.info
    if image.mode == "P":
        opaque = "transparency" not in image.info
    return np.array(image.convert("RGB" if opaque else "RGBA"))
