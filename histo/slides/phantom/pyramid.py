"""Strips of pixels into a JPEG-tiled pyramidal TIFF that OpenSlide and tifffile open.

Memory grows with the slide's width only: each reduced level waits in a temporary file until the
level above it is written.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import tifffile
from numpy.typing import NDArray

from histo.errors import OutputError

__all__ = ["TILE_PX", "Progress", "box_mean", "write_pyramid"]

TILE_PX = 256
FACTOR = 4
SMALLEST_LEVEL_PX = 512
JPEG_QUALITY = 90

RGB = NDArray[np.uint8]
Progress = Callable[[int, int], None]


def write_pyramid(
    path: Path | str,
    strips: Iterable[RGB],
    shape: tuple[int, int],
    um_per_px: float,
    *,
    progress: Progress | None = None,
) -> None:
    """Write a slide whose level 0 comes in strips; the file is complete or absent.

    Each level is a quarter as wide as the one before, every pixel the rounded mean of 4 x 4.
    Chroma is not subsampled (4:4:4): eosin and haematoxylin differ in chroma first, fibres are
    2 px thin, and decoders differ in how they interpolate chroma, so that readers would disagree.

    Parameters
    ----------
    path
        File to write; an old one is replaced.
    strips
        Arrays (256, width, 3) from the top; only the last may have fewer rows.
    shape
        (height, width) of level 0.
    um_per_px
        Spacing of level 0.
    progress
        Called with (rows done, rows in all) after each strip of level 0.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    try:
        with _complete_or_absent(path) as unfinished, contextlib.ExitStack() as stack:
            writer = stack.enter_context(
                tifffile.TiffWriter(unfinished, bigtiff=_is_big(shape), byteorder="<")
            )
            if progress is not None:
                strips = _reported(strips, shape[0], progress)
            level = 0
            while True:
                reduced = stack.enter_context(tempfile.TemporaryFile(dir=path.parent))
                last = max(shape) <= SMALLEST_LEVEL_PX
                _write_level(writer, _kept(strips, reduced), shape, um_per_px, level)
                if last:
                    break
                shape = (-(-shape[0] // FACTOR), -(-shape[1] // FACTOR))
                strips = _reread(reduced, shape)
                um_per_px *= FACTOR
                level += 1
    except OSError as error:
        raise OutputError(
            f"{path.name} could not be written: {error.strerror or error}. "
            "Check that the folder exists, may be written to and has room."
        ) from error


def _write_level(
    writer: tifffile.TiffWriter,
    strips: Iterable[RGB],
    shape: tuple[int, int],
    um_per_px: float,
    level: int,
) -> None:
    px_per_cm = 1e4 / um_per_px
    writer.write(
        _tiles(strips),
        shape=(*shape, 3),
        dtype=np.uint8,
        tile=(TILE_PX, TILE_PX),
        photometric="rgb",
        subsampling=(1, 1),
        compression="jpeg",
        compressionargs={"level": JPEG_QUALITY},
        resolution=(px_per_cm, px_per_cm),
        resolutionunit="CENTIMETER",
        subfiletype=1 if level else 0,
        software="histo",
        metadata=None,
        maxworkers=1,
    )


def _tiles(strips: Iterable[RGB]) -> Iterator[RGB]:
    """Cut strips into whole tiles; those over the edge repeat the last pixel."""
    for strip in strips:
        height, width = strip.shape[:2]
        beyond = ((0, -height % TILE_PX), (0, -width % TILE_PX), (0, 0))
        whole = np.pad(strip, beyond, mode="edge") if any(map(any, beyond)) else strip
        for col in range(0, width, TILE_PX):
            yield np.ascontiguousarray(whole[:, col : col + TILE_PX])


def _reported(strips: Iterable[RGB], rows: int, progress: Progress) -> Iterator[RGB]:
    """Report a strip before passing it on: the writer never comes back after the last one."""
    done = 0
    for strip in strips:
        done += len(strip)
        progress(done, rows)
        yield strip


def _kept(strips: Iterable[RGB], reduced: IO[bytes]) -> Iterator[RGB]:
    """Pass strips on and leave them, reduced, in a file for the next level."""
    for strip in strips:
        reduced.write(box_mean(strip, FACTOR).tobytes())
        yield strip


def _reread(stored: IO[bytes], shape: tuple[int, int]) -> Iterator[RGB]:
    height, width = shape
    stored.seek(0)
    for row in range(0, height, TILE_PX):
        rows = min(TILE_PX, height - row)
        data = stored.read(rows * width * 3)
        yield np.frombuffer(data, np.uint8).reshape(rows, width, 3)


def box_mean(pixels: RGB, factor: int) -> RGB:
    """Return the mean of each ``factor`` x ``factor`` pixels, rounded half up.

    Where the size is no multiple, the last row and column are repeated.

    Examples
    --------
    >>> box_mean(np.array([[[0], [1]], [[1], [1]]], np.uint8), 2).item()
    1
    """
    height, width = pixels.shape[:2]
    beyond = ((0, -height % factor), (0, -width % factor), (0, 0))
    whole = np.pad(pixels, beyond, mode="edge") if any(map(any, beyond)) else pixels
    sums = sum(whole[row::factor].astype(np.uint16) for row in range(factor))
    sums = sum(np.asarray(sums)[:, col::factor] for col in range(factor))
    half = np.uint16(factor * factor // 2)
    return ((np.asarray(sums) + half) // np.uint16(factor * factor)).astype(np.uint8)


def _is_big(shape: tuple[int, int]) -> bool:
    """Classic TIFF ends at 4 GiB; JPEG at this quality never needs 3 bytes a pixel."""
    return shape[0] * shape[1] * 3 > 2**32


@contextlib.contextmanager
def _complete_or_absent(path: Path) -> Iterator[Path]:
    """Lend a temporary name beside ``path`` that becomes ``path`` if all goes well."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
