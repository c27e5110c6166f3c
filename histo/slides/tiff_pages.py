"""Which pages of a TIFF are the slide's levels, and whether their pixels can be scored.

Only the tags of other pages (label, macro, thumbnail) are looked at, never their pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TIFF, TiffFile, TiffPage

from histo.errors import SlideOpenError, UnsupportedSlideError

__all__ = ["IndirectError", "PageLayout", "layout", "level_pages"]

_JPEG = {6, 7, 34892, 33007}
# Codecs that hold a whole image and hand out RGB whatever the tag says: JPEG 2000, Aperio's
# RGB flavour of it, WebP, JPEG XL.
_SELF_DESCRIBING = _JPEG | {34712, 33005, 34933, 50001, 34927, 50002, 52546}
_APERIO_YCBCR = 33003
_RGB, _PALETTE, _YCBCR = 2, 3, 6
_ASSOCIATED, _UNASSOCIATED = 1, 2
_SIDE_IMAGES = ("label", "macro", "overview", "thumbnail")
_LARGEST_SEGMENT_BYTES = 1 << 30
_RAW_ROWS = 256


class IndirectError(SlideOpenError):
    """The tiles cannot be decoded one by one; OpenSlide may still read the file."""


@dataclass(frozen=True)
class PageLayout:
    """How the pixels of a level lie in the file.

    Attributes
    ----------
    shape
        (height, width) in pixels.
    segment
        (height, width) of a tile or strip.
    samples
        Values per pixel in the file.
    planes
        1, or 3 or 4 where the colours are stored apart.
    offsets, counts
        ndarray of int64, shape (planes * segments,): where the bytes of each segment are; a
        count of 0 is a segment that was never scanned.
    associated_alpha
        Whether colours are stored multiplied by alpha.
    palette
        ndarray of uint8, shape (256, 3), or None.
    raw_row_bytes
        Bytes per row where the page is one uncompressed run of rows, else 0.
    """

    shape: tuple[int, int]
    segment: tuple[int, int]
    samples: int
    planes: int
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    associated_alpha: bool
    palette: NDArray[np.uint8] | None
    raw_row_bytes: int

    @property
    def across(self) -> int:
        """Segments side by side."""
        return ceil(self.shape[1] / self.segment[1])

    @property
    def segments(self) -> int:
        """Segments of one plane."""
        return self.across * ceil(self.shape[0] / self.segment[0])

    @cached_property
    def channels(self) -> int:
        """3, or 4 where pixels can be transparent or missing."""
        return 4 if self.samples == 4 or not self.counts.all() else 3

    @property
    def end(self) -> int:
        """First byte after the level's last segment."""
        return int((self.offsets + self.counts).max(initial=0))


def level_pages(tiff: TiffFile) -> list[TiffPage]:
    """Return the pages of the pyramid, finest first.

    They are the first page and its SubIFDs (OME-TIFF) or, where it has none, the later pages
    that are reductions of it: tiled alike and of the same aspect to a pixel.
    """
    first = tiff.pages.first
    others: Iterable[Any] = (first.pages or ()) if first.subifds else tiff.pages[1:]
    levels = [first]
    for page in sorted(others, key=lambda page: -page.imagewidth):
        if isinstance(page, TiffPage) and _reduces(first, levels[-1], page):
            levels.append(page)
    return levels


def _reduces(first: TiffPage, finer: TiffPage, page: TiffPage) -> bool:
    words = page.description[:200].lower()
    return bool(
        page.is_tiled == first.is_tiled
        and page.samplesperpixel == first.samplesperpixel
        and page.bitspersample == first.bitspersample
        and 0 < page.imagewidth < finer.imagewidth
        and 0 < page.imagelength <= finer.imagelength
        and not any(word in words for word in _SIDE_IMAGES)
        and _same_aspect(first, page)
    )


def _same_aspect(first: TiffPage, page: TiffPage) -> bool:
    # One factor has to explain both sides to 1.5 px: each halving may drop an odd last row.
    lowest = max(
        first.imagewidth / (page.imagewidth + 1.5), first.imagelength / (page.imagelength + 1.5)
    )
    highest = min(
        first.imagewidth / max(page.imagewidth - 1.5, 0.5),
        first.imagelength / max(page.imagelength - 1.5, 0.5),
    )
    return bool(lowest <= highest)


def layout(page: TiffPage, name: str) -> PageLayout:
    """Describe a page that can be scored.

    Raises
    ------
    UnsupportedSlideError
        If its pixels are not 8-bit colour.
    IndirectError
        If there is no codec for its compression.
    SlideOpenError
        If its size or its table of segments is broken.
    """
    segment = _segment_shape(page)
    if min(page.imagelength, page.imagewidth, *segment) < 1:
        raise SlideOpenError(f"{name} is damaged: a page of it has no pixels.", slide=name)
    if segment[0] * segment[1] * page.samplesperpixel > _LARGEST_SEGMENT_BYTES:
        raise UnsupportedSlideError(
            f"{name} is stored in one piece too large to read; save it as a tiled TIFF.", slide=name
        )
    _require_codec(page, name)
    _require_colour(page, name)
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    raw = _is_raw(page)
    found = PageLayout(
        shape=(page.imagelength, page.imagewidth),
        segment=(min(_RAW_ROWS, page.imagelength), page.imagewidth) if raw else segment,
        samples=page.samplesperpixel,
        planes=planes,
        offsets=np.asarray(page.dataoffsets, np.int64),
        counts=np.asarray(page.databytecounts, np.int64),
        associated_alpha=page.samplesperpixel == 4 and page.extrasamples[0] == _ASSOCIATED,
        palette=_palette(page) if page.photometric == _PALETTE else None,
        raw_row_bytes=page.imagewidth * page.samplesperpixel if raw else 0,
    )
    expected = len(found.offsets) if raw else found.segments * planes
    if len(found.offsets) != len(found.counts) or len(found.offsets) < expected:
        raise SlideOpenError(f"{name} is damaged: its table of tiles is incomplete.", slide=name)
    return found


def _segment_shape(page: TiffPage) -> tuple[int, int]:
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip or page.imagelength, page.imagelength), page.imagewidth


def _is_raw(page: TiffPage) -> bool:
    return not page.is_tiled and page.planarconfig == 1 and bool(page.is_contiguous)


def _palette(page: TiffPage) -> NDArray[np.uint8]:
    colours = np.asarray(page.colormap, np.uint16).T
    # The format asks for 16-bit colours; some writers store 8-bit ones.
    return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)


def _require_codec(page: TiffPage, name: str) -> None:
    known = page.compression == 1 or page.compression in TIFF.DECOMPRESSORS
    if not known or page.compression == _APERIO_YCBCR:
        kind = getattr(page.compression, "name", str(page.compression))
        raise IndirectError(f"{name} is compressed as {kind}, which has no decoder.", slide=name)


def _require_colour(page: TiffPage, name: str) -> None:
    fault = _colour_fault(page)
    if fault:
        raise UnsupportedSlideError(f"{name} {fault}", slide=name)


def _colour_fault(page: TiffPage) -> str:
    """Why the page cannot be scored, or ""."""
    samples, photometric = page.samplesperpixel, page.photometric
    orientation = page.tags.valueof(274, 1)
    if page.dtype is None or page.dtype != np.uint8 or page.bitspersample != 8:
        # Not converted: 16-bit scans rarely fill 16 bits, and the file does not say how many.
        return f"has {page.bitspersample} bits a sample; export it as 8-bit RGB."
    if orientation in range(2, 9):
        return f"is stored turned or mirrored (TIFF orientation {orientation}); save it upright."
    if page.imagedepth > 1:
        return "is a volume; histo reads single sections."
    if samples == 1 and photometric == _PALETTE:
        return ""
    if samples == 1:
        return "is grey, one channel a plane; stroma is scored on 8-bit RGB brightfield slides."
    if samples == 3 and _is_rgb(page):
        return ""
    if (
        samples == 4
        and photometric == _RGB
        and page.extrasamples[:1]
        in (
            (_ASSOCIATED,),
            (_UNASSOCIATED,),
        )
    ):
        return ""
    kind = getattr(photometric, "name", str(photometric))
    return f"has {samples} channels ({kind}); stroma is scored on 8-bit RGB brightfield slides."


def _is_rgb(page: TiffPage) -> bool:
    if page.photometric == _RGB:
        return True
    return page.photometric == _YCBCR and page.compression in _SELF_DESCRIBING
