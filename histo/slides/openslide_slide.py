"""Slides through OpenSlide: every vendor it knows.

Label, macro and thumbnail are never opened: ``associated_images`` is not accessed.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import openslide
from numpy.typing import NDArray

from histo.errors import SlideOpenError
from histo.geometry import Box, Spacing
from histo.slides.glass import estimate_glass, fill_outside
from histo.slides.icc import srgb_transform
from histo.slides.protocol import Slide, SlideInfo, pyramid
from histo.slides.spacing import parse_positive, resolve_spacing

__all__ = ["OpenSlideSlide", "detect_vendor"]

_CACHE_BYTES = 64 << 20
_BLOCK_PX = 512


def detect_vendor(path: Path) -> str | None:
    """Return the vendor OpenSlide recognises a file by, or None."""
    try:
        vendor = openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError:
        return None
    return str(vendor) if vendor else None


class OpenSlideSlide(Slide):
    """A slide read by OpenSlide through one handle with a sized cache; thread-safe.

    The scanned part only: where the file states bounds, the slide's origin is their corner, as in
    QuPath, so that annotations of the one fit the other. Pixels that were never scanned
    (transparent in OpenSlide) take the glass colour.

    Parameters
    ----------
    path
        The file.
    spacing
        µm/px the user gives, which counts before the file's own.
    apply_icc
        Convert from the embedded colour profile, if any, to sRGB.
    cache_bytes
        Size of the cache of decoded tiles.

    Raises
    ------
    SlideOpenError
        If OpenSlide cannot open the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        spacing: Spacing | None = None,
        apply_icc: bool = False,
        cache_bytes: int = _CACHE_BYTES,
    ) -> None:
        self._file = path.name
        try:
            self._handle = openslide.OpenSlide(path)
            self._handle.set_cache(openslide.OpenSlideCache(cache_bytes))
            properties = dict(self._handle.properties)
            shapes = [(high, wide) for wide, high in self._handle.level_dimensions]
            self._downsamples = self._handle.level_downsamples
        except openslide.OpenSlideError as fault:
            raise SlideOpenError(
                f"{path.name} cannot be opened: {_reason(fault)}.", slide=path.name
            ) from fault
        self.name = path.stem
        self._origin, base = _bounds(properties, shapes[0])
        if base != shapes[0]:
            shapes = [
                _cropped(base, down, full)
                for down, full in zip(self._downsamples, shapes, strict=True)
            ]
        self.levels = pyramid(shapes)
        power = parse_positive(properties.get("openslide.objective-power"))
        self._spacing, notes = resolve_spacing(path.name, _spacing(properties), spacing, power)
        profile = self._profile(properties) if apply_icc else None
        self._to_srgb: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = (
            srgb_transform(profile, path.name) if profile else None
        )
        self.info = SlideInfo(
            vendor=properties.get("openslide.vendor", "unknown"),
            reader="openslide",
            objective_power=power,
            icc_profile="openslide.icc-size" in properties,
            icc_applied=profile is not None,
            spacing_source=self._spacing.source
            if isinstance(self._spacing, Spacing)
            else "missing",
            notes=notes,
        )

    def _profile(self, properties: dict[str, str]) -> bytes | None:
        if "openslide.icc-size" not in properties:
            return None
        profile = self._handle.color_profile
        return profile.tobytes() if profile is not None else None

    def close(self) -> None:
        """Release the file."""
        self._handle.close()

    @cached_property
    def glass(self) -> NDArray[np.uint8]:
        """Colour of the slide's own background, of scanned pixels only."""
        return estimate_glass([level.shape for level in self.levels], self._fetch)

    def read_level(self, level: int, box: Box) -> NDArray[np.uint8]:
        """Return any box of a level; see `Slide.read_level`."""
        return fill_outside(
            box,
            self.levels[level].shape,
            lambda inside: self._fetch(level, inside),
            lambda: self.glass,
        )

    def _fetch(self, level: int, box: Box) -> NDArray[np.uint8]:
        """Return a box inside a level, (H, W, 3) or with transparent pixels (H, W, 4)."""
        if self._downsamples[level] == round(self._downsamples[level]):
            pixels = self._region(level, box)
        else:
            pixels = self._region_in_blocks(level, box)
        if pixels[..., 3].min() == 255:
            pixels = np.ascontiguousarray(pixels[..., :3])
        return self._to_srgb(pixels) if self._to_srgb else pixels

    def _region_in_blocks(self, level: int, box: Box) -> NDArray[np.uint8]:
        # OpenSlide takes whole level-0 coordinates, so at a downsample like 2.0005 a read starts
        # up to half a level-0 pixel off and is interpolated. Reads that all start on one fixed
        # grid keep a pixel's value independent of the box it was asked in.
        pixels = np.empty((*box.shape, 4), np.uint8)
        for row in range(box.row - box.row % _BLOCK_PX, box.bottom, _BLOCK_PX):
            for col in range(box.col - box.col % _BLOCK_PX, box.right, _BLOCK_PX):
                part = box.intersect(Box(row, col, _BLOCK_PX, _BLOCK_PX))
                block = self._region(level, Box(row, col, part.bottom - row, part.right - col))
                pixels[part.shift(-box.row, -box.col).slices] = block[
                    part.row - row :, part.col - col :
                ]
        return pixels

    def _region(self, level: int, box: Box) -> NDArray[np.uint8]:
        down = self._downsamples[level]
        location = (
            self._origin[1] + round(box.col * down),
            self._origin[0] + round(box.row * down),
        )
        try:
            region = self._handle.read_region(location, level, (box.width, box.height))
        except openslide.OpenSlideError as fault:
            raise SlideOpenError(
                f"{self._file} is damaged or truncated: {_reason(fault)}.", slide=self._file
            ) from fault
        return np.asarray(region)


def _reason(fault: Exception) -> str:
    """OpenSlide's own words in one line, without a path."""
    words = " ".join(str(fault).split()).rstrip(".")
    return words if words and "/" not in words and "\\" not in words else "OpenSlide fails on it"


def _spacing(properties: dict[str, str]) -> Spacing | None:
    row = parse_positive(properties.get("openslide.mpp-y"))
    col = parse_positive(properties.get("openslide.mpp-x"))
    if row is None or col is None:
        return None
    return Spacing(row, col, "slide: openslide.mpp")


def _bounds(
    properties: dict[str, str], shape: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (row, col) of the scanned part and its (height, width)."""
    try:
        col, row, wide, high = (
            int(properties[f"openslide.bounds-{key}"]) for key in ("x", "y", "width", "height")
        )
    except (KeyError, ValueError):
        return (0, 0), shape
    inside = Box(row, col, max(0, high), max(0, wide)).intersect(Box(0, 0, *shape))
    return ((inside.row, inside.col), inside.shape) if inside else ((0, 0), shape)


def _cropped(base: tuple[int, int], down: Any, full: tuple[int, int]) -> tuple[int, int]:
    high, wide = (
        max(1, min(whole, int(side / down))) for side, whole in zip(base, full, strict=True)
    )
    return high, wide
