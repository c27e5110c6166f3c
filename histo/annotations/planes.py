"""Annotations painted into labels: for each component, present, absent or unknown.

Annotations are painted in order of priority, the highest last. Among equals the larger comes
first, so what was drawn inside something else counts; among equal areas the later in the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from histo.annotations.annotation import Annotation
from histo.annotations.class_map import ClassMap, Rule
from histo.annotations.raster import window
from histo.geometry import Box, Spacing
from histo.vocabulary import Component

__all__ = ["LabelPlanes", "Painter", "label_planes", "margin_px", "state_of", "to_planes"]

ABSENT, PRESENT, UNKNOWN, UNTOUCHED = 0, 1, -1, 2


@dataclass(frozen=True)
class LabelPlanes:
    """Labels of a box.

    Attributes
    ----------
    components
        What the planes are of.
    present : ndarray of bool, shape (C, H, W)
        Where the component is; never where it is unknown.
    known : ndarray of bool, shape (C, H, W)
        Where presence or absence is known; a loss counts these pixels only.
    """

    components: tuple[Component, ...]
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]


def label_planes(
    annotations: Sequence[Annotation],
    class_map: ClassMap,
    slide_spacing: Spacing,
    box: Box,
    spacing: Spacing,
) -> LabelPlanes:
    """Paint annotations into the planes of a box; see `histo.annotations.open_labels` for many.

    Parameters
    ----------
    annotations
        In slide pixels, as `read_annotations` returns them.
    class_map
        What their classes mean; every one must be named in it.
    slide_spacing
        µm/px of level 0.
    box
        In pixels of the frame at ``spacing``; may reach beyond the slide.
    spacing
        µm/px of the planes.

    Returns
    -------
    LabelPlanes
        Of the map's components. The same whichever box a pixel is asked for in.

    Examples
    --------
    >>> class_map = ClassMap(classes={"T": ["tumour"], "S": "background"})
    >>> drawn = [Annotation("S", shapely.box(0, 0, 4, 2)), Annotation("T", shapely.box(0, 0, 2, 2))]
    >>> um = Spacing(1.0, 1.0)
    >>> planes = label_planes(drawn, class_map, um, Box(0, 0, 1, 5), um)
    >>> planes.present[0].tolist(), planes.known[0].tolist()
    ([[True, True, False, False, False]], [[True, True, True, True, False]])
    """
    return Painter(annotations, class_map, slide_spacing).planes(box, spacing)


class Painter:
    """Annotations of one slide, indexed so that a box costs only what meets it."""

    def __init__(
        self, annotations: Sequence[Annotation], class_map: ClassMap, slide_spacing: Spacing
    ) -> None:
        class_map.require(tuple(dict.fromkeys(a.name for a in annotations)), "the annotation")
        radius_px = class_map.point_radius_um / slide_spacing.mean
        painted = [
            (rule.priority, _area(annotation.geometry, radius_px), state_of(rule, class_map))
            for annotation in annotations
            if (rule := class_map.rule(annotation.name))
        ]
        painted.sort(key=lambda entry: (entry[0], -entry[1].area))  # stable: the file's order
        self._shapes = [shape for _, shape, _ in painted]
        self._states = [state for _, _, state in painted]
        self._tree = shapely.STRtree(self._shapes)
        self._map = class_map
        self._slide = slide_spacing

    def planes(self, box: Box, spacing: Spacing) -> LabelPlanes:
        """Return the labels of a box; see `label_planes`."""
        margin = margin_px(self._map, spacing)
        states = self._painted(box.pad(margin), spacing)
        return to_planes(states, self._map, spacing, margin)

    def _painted(self, box: Box, spacing: Spacing) -> NDArray[np.int8]:
        scale = np.array([self._slide.col / spacing.col, self._slide.row / spacing.row])
        states = np.empty((len(self._map.components), *box.shape), np.int8)
        states[:] = ABSENT if self._map.outside == "background" else UNKNOWN
        corners = np.array([[box.col, box.row], [box.right, box.bottom]]) / scale
        for index in np.sort(self._tree.query(shapely.box(*corners.ravel()))).tolist():
            for (rows, cols), inside in window(self._shapes[index], scale, box):
                for plane, state in zip(states, self._states[index], strict=True):
                    if state != UNTOUCHED:
                        plane[rows, cols][inside] = state
        return states


def _area(geometry: BaseGeometry, radius_px: float) -> BaseGeometry:
    is_point = geometry.geom_type == "Point"
    return geometry.buffer(radius_px, quad_segs=16) if is_point else geometry


def state_of(rule: Rule, class_map: ClassMap) -> tuple[int, ...]:
    """Return what a rule paints into the plane of each component of the map."""
    if rule.to == "background":
        return (ABSENT,) * len(class_map.components)
    if rule.to == "ignore":
        return (UNKNOWN,) * len(class_map.components)
    elsewhere = ABSENT if class_map.exclusive else UNTOUCHED
    return tuple(PRESENT if c in rule.to else elsewhere for c in class_map.components)


def margin_px(class_map: ClassMap, spacing: Spacing) -> int:
    """Return how far beyond a box labels must be painted for its bands to be complete."""
    return ceil(class_map.border_um / min(spacing.pair)) + 1 if class_map.border_um else 0


def to_planes(
    states: NDArray[np.int8], class_map: ClassMap, spacing: Spacing, margin: int
) -> LabelPlanes:
    """Forget the labels along borders, cut the margin off, and part states into two planes."""
    if class_map.border_um:
        states = np.stack([_without_borders(s, class_map.border_um, spacing) for s in states])
    height, width = states.shape[1] - margin, states.shape[2] - margin
    inner = states[:, margin:height, margin:width]
    return LabelPlanes(class_map.components, inner == PRESENT, inner != UNKNOWN)


def _without_borders(
    states: NDArray[np.int8], border_um: float, spacing: Spacing
) -> NDArray[np.int8]:
    """Make unknown what is nearer than ``border_um`` to a pixel of another state.

    Distance runs from a pixel's centre to the near edge of the other pixel.
    """
    kept = states.copy()
    for state in (ABSENT, PRESENT):
        inside = states == state
        if inside.all() or not inside.any():
            continue
        distance = ndimage.distance_transform_edt(inside, sampling=spacing.pair)
        kept[inside & (distance - 0.5 * spacing.mean < border_um)] = UNKNOWN
    return kept
