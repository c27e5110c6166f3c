"""Label images: PNG, and TIFF pyramids far larger than memory, looked up pixel by pixel."""

import logging
import warnings
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from histo.errors import AnnotationError

__all__ = ["ImageMask", "MaskFile", "TiffMask", "open_mask"]

_SILENCE = logging.NullHandler()
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LARGEST_MPX = 400
_LARGEST_SEGMENT_BYTES = 1 << 30
_WHOLE = {"b", "i", "u"}  # kinds of whole numbers
_LOSSY = {6, 7, 33003, 33005, 33007, 34712, 34892, 34933, 50001}  # JPEG, JPEG 2000, JPEG XR, WebP
# What parsing or decoding hostile bytes can raise; the codecs' errors are RuntimeErrors.
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


class MaskFile(Protocol):
    """A raster of class values, at one or several resolutions."""

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of each level, the finest first."""

    @property
    def is_colour(self) -> bool:
        """Whether values are colours, ``0xRRGGBB``."""

    def gather(
        self, level: int, rows: NDArray[np.intp], cols: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """Return the values at each of some rows and columns, both ascending."""


@dataclass(frozen=True)
class ImageMask:
    """An image held in memory."""

    values: NDArray[Any]
    is_colour: bool

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The one level."""
        return ((self.values.shape[0], self.values.shape[1]),)

    def gather(
        self, level: int, rows: NDArray[np.intp], cols: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """Return the values at some rows and columns; see `MaskFile`."""
        del level
        return _packed(self.values[rows[:, None], cols])


@dataclass(frozen=True)
class _Page:
    """Where the pixels of one level lie."""

    shape: tuple[int, int]
    segment: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    samples: int
    dtype: np.dtype[Any]
    decode: Any


class TiffMask:
    """A TIFF, read tile by tile; holds no open file, so it may be forked and pickled."""

    def __init__(self, path: Path) -> None:
        from tifffile import TiffFile, TiffFileError  # 90 ms, for those who have such masks

        from histo.slides.tiff_pages import level_pages

        self._path = path
        # tifffile logs quirks of files; without a handler Python prints them to stderr.
        logging.getLogger("tifffile").addHandler(_SILENCE)
        try:
            with TiffFile(path) as tiff:
                pages = level_pages(tiff)
                self._pages = tuple(_page(page, path.name) for page in pages)
        except (*_BROKEN, TiffFileError) as fault:
            raise AnnotationError(f"{path.name} is no TIFF, or a damaged one.") from fault
        self.shapes = tuple(page.shape for page in self._pages)
        self.is_colour = self._pages[0].samples >= 3

    def __reduce__(self) -> tuple[type["TiffMask"], tuple[Path]]:
        return TiffMask, (self._path,)  # decoders do not pickle

    def gather(
        self, level: int, rows: NDArray[np.intp], cols: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """Return the values at some rows and columns; see `MaskFile`."""
        page = self._pages[level]
        values = np.zeros((len(rows), len(cols)), np.int64)
        high, wide = page.segment
        across = ceil(page.shape[1] / wide)
        try:
            with self._path.open("rb") as file:
                for down, row_part in _runs(rows, high):
                    for right, col_part in _runs(cols, wide):
                        tile = _tile(page, file, down * across + right)
                        if tile is not None:
                            here = (
                                rows[row_part][:, None] - down * high,
                                cols[col_part] - right * wide,
                            )
                            values[row_part, col_part] = _packed(tile[here])
        except _BROKEN as fault:
            raise AnnotationError(f"{self._path.name} is damaged or truncated.") from fault
        return values


def open_mask(path: Path, head: bytes) -> MaskFile:
    """Open a label image by its first bytes.

    Palette images give their indices, RGB images their colours, one channel its values.

    Raises
    ------
    AnnotationError
        If it is damaged, too large to be read whole, or compressed with loss.
    """
    return TiffMask(path) if head.startswith(_TIFF) else _image(path)


def _image(path: Path) -> ImageMask:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=("PNG", "BMP")) as image:
                if image.width * image.height > _LARGEST_MPX * 1_000_000:
                    raise AnnotationError(
                        f"{path.name} has more than {_LARGEST_MPX} megapixels; save it as a tiled "
                        "TIFF."
                    )
                plain = image.convert("L") if image.mode == "LA" else image
                colour = plain.mode in {"RGB", "RGBA"}
                values = np.asarray(plain.convert("RGB") if colour else plain)
        except (*_BROKEN, Image.DecompressionBombError) as fault:
            raise AnnotationError(f"{path.name} is damaged or no PNG.") from fault
    if values.dtype.kind not in _WHOLE:
        raise AnnotationError(f"{path.name} holds no whole numbers; save classes as 8 or 16 bit.")
    return ImageMask(values, colour)


def _page(page: Any, name: str) -> _Page:
    if page.compression in _LOSSY:
        raise AnnotationError(
            f"{name} is compressed with loss, which mixes classes; save it as LZW or Deflate."
        )
    if page.dtype is None or page.dtype.kind not in _WHOLE or page.planarconfig == 2:
        raise AnnotationError(f"{name} holds no whole numbers; save classes as 8 or 16 bit.")
    if page.is_tiled:
        segment = page.tilelength, page.tilewidth
    else:
        rows = min(page.rowsperstrip or page.imagelength, page.imagelength)
        segment = rows, page.imagewidth
    if min(page.imagelength, page.imagewidth, *segment) < 1:
        raise AnnotationError(f"{name} is damaged: a page of it has no pixels.")
    if segment[0] * segment[1] * page.samplesperpixel > _LARGEST_SEGMENT_BYTES:
        raise AnnotationError(f"{name} is stored in one piece too large; save it as a tiled TIFF.")
    if len(page.dataoffsets) < ceil(page.imagelength / segment[0]) * ceil(
        page.imagewidth / segment[1]
    ):
        raise AnnotationError(f"{name} is damaged: its table of tiles is incomplete.")
    return _Page(
        shape=(page.imagelength, page.imagewidth),
        segment=segment,
        offsets=tuple(page.dataoffsets),
        counts=tuple(page.databytecounts),
        samples=page.samplesperpixel,
        dtype=page.dtype,
        decode=page.decode,
    )


def _tile(page: _Page, file: Any, index: int) -> NDArray[Any] | None:
    """Return a decoded segment, (H, W) or (H, W, samples); None where nothing was written."""
    if not page.counts[index]:
        return None
    file.seek(page.offsets[index])
    tile = page.decode(file.read(page.counts[index]), index)[0]
    if tile is None:
        return None
    plane: NDArray[Any] = tile[0]
    return plane[..., 0] if page.samples < 3 else plane


def _runs(indices: NDArray[np.intp], length: int) -> list[tuple[int, slice]]:
    """Return, for ascending indices, each segment of that length and the part within it."""
    segments = indices // length
    starts = np.flatnonzero(np.diff(segments, prepend=-1))
    stops = np.append(starts[1:], len(indices))
    return [
        (int(segments[start]), slice(int(start), int(stop)))
        for start, stop in zip(starts, stops, strict=True)
    ]


def _packed(values: NDArray[Any]) -> NDArray[np.int64]:
    whole = values.astype(np.int64)
    return whole if whole.ndim == 2 else whole[..., 0] << 16 | whole[..., 1] << 8 | whole[..., 2]
