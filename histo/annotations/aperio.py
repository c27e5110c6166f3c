"""Aperio ImageScope XML: layers of regions, with negative regions as holes."""

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from histo.annotations.annotation import Annotations, Gatherer, mended
from histo.annotations.xml_file import coordinate

__all__ = ["aperio_annotations"]

_FREEHAND, _RECTANGLE, _ELLIPSE, _COUNTER = "0", "1", "2", "5"


def aperio_annotations(root: Element, path: Path) -> Annotations:
    """Read the layers of an ImageScope file.

    The class of a layer is its first attribute's name (as MoNuSAC writes it), else the layer's
    name, else its line colour as ``#rrggbb``. Regions are freehand, rectangles, ellipses or
    counters (points); rulers and arrows are skipped. A negative region is cut out of all the
    regions of its layer.

    Parameters
    ----------
    root
        Element ``Annotations``.
    path
        The file, for messages.

    Raises
    ------
    AnnotationError
        If a vertex is no two numbers, or nothing has an area or is a point.
    """
    gatherer = Gatherer(path.name)
    for layer in root.iter("Annotation"):
        name = _class_of(layer)
        holes: list[BaseGeometry] = []
        shapes: list[BaseGeometry] = []
        for region in layer.iter("Region"):
            corners = [coordinate(vertex, path) for vertex in region.iter("Vertex")]
            shape = _shape(region.get("Type", _FREEHAND), corners, gatherer)
            (holes if region.get("NegativeROA") == "1" else shapes).append(shape)
        cut: list[BaseGeometry] = [hole for hole, _ in map(mended, holes) if hole is not None]
        for shape in shapes:
            _add(name, shape, cut, gatherer)
    return gatherer.annotations("aperio-xml")


def _class_of(layer: Element) -> str:
    attributes = layer.find("Attributes")
    first = None if attributes is None else attributes.find("Attribute")
    name = ("" if first is None else first.get("Name", "")) or layer.get("Name", "")
    if name.strip():
        return name.strip()
    try:
        packed = int(layer.get("LineColor", ""))  # Windows order: red is the lowest byte
    except ValueError:
        return ""
    return f"#{packed & 255:02x}{packed >> 8 & 255:02x}{packed >> 16 & 255:02x}"


def _shape(kind: str, corners: list[tuple[float, float]], gatherer: Gatherer) -> BaseGeometry:
    """Return the polygon or point of a region; an empty polygon for what has no area."""
    if kind == _COUNTER and corners:
        return Point(corners[0])
    if kind == _RECTANGLE and len(corners) == 2:
        (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
        rectangle: Polygon = box(left, top, right, bottom)
        return rectangle
    if kind == _ELLIPSE and len(corners) in {2, 4}:
        return _ellipse(np.array(corners))
    if kind in {_FREEHAND, _RECTANGLE, _ELLIPSE}:
        return gatherer.ring(corners)
    return Polygon()


def _ellipse(corners: NDArray[np.float64]) -> BaseGeometry:
    """Return the ellipse within the box some corners span."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    turn = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    return Polygon((low + high) / 2 + circle * (high - low) / 2)


def _add(name: str, shape: BaseGeometry, cut: list[BaseGeometry], gatherer: Gatherer) -> None:
    """Add a shape without the holes that meet it."""
    near = [hole for hole in cut if hole.intersects(shape)] if shape.area else []
    if not near:
        gatherer.add(name, shape)
        return
    area, repaired = mended(shape)
    gatherer.repaired += repaired
    gatherer.add(name, area.difference(shapely.union_all(near)) if area else Polygon())
