"""Maps made smaller for pictures and outlines: the share of each coarse pixel that is covered."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.scoring import ComponentProbabilities, TissueMasks, measurable_in_frame, uint8_threshold

__all__ = ["Frame", "component_coverage", "mask_coverage"]

_STRIP_PX = 1 << 20


@dataclass(frozen=True)
class Frame:
    """A frame over the whole slide: its size and µm/px."""

    shape: tuple[int, int]
    spacing: Spacing


def component_coverage(
    component_map: ComponentProbabilities,
    index: int,
    threshold: float,
    tissue_map: TissueMasks,
    frame: Frame,
) -> NDArray[np.float32]:
    """Return how much of each pixel of a frame a component covers, 0 to 1.

    Covered is measurable tissue at or above the threshold: what the scores count. The map is
    read in strips of rows, so that it may be larger than memory.

    Returns
    -------
    ndarray of float32, shape ``frame.shape``
    """
    level = uint8_threshold(threshold)
    plane, spacing = component_map.probability[index], component_map.spacing

    def strips() -> Iterator[NDArray[np.bool_]]:
        height, width = plane.shape
        for strip in Box(0, 0, height, width).strips(max(1, _STRIP_PX // width)):
            measurable = measurable_in_frame(tissue_map, spacing, strip)
            yield (plane[strip.row : strip.bottom] >= level) & measurable

    return _averaged(strips(), plane.shape, spacing, frame)


def mask_coverage(mask: NDArray[np.bool_], spacing: Spacing, frame: Frame) -> NDArray[np.float32]:
    """Return how much of each pixel of a frame a mask covers, 0 to 1."""
    return _averaged(iter([mask]), mask.shape, spacing, frame)


def _averaged(
    strips: Iterator[NDArray[np.bool_]], shape: tuple[int, ...], spacing: Spacing, frame: Frame
) -> NDArray[np.float32]:
    """Average strips into the pixels of a coarser frame; of a finer one, look them up."""
    row_ratio, col_ratio = frame.spacing.row / spacing.row, frame.spacing.col / spacing.col
    rows = _targets(shape[0], row_ratio, frame.shape[0])
    cols = _targets(shape[1], col_ratio, frame.shape[1])
    total = np.zeros((rows[-1] + 1, cols[-1] + 1), np.float32)
    starts = np.flatnonzero(np.diff(cols, prepend=-1))
    row = 0
    for strip in strips:
        sums = np.add.reduceat(strip, starts, axis=1, dtype=np.float32)
        inner = rows[row : row + len(strip)]
        firsts = np.flatnonzero(np.diff(inner, prepend=-1))
        total[inner[firsts]] += np.add.reduceat(sums, firsts, axis=0)
        row += len(strip)
    total /= np.bincount(rows)[:, None] * np.bincount(cols)[None, :]
    up = _sources(frame.shape[0], row_ratio, total.shape[0])
    across = _sources(frame.shape[1], col_ratio, total.shape[1])
    averaged: NDArray[np.float32] = total[up][:, across]
    return averaged


def _targets(count: int, ratio: float, frame_count: int) -> NDArray[np.intp]:
    """Return the frame pixel each source pixel is averaged into; its own where frame is finer."""
    centres = (np.arange(count) + 0.5) / max(ratio, 1.0)
    return np.minimum(centres.astype(np.intp), frame_count - 1 if ratio >= 1 else count - 1)


def _sources(frame_count: int, ratio: float, count: int) -> NDArray[np.intp]:
    """Return the averaged pixel under each frame pixel."""
    centres = (np.arange(frame_count) + 0.5) * min(ratio, 1.0)
    return np.minimum(centres.astype(np.intp), count - 1)
