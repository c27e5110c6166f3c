"""The labels of a slide, box by box, from vector files and label images alike."""

from pathlib import Path
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from histo.annotations.annotation import Annotation
from histo.annotations.class_map import ClassMap
from histo.annotations.mask_file import MaskFile, open_mask
from histo.annotations.planes import (
    ABSENT,
    UNKNOWN,
    UNTOUCHED,
    LabelPlanes,
    Painter,
    margin_px,
    state_of,
    to_planes,
)
from histo.annotations.reading import is_raster, read_annotations
from histo.annotations.values import class_name
from histo.errors import AnnotationError
from histo.geometry import Box, Spacing

__all__ = ["Labels", "MaskLabels", "open_labels", "pixels_under", "whole_slide_labels"]

_STRETCH = 0.01  # how far a mask's aspect may be from the slide's
_NOWHERE = -1


class Labels(Protocol):
    """The labels of one slide; may be pickled and used in several processes."""

    def planes(self, box: Box, spacing: Spacing) -> LabelPlanes:
        """Return the labels of a box in pixels of the frame at a spacing."""


def open_labels(
    path: Path, class_map: ClassMap, slide_shape: tuple[int, int], slide_spacing: Spacing
) -> Labels:
    """Open the annotation of a slide for reading boxes at any µm/px.

    Vector files are read whole and indexed. A label image covers the slide's whole extent at
    whatever resolution; pixels are looked up by their centre, classes never mixed. Of a pyramid
    the coarsest level that is at least as fine as asked serves. What lies beyond the image, or
    has the value 0 without a rule, is outside.

    Parameters
    ----------
    path
        Any file `read_annotations` takes.
    class_map
        What the classes mean, and which components were looked for.
    slide_shape
        (height, width) of the slide's level 0.
    slide_spacing
        µm/px of level 0.

    Raises
    ------
    AnnotationError
        If the file has a fault, a class the map does not name, or the shape of another slide. Of
        label images unnamed values are found when a box holds them.
    """
    head = b""
    if path.is_file():  # what is not, is refused by read_annotations
        with path.open("rb") as file:
            head = file.read(8)
    if not is_raster(head):
        annotations = read_annotations(path, class_map, slide_shape=slide_shape)
        return Painter(annotations, class_map, slide_spacing)
    mask = open_mask(path, head)
    height, width = mask.shapes[0]
    stretch = slide_shape[0] / height, slide_shape[1] / width
    if abs(stretch[0] / stretch[1] - 1) > _STRETCH:
        raise AnnotationError(
            f"{path.name} has {width} x {height} pixels and the slide {slide_shape[1]} x "
            f"{slide_shape[0]}, another shape; export the mask from this slide."
        )
    extent_um = slide_shape[0] * slide_spacing.row, slide_shape[1] * slide_spacing.col
    return MaskLabels(mask, class_map, extent_um, path.name)


def whole_slide_labels(
    name: str, class_map: ClassMap, slide_shape: tuple[int, int], slide_spacing: Spacing
) -> Labels:
    """Return the labels of a slide that is of one class throughout, as patches of a class are."""
    height, width = slide_shape
    return Painter([Annotation(name, shapely.box(0, 0, width, height))], class_map, slide_spacing)


class MaskLabels:
    """A label image stretched over a slide's extent."""

    def __init__(
        self, mask: MaskFile, class_map: ClassMap, extent_um: tuple[float, float], file_name: str
    ) -> None:
        self._mask = mask
        self._map = class_map
        self._file_name = file_name
        self._um_per_px = [
            (extent_um[0] / height, extent_um[1] / width) for height, width in mask.shapes
        ]

    def planes(self, box: Box, spacing: Spacing) -> LabelPlanes:
        """Return the labels of a box; see `Labels`."""
        margin = margin_px(self._map, spacing)
        values = self._values(box.pad(margin), spacing)
        return to_planes(self._states(values), self._map, spacing, margin)

    def _values(self, box: Box, spacing: Spacing) -> NDArray[np.int64]:
        level = self._level(spacing)
        height, width = self._mask.shapes[level]
        row_um, col_um = self._um_per_px[level]
        rows = pixels_under(box.row, box.bottom, spacing.row / row_um)
        cols = pixels_under(box.col, box.right, spacing.col / col_um)
        row_in, col_in = (rows >= 0) & (rows < height), (cols >= 0) & (cols < width)
        values = np.full(box.shape, _NOWHERE, np.int64)
        if row_in.any() and col_in.any():
            found = self._mask.gather(level, rows[row_in], cols[col_in])
            values[np.ix_(row_in, col_in)] = found
        return values

    def _level(self, spacing: Spacing) -> int:
        fine = [
            level
            for level, um in enumerate(self._um_per_px)
            if um[0] <= spacing.row * (1 + _STRETCH) and um[1] <= spacing.col * (1 + _STRETCH)
        ]
        return max(fine, default=0)

    def _states(self, values: NDArray[np.int64]) -> NDArray[np.int8]:
        distinct, place = np.unique(values, return_inverse=True)
        table = np.stack([self._state(value) for value in distinct.tolist()], axis=1)
        states: NDArray[np.int8] = table[:, place.reshape(values.shape)]
        return states

    def _state(self, value: int) -> NDArray[np.int8]:
        outside = ABSENT if self._map.outside == "background" else UNKNOWN
        elsewhere = np.full(len(self._map.components), outside, np.int8)
        name = class_name(value, self._mask.is_colour) if value != _NOWHERE else ""
        rule = self._map.rule(name) if name else None
        if rule is None:
            if value > 0:
                self._map.require((name,), self._file_name)
            return elsewhere
        painted = np.array(state_of(rule, self._map), np.int8)
        return np.where(painted == UNTOUCHED, elsewhere, painted)


def pixels_under(start: int, stop: int, ratio: float) -> NDArray[np.intp]:
    """Return the pixel of a raster under the centre of each pixel of a range.

    ``ratio`` is the size of a pixel of the range over that of the raster's.
    """
    pixels: NDArray[np.intp] = np.floor((np.arange(start, stop) + 0.5) * ratio).astype(np.intp)
    return pixels
