"""Where on an annotated slide each component is: found once, coarsely, on tissue only."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.annotations.labels import Labels
from histo.errors import ConfigError, HistoError, TissueError
from histo.geometry import Box, Spacing, nearest_pixels
from histo.slides import Slide
from histo.tissue import TissueMap, tissue_map
from histo.training.manifests.labels import open_row, row_labels
from histo.training.manifests.manifest import Manifest
from histo.vocabulary import Component

__all__ = ["CELL_UM", "Cells", "RowPlaces", "row_places", "survey"]

CELL_UM = 32.0
"""Side of a cell of the coarse raster, µm."""

_LABEL_PX = 16  # a side of a cell: labels are drawn at 2 µm/px, so that single cells are not missed
_TISSUE_PX = 4  # the same for tissue, at 8 µm/px
_BLOCK_CELLS = 32  # labels are drawn in blocks of about a millimetre: memory, and few borders each
_MOST_CELLS = 2048  # kept of each kind, drawn evenly from all; with the jitter they cover a slide
_CLEAR = 12  # grey levels from the glass's colour: shading and dust pass, ink does not
_MOST_BARE = 16
_FIELD_MM2 = 1.0  # below that, a slide on which no tissue is found is a crop full of it


@dataclass(frozen=True)
class Cells:
    """Cells of the coarse raster of one row where something holds.

    Attributes
    ----------
    index
        ndarray of int32, shape (N,), N at most 2048: row-major index of a cell, ascending.
    count
        How many cells there are in all, kept or not; the area it stands for.
    """

    index: NDArray[np.int32]
    count: int


@dataclass(frozen=True)
class RowPlaces:
    """What a survey found on one row of a manifest.

    Attributes
    ----------
    row
        Its index in ``manifest.rows``.
    patient
        Whose it is.
    shape
        (height, width) of the coarse raster, in cells of `CELL_UM`.
    present, absent
        Cells on tissue that hold some of a component, and those where it is known and nowhere
        present; components without any are left out.
    glass
        Colour of the slide's own glass, ndarray of uint8, shape (3,).
    bare
        Some cells of clear glass, at least 64 µm from anything; none on a crop full of tissue.
    """

    row: int
    patient: str
    shape: tuple[int, int]
    present: dict[Component, Cells]
    absent: dict[Component, Cells]
    glass: NDArray[np.uint8]
    bare: NDArray[np.int32]


def survey(
    manifest: Manifest,
    *,
    split: str = "",
    threads: int = 2,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[RowPlaces, ...]:
    """Find the places of every annotated row of a split.

    Each slide is read once at 8 µm/px and its labels drawn once at 2 µm/px. What is kept is at
    most 8 kB per row, component and state.

    Parameters
    ----------
    manifest
        As `histo.training.manifests.manifest.read_manifest` returns it.
    split
        "train", "val" or "test"; every row if empty.
    threads
        Rows surveyed side by side.
    tell
        Called with rows done and rows in all.

    Raises
    ------
    ConfigError
        If the split has no annotated row, or a row has a fault; it names the row.
    """
    chosen = [
        index
        for index, row in enumerate(manifest.rows)
        if row.annotation and (not split or row.split == split)
    ]
    if not chosen:
        words = f"the split {split}" if split else "the manifest"
        raise ConfigError(f"{manifest.path.name}: {words} has no annotated row to learn from.")
    found = []
    with ThreadPoolExecutor(threads) as pool:
        for places in pool.map(lambda index: row_places(manifest, index), chosen):
            found.append(places)
            tell(len(found), len(chosen))
    return tuple(found)


def row_places(manifest: Manifest, index: int) -> RowPlaces:
    """Survey one row; see `survey`."""
    row = manifest.rows[index]
    try:
        with open_row(row, manifest.root) as slide:
            labels = row_labels(row, manifest.root, slide)
            shape = slide.frame_shape(CELL_UM)
            view, clear = _tissue(slide)
            tissue = _share_of_cells(view.measurable, view.spacing, shape)
            present, known = _states(labels, slide, shape) if labels else ({}, {})
    except HistoError as fault:
        number = manifest.numbers[index]
        raise ConfigError(f"{manifest.path.name} row {number}: {fault}") from fault
    draw = np.random.default_rng(index)
    on = tissue >= 0.5
    bare = np.flatnonzero(_eroded(_share_of_cells(clear, view.spacing, shape) == 1))
    return RowPlaces(
        row=index,
        patient=row.patient,
        shape=shape,
        present=_cells({c: mask & on for c, mask in present.items()}, draw),
        absent=_cells({c: mask & on & ~present[c] for c, mask in known.items()}, draw),
        glass=view.white_point,
        bare=draw.choice(bare, min(len(bare), _MOST_BARE), replace=False).astype(np.int32),
    )


def _tissue(slide: Slide) -> tuple[TissueMap, NDArray[np.bool_]]:
    """Return the tissue, and where a low-power view shows nothing but glass: no ink, no dust."""
    rgb, spacing = slide.thumbnail(CELL_UM / _TISSUE_PX)
    try:
        view = tissue_map(rgb, spacing)
    except TissueError:
        area_mm2 = slide.spacing.area_mm2(slide.shape[0] * slide.shape[1])
        everywhere = np.full(rgb.shape[:2], area_mm2 < _FIELD_MM2)
        view = TissueMap(everywhere, np.zeros(rgb.shape[:2], np.uint8), spacing, slide.glass)
    beside_glass = np.abs(rgb.astype(np.int16) - view.white_point).max(axis=2)
    return view, ~view.tissue & (beside_glass <= _CLEAR)


def _share_of_cells(
    source: NDArray[np.bool_], spacing: Spacing, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the share of each cell that a mask covers, (H, W)."""
    step = CELL_UM / _TISSUE_PX
    rows, cols = (
        nearest_pixels(0, cells * _TISSUE_PX, step, um, count)
        for cells, um, count in zip(shape, spacing.pair, source.shape, strict=True)
    )
    fine = source[rows[:, None], cols].reshape(shape[0], _TISSUE_PX, shape[1], _TISSUE_PX)
    share: NDArray[np.float64] = fine.mean(axis=(1, 3))
    return share


def _states(
    labels: Labels, slide: Slide, shape: tuple[int, int]
) -> tuple[dict[Component, NDArray[np.bool_]], dict[Component, NDArray[np.bool_]]]:
    """Return for each component the cells that hold some of it, and those where it is known."""
    spacing = Spacing(CELL_UM / _LABEL_PX, CELL_UM / _LABEL_PX)
    extent = Box(0, 0, *slide.frame_shape(spacing))
    present: dict[Component, NDArray[np.bool_]] = {}
    known: dict[Component, NDArray[np.bool_]] = {}
    for row, col in np.ndindex(ceil(shape[0] / _BLOCK_CELLS), ceil(shape[1] / _BLOCK_CELLS)):
        cells = Box(row * _BLOCK_CELLS, col * _BLOCK_CELLS, _BLOCK_CELLS, _BLOCK_CELLS)
        cells = cells.intersect(Box(0, 0, *shape))
        scale = _LABEL_PX
        fine = Box(cells.row * scale, cells.col * scale, *(side * scale for side in cells.shape))
        inside = extent.intersect(fine)
        planes = labels.planes(inside, spacing)
        for states, found in ((present, planes.present), (known, planes.known)):
            for component, plane in zip(planes.components, found, strict=True):
                target = states.setdefault(component, np.zeros(shape, np.bool_))
                target[cells.slices] = _any_in_cells(plane, cells.shape)
    return present, known


def _any_in_cells(plane: NDArray[np.bool_], cells: tuple[int, int]) -> NDArray[np.bool_]:
    """Reduce fine pixels, which may end inside the last cells, to whether a cell holds any."""
    if not plane.any():
        return np.zeros(cells, np.bool_)
    whole = np.zeros((cells[0] * _LABEL_PX, cells[1] * _LABEL_PX), np.bool_)
    whole[: plane.shape[0], : plane.shape[1]] = plane
    fine = whole.reshape(cells[0], _LABEL_PX, cells[1], _LABEL_PX)
    return np.asarray(fine.any(axis=(1, 3)))


def _eroded(clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return cells with clear ones two cells around (64 µm); beyond the slide nothing is clear."""
    eroded: NDArray[np.bool_] = ndimage.minimum_filter(clear, size=5, mode="constant", cval=False)
    return eroded


def _cells(
    masks: dict[Component, NDArray[np.bool_]], draw: np.random.Generator
) -> dict[Component, Cells]:
    found = {}
    for component, mask in masks.items():
        index = np.flatnonzero(mask).astype(np.int32)
        if len(index):
            kept = draw.choice(index, min(len(index), _MOST_CELLS), replace=False)
            found[component] = Cells(np.sort(kept), len(index))
    return found
