"""Slides through tifffile: TIFF, SVS, OME-TIFF and qptiff, decoded tile by tile.

For JPEG tiles this is several times as fast as OpenSlide, pixel for pixel the same, and it serves
what OpenSlide cannot open. Only the pages of the pyramid are read, never label or macro.
"""

import logging
import struct
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffFileError, TiffPage

from histo.errors import SlideOpenError, UnsupportedSlideError
from histo.geometry import Box, Spacing
from histo.slides.glass import estimate_glass, fill_outside
from histo.slides.icc import srgb_transform
from histo.slides.protocol import Slide, SlideInfo, pyramid
from histo.slides.spacing import resolve_spacing
from histo.slides.tiff_metadata import tiff_metadata
from histo.slides.tiff_pages import PageLayout, layout, level_pages
from histo.slides.tile_cache import FileBytes, TileCache

__all__ = ["TiffSlide"]

_CACHE_BYTES = 64 << 20
# What parsing or decoding hostile bytes can raise; the codecs' errors are RuntimeErrors.
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TiffFileError,
    TypeError,
    ValueError,
    struct.error,
)


class TiffSlide(Slide):
    """A slide whose tiles are decoded directly; thread-safe.

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
        If the file is damaged, truncated or no TIFF.
    UnsupportedSlideError
        If its pixels are not 8-bit colour.
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
        self.name = path.stem
        _silence()
        try:
            with TiffFile(path) as tiff:
                found = tiff_metadata(tiff)
                pages = _usable(level_pages(tiff), path.name)
                self._layouts = tuple(shape for _, shape in pages)
                self._decoders = tuple(_decoder(page) for page, _ in pages)
        except _BROKEN as fault:
            raise SlideOpenError(
                f"{path.name} is no TIFF, or a damaged or truncated one.",
                slide=path.name,
            ) from fault
        self._bytes = FileBytes(path)
        self._require_complete()
        self._cache = TileCache(cache_bytes)
        self.levels = pyramid([level.shape for level in self._layouts])
        self._spacing, notes = resolve_spacing(
            path.name, found.spacing, spacing, found.objective_power
        )
        profile = found.icc_profile if apply_icc else None
        self._to_srgb = srgb_transform(profile, path.name) if profile else None
        self.info = SlideInfo(
            vendor=found.vendor,
            reader="tiff",
            objective_power=found.objective_power,
            icc_profile=found.icc_profile is not None,
            icc_applied=profile is not None,
            spacing_source=self._spacing.source
            if isinstance(self._spacing, Spacing)
            else "missing",
            notes=notes,
        )

    def _require_complete(self) -> None:
        end = max(level.end for level in self._layouts)
        if end > self._bytes.size:
            size = self._bytes.size
            self._bytes.close()
            raise SlideOpenError(
                f"{self._file} is truncated: it has {size} bytes and needs {end}; copy it again.",
                slide=self._file,
            )

    @property
    def has_gaps(self) -> bool:
        """Whether tiles of some level were never scanned."""
        return not all(level.counts.all() for level in self._layouts)

    def close(self) -> None:
        """Release the file and the cache."""
        self._bytes.close()
        self._cache.clear()

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
        """Return a box inside a level, (H, W, 3) or with alpha (H, W, 4)."""
        if self._bytes.closed:
            raise ValueError("the slide was closed")
        shape = self._layouts[level]
        high, wide = shape.segment
        pixels = np.empty((*box.shape, shape.channels), np.uint8)
        for down in range(box.row // high, -(-box.bottom // high)):
            for across in range(box.col // wide, -(-box.right // wide)):
                tile = self._tile(level, down * shape.across + across)
                part = box.intersect(Box(down * high, across * wide, high, wide))
                inner = part.shift(-down * high, -across * wide)
                if inner.bottom > tile.shape[0] or inner.right > tile.shape[1]:
                    raise self._damaged(down * shape.across + across)
                pixels[part.shift(-box.row, -box.col).slices] = tile[inner.slices]
        return self._to_srgb(pixels) if self._to_srgb else pixels

    def _tile(self, level: int, index: int) -> NDArray[np.uint8]:
        def make() -> NDArray[np.uint8]:
            try:
                return self._decode(self._layouts[level], self._decoders[level], index)
            except _BROKEN as fault:
                raise self._damaged(index) from fault

        return self._cache.get((level, index), make)

    def _decode(
        self, shape: PageLayout, decode: Callable[..., Any], index: int
    ) -> NDArray[np.uint8]:
        if shape.raw_row_bytes:
            planes = [self._raw_rows(shape, index)]
        else:
            numbers = [plane * shape.segments + index for plane in range(shape.planes)]
            if not shape.counts[numbers].all():
                return np.zeros((*shape.segment, 4), np.uint8)
            planes = [
                decode(self._bytes.read(int(shape.offsets[at]), int(shape.counts[at])), at)[0][0]
                for at in numbers
            ]
        return _as_colour(planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2), shape)

    def _raw_rows(self, shape: PageLayout, index: int) -> NDArray[np.uint8]:
        first = index * shape.segment[0]
        rows = min(shape.segment[0], shape.shape[0] - first)
        start = int(shape.offsets[0]) + first * shape.raw_row_bytes
        data = self._bytes.read(start, rows * shape.raw_row_bytes)
        return np.frombuffer(data, np.uint8).reshape(rows, shape.shape[1], shape.samples)

    def _damaged(self, index: int) -> SlideOpenError:
        return SlideOpenError(
            f"{self._file} is damaged or truncated: tile {index} cannot be decoded.",
            slide=self._file,
        )


def _silence() -> None:
    # tifffile logs quirks of vendors' files; without a handler Python prints them to stderr.
    logger = logging.getLogger("tifffile")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _usable(pages: list[TiffPage], name: str) -> list[tuple[TiffPage, PageLayout]]:
    """Pair the pages with their layouts; a coarser level that cannot be read is left out."""
    usable = [(pages[0], layout(pages[0], name))]
    for page in pages[1:]:
        try:
            usable.append((page, layout(page, name)))
        except UnsupportedSlideError:
            continue
    return usable


def _decoder(page: TiffPage) -> Callable[..., Any]:
    """Return a function of (bytes, index) that needs the file no more."""
    decode: Callable[..., Any] = page.decode
    if page.jpegtables is None and page.jpegheader is None:
        return decode
    tables, header = page.jpegtables, page.jpegheader
    return lambda data, index: decode(data, index, jpegtables=tables, jpegheader=header)


def _as_colour(tile: NDArray[np.uint8], shape: PageLayout) -> NDArray[np.uint8]:
    """Bring a decoded segment to (H, W, channels) with unassociated alpha."""
    if shape.palette is not None:
        tile = shape.palette[tile[..., 0]]
    if shape.associated_alpha:
        alpha = np.maximum(tile[..., 3:], 1).astype(np.uint16)
        colours = np.minimum((tile[..., :3].astype(np.uint16) * 255 + alpha // 2) // alpha, 255)
        tile = np.concatenate([colours.astype(np.uint8), tile[..., 3:]], axis=2)
    if shape.channels == 4 and tile.shape[2] == 3:
        tile = np.concatenate([tile, np.full_like(tile[..., :1], 255)], axis=2)
    return tile
