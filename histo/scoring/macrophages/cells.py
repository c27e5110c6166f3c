"""Cells from a probability map: one point for each peak, however the map is cut into blocks.

Blocks are read with a margin, so that smoothing and the comparison with neighbours see what
they would see in the whole map. Flat tops are joined across the seams and measured once.
Which of two peaks too close to each other stays is decided last, over all points at once. So
the cells do not depend on the size of the blocks, and memory holds one block and the points.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label
from scipy.spatial import KDTree

from histo.geometry import Box, Spacing
from histo.scoring.macrophages.plateaus import Plateaus, join_plateaus

__all__ = ["CENTRES", "CellSettings", "Cells", "blocks", "find_cells", "smoothed_levels"]

LEVELS = 65_280
# Smoothed probability 1.0 as uint16: 255 * 256, so that unsmoothed uint8 maps stay exact. Steps
# this fine hide the last bits of a float, by which a map and its mirror image would differ.
_TRUNCATE = 3.0


@dataclass(frozen=True)
class CellSettings:
    """When a peak of the map is a cell.

    Attributes
    ----------
    threshold
        Smallest smoothed probability of a peak, in (0, 1].
    sigma_um
        Standard deviation of the Gaussian that smooths the map, µm; 0 for none. Saturated maps
        need it to tell touching cells apart: annotated macrophages that touch are parted from
        3 µm on. It lowers small cells: a disc of 60 µm² keeps 0.65 of its height at 3 µm, 0.45 at
        4 µm. Nuclei, half as wide, want about 1 µm, and 4 µm between peaks.
    min_distance_um
        Of two peaks closer than this the lower is dropped. The default is the diameter of a
        disc of 50 µm², less than the smallest profile expected of a macrophage (60 µm²).
    reach_um
        No pixel further than this from its peak belongs to the cell, µm; 500 µm², the largest
        profile expected, is a disc of radius 12.6 µm.
    """

    threshold: float = 0.5
    sigma_um: float = 3.0
    min_distance_um: float = 8.0
    reach_um: float = 15.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"a threshold is above 0 and at most 1, found {self.threshold}")
        if min(self.sigma_um, self.min_distance_um, self.reach_um) < 0:
            raise ValueError("distances are 0 µm or more")


CENTRES = CellSettings(sigma_um=1.0, min_distance_um=5.0)
"""For a map of centres (a peak of about 2 µm a nucleus), where cells need no parting."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Detected cells, in order of row, then column.

    Attributes
    ----------
    points
        ndarray of float64, shape (N, 2): (row, col) in pixels of the map; the centre of pixel
        (r, c) is (r + 0.5, c + 0.5). A flat top is given at its centroid.
    probability
        ndarray of float64, shape (N,): smoothed map at the peak, 0 to 1.
    """

    points: NDArray[np.float64]
    probability: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.points)

    def select(self, keep: NDArray[np.bool_]) -> "Cells":
        """Return the cells where ``keep``, shape (N,), is true."""
        return Cells(self.points[keep], self.probability[keep])

    def in_box(self, box: Box) -> "Cells":
        """Return the cells whose centre lies in the box; boxes that tile share no cell."""
        row, col = self.points.T
        inside = (row >= box.row) & (row < box.bottom) & (col >= box.col) & (col < box.right)
        return self.select(inside)


def find_cells(
    probability: NDArray[np.number],
    spacing: Spacing,
    settings: CellSettings | None = None,
    *,
    block_px: int = 1024,
) -> Cells:
    """Find the peaks of a probability map.

    A peak is a regional maximum of the smoothed map (8-connected pixels of one level with no
    higher neighbour) at or above the threshold. Peaks are then taken from the highest down,
    each dropping the lower ones within the minimal distance; of equal ones the broader wins,
    then the upper, then the left one.

    Parameters
    ----------
    probability
        ndarray of uint8 (255 = 1.0) or float (0 to 1), shape (H, W); may be a memmap larger than
        memory. NaN counts as 0: nothing was seen there.
    spacing
        µm/px of the map.
    settings
        Threshold and distances; None takes the defaults.
    block_px
        Side of the blocks the map is read in; the cells do not depend on it.

    Raises
    ------
    ValueError
        If the map is not 2-D, or neither uint8 nor float.

    Examples
    --------
    >>> field = np.zeros((40, 40), np.uint8)
    >>> field[6:15, 6:15] = field[18:27, 28:37] = 255
    >>> find_cells(field, Spacing(1.0, 1.0)).points.tolist()
    [[10.5, 10.5], [22.5, 32.5]]
    """
    settings = settings or CellSettings()
    found = [
        _tops_of_block(probability, box, spacing, settings)
        for box in blocks(probability.shape, block_px)
    ]
    tops = join_plateaus(found, probability.shape[1])
    keep = _highest_first(tops, spacing, settings.min_distance_um)
    return Cells(tops.centroids[keep], tops.level[keep] / LEVELS)


def blocks(shape: tuple[int, ...], block_px: int) -> Iterator[Box]:
    """Cut a frame of that (height, width) into boxes of at most that side.

    Raises
    ------
    ValueError
        If the frame is not 2-D or the side is not positive.
    """
    if len(shape) != 2 or block_px < 1:
        raise ValueError(f"expected a 2-D map and a block of 1 px or more, found {shape}")
    yield from Box(0, 0, *shape).blocks(block_px, block_px)


def smoothed_levels(
    probability: NDArray[np.number], box: Box, spacing: Spacing, sigma_um: float
) -> NDArray[np.uint16]:
    """Return a box of the map, smoothed, in levels of 1/65,280.

    The same for a box as for the whole map: the Gaussian, cut at 3 σ, reads beyond the box.

    Parameters
    ----------
    probability
        As in :func:`find_cells`.
    box
        Pixels of the map; inside it.
    spacing
        µm/px of the map.
    sigma_um
        Standard deviation of the Gaussian, µm.
    """
    sigma = (sigma_um / spacing.row, sigma_um / spacing.col)
    reach = int(_TRUNCATE * max(sigma) + 0.5)
    read = box.pad(reach).intersect(Box(0, 0, *probability.shape))
    level = _as_levels(probability[read.slices])
    if reach and level.any():
        # 'nearest': a cell cut by the edge of the slide keeps its height there.
        level = gaussian_filter(level, sigma, mode="nearest", truncate=_TRUNCATE)
    inner = level[box.shift(-read.row, -read.col).slices]
    return np.rint(inner).astype(np.uint16)


def _as_levels(values: NDArray[np.number]) -> NDArray[np.float32]:
    if values.dtype == np.uint8:
        return values.astype(np.float32) * np.float32(LEVELS / 255)
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(f"a probability map is uint8 or float, found {values.dtype}")
    known = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.clip(known, 0.0, 1.0) * np.float32(LEVELS)


def _tops_of_block(
    probability: NDArray[np.number], box: Box, spacing: Spacing, settings: CellSettings
) -> Plateaus:
    """Pieces of flat tops in one block; a piece knows whether it turned out to be a shoulder."""
    read = box.pad(2).intersect(Box(0, 0, *probability.shape))
    level = smoothed_levels(probability, read, spacing, settings.sigma_um)
    cut = max(1, int(np.ceil(settings.threshold * LEVELS - 1e-6)))
    top = (level >= cut) & (level == _highest_of_nine(level))
    # A flat step on a slope is no peak: at its upper rim a pixel of its own level has a higher
    # neighbour and so is no top.
    shoulder = top & (_highest_of_nine(np.where(top, 0, level)) == level)
    core = box.shift(-read.row, -read.col).slices
    pieces, _ = label(top[core], np.ones((3, 3), bool))
    rows, cols = np.nonzero(pieces)
    return Plateaus.of_pixels(
        pieces[rows, cols] - 1,
        np.column_stack([rows + box.row, cols + box.col]),
        level[core][rows, cols],
        shoulder[core][rows, cols],
        box,
    )


def _highest_of_nine(level: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Maximum over a pixel and its eight neighbours; nothing lies beyond the edge."""
    padded = np.pad(level, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    highest: NDArray[np.uint16] = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return highest


def _highest_first(tops: Plateaus, spacing: Spacing, distance_um: float) -> NDArray[np.bool_]:
    """Keep each top that no kept, higher one is closer to than the distance: shape (N,)."""
    count = len(tops.level)
    order = np.lexsort((np.arange(count), -tops.pixels, -tops.level.astype(np.int64)))
    rank = np.empty(count, np.intp)
    rank[order] = np.arange(count)
    keep, open_ = np.zeros(count, bool), np.ones(count, bool)
    pairs = _close_pairs(tops.centroids * spacing.pair, distance_um)
    swap = rank[pairs[:, 0]] > rank[pairs[:, 1]]
    pairs[swap] = pairs[swap, ::-1]
    while open_.any():
        # All tops without a higher open neighbour at once: the same as one after the other.
        beaten = np.zeros(count, bool)
        beaten[pairs[:, 1]] = True
        winners = open_ & ~beaten
        keep |= winners
        open_ &= ~winners
        open_[pairs[winners[pairs[:, 0]], 1]] = False
        pairs = pairs[open_[pairs].all(axis=1)]
    return keep


def _close_pairs(points_um: NDArray[np.float64], distance_um: float) -> NDArray[np.intp]:
    if len(points_um) < 2 or distance_um <= 0:
        return np.empty((0, 2), np.intp)
    nearer = np.nextafter(distance_um, 0.0)
    pairs: NDArray[np.intp] = KDTree(points_um).query_pairs(nearer, output_type="ndarray")
    return pairs
