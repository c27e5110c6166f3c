"""Reading a slide by µm/px: which level, which of its pixels, in which blocks."""

from collections.abc import Sequence
from math import ceil, isqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.slides.resample import plan_axis, resample

__all__ = ["choose_level", "frame_shape", "native_spacing", "read_resampled"]

# A level 1 % coarser than wanted serves: the loss is below what any scanner resolves.
_COARSER_SLACK = 1.01
_BLOCK_PX = 1 << 23
# Tall blocks: tiles shared with the block on the right are still in the cache.
_BLOCK_ASPECT = 4


class _Level(Protocol):
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def downsample(self) -> tuple[float, float]: ...


class _Readable(Protocol):
    """What reading needs of a slide; spelled out here so that this module knows no reader."""

    @property
    def levels(self) -> Sequence[_Level]: ...
    @property
    def spacing(self) -> Spacing: ...
    def read_level(self, level: int, box: Box) -> NDArray[np.uint8]: ...


def choose_level(slide: _Readable, wanted: Spacing) -> int:
    """Return the coarsest level not coarser than wanted (1 % slack); 0 where all are coarser."""
    base = slide.spacing
    fine = [
        index
        for index, level in enumerate(slide.levels)
        if base.row * level.downsample[0] <= wanted.row * _COARSER_SLACK
        and base.col * level.downsample[1] <= wanted.col * _COARSER_SLACK
    ]
    return max(fine, key=lambda index: slide.levels[index].downsample[0], default=0)


def read_resampled(slide: _Readable, box: Box, um_per_px: float | Spacing) -> NDArray[np.uint8]:
    """Read any box of the frame at a spacing.

    The best level is read on its own pixel grid and averaged over each output pixel's footprint,
    in blocks, so that a big view at low power needs little memory beyond itself.

    Parameters
    ----------
    slide
        Anything with levels, a spacing and ``read_level``.
    box
        In pixels of the frame, whose origin is the slide's.
    um_per_px
        Size of the frame's pixels; a float means square ones.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Past the slide's edges filled with its glass. Finer than level 0: interpolated linearly.

    Raises
    ------
    SpacingError
        If the slide has no µm/px.
    """
    wanted = _as_spacing(um_per_px)
    level = choose_level(slide, wanted)
    base, down = slide.spacing, slide.levels[level].downsample
    scale = wanted.row / (base.row * down[0]), wanted.col / (base.col * down[1])
    if max(scale) ** 2 > _BLOCK_PX:
        # One output pixel would outgrow a block: average a finer view, which is the same number.
        return _read_in_two_steps(slide, box, wanted)
    high, wide = _block_shape(box, scale)
    if (high, wide) == box.shape:
        return _read_block(slide, level, box, scale)
    view = np.empty((*box.shape, 3), np.uint8)
    for strip in box.strips(high):
        for col in range(strip.col, strip.right, wide):
            part = Box(strip.row, col, strip.height, min(wide, strip.right - col))
            view[part.shift(-box.row, -box.col).slices] = _read_block(slide, level, part, scale)
    return view


def _as_spacing(um_per_px: float | Spacing) -> Spacing:
    return um_per_px if isinstance(um_per_px, Spacing) else Spacing(um_per_px, um_per_px)


def _block_shape(box: Box, scale: tuple[float, float]) -> tuple[int, int]:
    budget = max(1.0, _BLOCK_PX / max(1.0, scale[0] * scale[1]))
    if box.height * box.width <= budget:
        return box.shape
    wide = min(box.width, max(1, isqrt(int(budget / _BLOCK_ASPECT))))
    return max(1, min(box.height, int(budget / wide))), wide


def _read_block(
    slide: _Readable, level: int, box: Box, scale: tuple[float, float]
) -> NDArray[np.uint8]:
    if not box:
        return np.empty((*box.shape, 3), np.uint8)
    rows = plan_axis(box.row, box.height, scale[0])
    cols = plan_axis(box.col, box.width, scale[1])
    source = Box(rows.first, cols.first, rows.length, cols.length)
    return resample(slide.read_level(level, source), rows, cols)


def _read_in_two_steps(slide: _Readable, box: Box, wanted: Spacing) -> NDArray[np.uint8]:
    step = 64
    finer = Box(box.row * step, box.col * step, step, step)
    view = np.empty((*box.shape, 3), np.uint8)
    for row, col in np.ndindex(box.shape):
        part = read_resampled(slide, finer.shift(row * step, col * step), wanted.scaled(1 / step))
        view[row, col] = np.rint(part.mean(axis=(0, 1)))
    return view


def frame_shape(
    shape: tuple[int, int], spacing: Spacing, um_per_px: float | Spacing
) -> tuple[int, int]:
    """Return (height, width) of a slide of that shape and spacing in pixels of another spacing.

    Examples
    --------
    >>> frame_shape((101, 200), Spacing(0.25, 0.25), 0.5)
    (51, 100)
    """
    wanted = _as_spacing(um_per_px)
    # A millionth of a pixel is rounding, not a further row.
    return (
        max(1, ceil(shape[0] * spacing.row / wanted.row - 1e-6)),
        max(1, ceil(shape[1] * spacing.col / wanted.col - 1e-6)),
    )


def native_spacing(slide: _Readable, um_per_px: float, tolerance: float = 0.03) -> Spacing:
    """Return the whole multiple of a level's spacing nearest to the wanted one.

    Reading at it averages whole pixels: no interpolation, no blur, and the fastest way.

    Parameters
    ----------
    slide
        The slide to read.
    um_per_px
        Wanted spacing.
    tolerance
        How far either axis may be off, as a fraction of the wanted spacing.

    Returns
    -------
    Spacing
        The wanted one, square, where no multiple is near enough.
    """
    base = slide.spacing
    candidates = [
        Spacing(base.row * row * times, base.col * col * times, base.source)
        for row, col in (level.downsample for level in slide.levels)
        if (times := round(um_per_px / (base.mean * (row * col) ** 0.5))) >= 1
    ]
    near = [
        spacing
        for spacing in candidates
        if max(abs(spacing.row / um_per_px - 1), abs(spacing.col / um_per_px - 1)) <= tolerance
    ]
    exact = Spacing(um_per_px, um_per_px, base.source)
    return min(near, key=lambda spacing: abs(spacing.mean / um_per_px - 1), default=exact)
