"""What a row of a manifest says is true, on the frame a map lies in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from histo.annotations.labels import Labels
from histo.annotations.reading import is_raster, read_annotations
from histo.geometry import Box, Spacing
from histo.training.manifests.labels import row_class_map
from histo.training.manifests.manifest import ManifestRow
from histo.vocabulary import Component

__all__ = ["COUNTED", "Truth", "annotated_cells", "known_target", "read_truth"]

COUNTED = (Component.MACROPHAGE, Component.CELL)
"""Components that are counted: each point or polygon of theirs is one cell."""

_STRIP_ROWS = 1024
_TARGET_PX = 8  # side of a pixel of the mask that tiles are planned by


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels cut to the box in which anything is known.

    Attributes
    ----------
    components
        Names of the C planes.
    box
        Where the planes lie, in pixels of the frame.
    present, known
        ndarray of bool, shape (C, box height, box width); see `histo.annotations.LabelPlanes`.
    """

    components: tuple[Component, ...]
    box: Box
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]


def read_truth(
    labels: Labels, shape: tuple[int, int], spacing: Spacing, wanted: Sequence[Component]
) -> Truth | None:
    """Read the labels of a frame, strip by strip: memory follows what is known, not the slide.

    Parameters
    ----------
    labels
        Of a slide.
    shape, spacing
        (height, width) and µm/px of the frame.
    wanted
        Components to read; others are passed over.

    Returns
    -------
    Truth or None
        None where nothing is known of any wanted component.
    """
    components: tuple[Component, ...] = ()
    pieces: list[tuple[Box, NDArray[np.bool_], NDArray[np.bool_]]] = []
    for strip in Box(0, 0, *shape).strips(_STRIP_ROWS):
        planes = labels.planes(strip, spacing)
        chosen = [planes.components.index(c) for c in wanted if c in planes.components]
        components = tuple(planes.components[index] for index in chosen)
        if not chosen:
            return None
        present, known = planes.present[chosen], planes.known[chosen]
        inner = _extent(known)
        if inner:
            rows, cols = inner.slices
            place = inner.shift(strip.row, strip.col)
            pieces.append((place, present[:, rows, cols].copy(), known[:, rows, cols].copy()))
    if not pieces:
        return None
    box = _around([piece[0] for piece in pieces])
    present, known = (np.zeros((len(components), *box.shape), bool) for _ in range(2))
    for place, is_present, is_known in pieces:
        rows, cols = place.shift(-box.row, -box.col).slices
        present[:, rows, cols], known[:, rows, cols] = is_present, is_known
    return Truth(components, box, present, known)


def known_target(truth: Truth, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where anything is known, in pixels of 8 x 8 of the frame's, of the whole frame."""
    row, col = truth.box.row, truth.box.col
    some = truth.known.any(axis=0)
    for axis, start in enumerate((row, col)):
        edges = np.arange(-(start % _TARGET_PX), some.shape[axis], _TARGET_PX).clip(0)
        some = np.logical_or.reduceat(some, edges, axis=axis)
    mask = np.zeros(tuple(-(-side // _TARGET_PX) for side in shape), bool)
    height, width = some.shape
    top, left = row // _TARGET_PX, col // _TARGET_PX
    mask[top : top + height, left : left + width] = some
    return mask


def target_spacing(spacing: Spacing) -> Spacing:
    """Return the µm/px of `known_target` for a frame of that spacing."""
    return spacing.scaled(_TARGET_PX)


def annotated_cells(
    row: ManifestRow, root: Path, slide_shape: tuple[int, int], components: Sequence[Component]
) -> dict[Component, NDArray[np.float64]]:
    """Return the annotated cells of a row, for components that are counted.

    Points are cells, and so are polygons, at their centroid. Label images tell no cells apart
    and have none.

    Returns
    -------
    dict of Component to ndarray of float64, shape (N, 2)
        (row, col) in slide pixels; of each counted component that was looked for, though no cell
        of it was found.
    """
    counted = [c for c in COUNTED if c in components]
    path = root / row.annotation
    if not counted or not path.is_file():
        return {}
    with path.open("rb") as file:
        if is_raster(file.read(8)):
            return {}
    class_map = row_class_map(row, root)
    found = read_annotations(path, class_map, slide_shape=slide_shape)
    centres: dict[Component, list[tuple[float, float]]] = {
        c: [] for c in counted if c in class_map.components
    }
    for annotation in found:
        told = annotation.rule.to if annotation.rule else ()
        centre = shapely.centroid(annotation.geometry)
        for component in () if isinstance(told, str) else told:
            if component in centres:
                centres[component].append((centre.y, centre.x))
    return {c: np.array(points, np.float64).reshape(-1, 2) for c, points in centres.items()}


def _extent(planes: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around what is set in any plane; None if nothing is."""
    rows, cols = (np.flatnonzero(planes.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if not rows.size:
        return None
    top, left = int(rows[0]), int(cols[0])
    return Box(top, left, int(rows[-1]) + 1 - top, int(cols[-1]) + 1 - left)


def _around(boxes: Sequence[Box]) -> Box:
    top, left = min(box.row for box in boxes), min(box.col for box in boxes)
    bottom, right = max(box.bottom for box in boxes), max(box.right for box in boxes)
    return Box(top, left, bottom - top, right - left)
