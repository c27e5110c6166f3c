"""The profile of each cell: which pixels belong to it, by watershed, and its area."""

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.scoring.macrophages.cells import Cells, CellSettings, blocks, smoothed_levels

__all__ = ["label_profiles", "profile_areas_um2"]


def label_profiles(
    probability: NDArray[np.number],
    box: Box,
    cells: Cells,
    spacing: Spacing,
    settings: CellSettings | None = None,
) -> NDArray[np.int32]:
    """Return which cell each pixel of a box belongs to.

    The smoothed map is flooded from the cells downhill (marker-controlled watershed), within
    the pixels at or above the threshold and within reach of the cell. The box is read with a margin
    of twice the reach, so that boxes side by side agree along their seam.

    Parameters
    ----------
    probability
        ndarray of uint8 (255 = 1.0) or float (0 to 1), shape (H, W).
    box
        Pixels of the map.
    cells
        Cells of the whole map, from :func:`histo.scoring.macrophages.cells.find_cells`.
    spacing
        µm/px of the map.
    settings
        Those the cells were found with.

    Returns
    -------
    ndarray of int32, shape ``box.shape``
        1 + index of the cell; 0 where the pixel belongs to none.
    """
    from skimage.segmentation import watershed  # a second of import, for profiles only

    settings = settings or CellSettings()
    margin = int(np.ceil(2 * settings.reach_um / min(spacing.pair)))
    read = box.pad(margin).intersect(Box(0, 0, *probability.shape))
    near = _indices_in(cells, read)
    if not len(near):
        return np.zeros(box.shape, np.int32)
    local = cells.points[near] - (read.row, read.col)
    markers = np.zeros(read.shape, np.int32)
    at = tuple(np.floor(local).astype(np.intp).T)
    markers[at] = np.arange(1, len(near) + 1)
    level = smoothed_levels(probability, read, spacing, settings.sigma_um)
    positive = _positive(probability[read.slices], settings.threshold) | (markers > 0)
    found = watershed(-level.astype(np.int32), markers, mask=positive)
    core = box.shift(-read.row, -read.col)
    labels = found[core.slices]
    rows, cols = np.nonzero(labels)
    owner = labels[rows, cols] - 1
    centres = np.column_stack([rows + core.row, cols + core.col]) + 0.5
    gap_um = np.hypot(*((centres - local[owner]) * spacing.pair).T)
    numbered = np.zeros(box.shape, np.int32)
    numbered[rows, cols] = np.where(gap_um <= settings.reach_um, near[owner] + 1, 0)
    return numbered


def profile_areas_um2(
    probability: NDArray[np.number],
    cells: Cells,
    spacing: Spacing,
    settings: CellSettings | None = None,
    *,
    block_px: int = 1024,
) -> NDArray[np.float64]:
    """Return the area of each cell's profile, counted block by block.

    Parameters
    ----------
    probability, cells, spacing, settings
        As for :func:`label_profiles`.
    block_px
        Side of the blocks the map is read in.

    Returns
    -------
    ndarray of float64, shape (N,)
        µm², at least one pixel each; positive pixels that belong to no cell are left out.
    """
    pixels = np.zeros(len(cells) + 1, np.int64)
    for box in blocks(probability.shape, block_px):
        labels = label_profiles(probability, box, cells, spacing, settings)
        pixels += np.bincount(labels[labels > 0], minlength=len(pixels))
    return pixels[1:].astype(np.float64) * (spacing.row * spacing.col)


def _indices_in(cells: Cells, box: Box) -> NDArray[np.intp]:
    """Find the cells in the box; cells are in order of row, so few are looked at."""
    rows = cells.points[:, 0]
    first, last = np.searchsorted(rows, [box.row, box.bottom])
    cols = cells.points[first:last, 1]
    inside = (cols >= box.col) & (cols < box.right)
    found: NDArray[np.intp] = first + np.flatnonzero(inside)
    return found


def _positive(values: NDArray[np.number], threshold: float) -> NDArray[np.bool_]:
    scale = 255 if values.dtype == np.uint8 else 1
    positive: NDArray[np.bool_] = values >= threshold * scale - 1e-9
    return positive
