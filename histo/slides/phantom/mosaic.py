"""A large slide laid out of real pictures, for measuring speed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from histo.slides.phantom.noise import hash_uniform
from histo.slides.phantom.pyramid import TILE_PX, Progress, write_pyramid

__all__ = ["write_mosaic"]

RGB = NDArray[np.uint8]


def write_mosaic(
    path: Path | str,
    images: Sequence[RGB],
    shape: tuple[int, int],
    um_per_px: float,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Cover a slide with pictures, each drawn at random, turned and mirrored.

    Parameters
    ----------
    path
        File to write, complete or absent.
    images
        Pictures (H, W, 3) of uint8. Cells are squares as wide as the smallest side among them; of a
        larger picture the upper-left square is used.
    shape
        (height, width) of level 0 in pixels.
    um_per_px
        Spacing of level 0.
    seed
        Which layout.
    progress
        Called with (rows done, rows in all) after each strip.

    Raises
    ------
    ValueError
        If there is no picture, or one is not uint8 RGB.
    OutputError
        If the file cannot be written.
    """
    if not images:
        raise ValueError("a mosaic needs at least one picture")
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                f"a picture is uint8 of shape (H, W, 3), found {image.dtype} {image.shape}"
            )
    side = min(min(image.shape[:2]) for image in images)
    squares = [image[:side, :side] for image in images]
    write_pyramid(path, _strips(squares, shape, seed), shape, um_per_px, progress=progress)


def _strips(squares: Sequence[RGB], shape: tuple[int, int], seed: int) -> Iterator[RGB]:
    """Yield strips of 256 rows; one row of cells is laid out at a time."""
    height, width = shape
    side = len(squares[0])
    waiting = np.empty((0, width, 3), np.uint8)
    for cell_row in range(-(-height // side)):
        waiting = np.concatenate([waiting, _cell_row(squares, cell_row, width, seed)])
        bottom = min(height, (cell_row + 1) * side)
        waiting = waiting[: len(waiting) - ((cell_row + 1) * side - bottom)]
        while len(waiting) >= TILE_PX:
            yield waiting[:TILE_PX]
            waiting = waiting[TILE_PX:]
    if len(waiting):
        yield waiting


def _cell_row(squares: Sequence[RGB], cell_row: int, width: int, seed: int) -> RGB:
    side = len(squares[0])
    cols = np.arange(-(-width // side), dtype=np.int64)
    rows = np.full_like(cols, cell_row)
    choices = (hash_uniform(seed, 1, rows, cols) * len(squares)).astype(int)
    turns = (hash_uniform(seed, 2, rows, cols) * 8).astype(int)
    cells = [_turned(squares[choice], turn) for choice, turn in zip(choices, turns, strict=True)]
    return np.concatenate(cells, axis=1)[:, :width]


def _turned(square: RGB, turn: int) -> RGB:
    """One of the eight ways to lay a square."""
    quarter = np.rot90(square, turn % 4)
    return quarter[:, ::-1] if turn >= 4 else quarter
