"""ASAP XML: polygons, rectangles, dots and point sets, in groups."""

from pathlib import Path
from xml.etree.ElementTree import Element

import shapely
from shapely import Polygon

from histo.annotations.annotation import Annotations, Gatherer
from histo.annotations.xml_file import coordinate

__all__ = ["asap_annotations"]

_AREAS = {"polygon", "rectangle", "spline"}
_POINTS = {"dot", "pointset"}


def asap_annotations(root: Element, path: Path) -> Annotations:
    """Read the annotations of an ASAP file.

    The class is the group, ``Outer: Inner`` for a group within a group; without a group it is the
    annotation's own name. A spline is read as the polygon through its points; measurements are
    skipped. ASAP draws no holes: an annotation of another group on top, with a priority or simply
    smaller, makes one.

    Parameters
    ----------
    root
        Element ``ASAP_Annotations``.
    path
        The file, for messages.

    Raises
    ------
    AnnotationError
        If a coordinate is no two numbers, or nothing has an area or is a point.
    """
    parents = {
        group.get("Name", ""): group.get("PartOfGroup", "None") for group in root.iter("Group")
    }
    gatherer = Gatherer(path.name)
    for annotation in root.iter("Annotation"):
        nodes = sorted(annotation.iter("Coordinate"), key=_order)
        corners = [coordinate(node, path) for node in nodes]
        name = _class_of(annotation, parents)
        kind = annotation.get("Type", "Polygon").lower()
        if kind in _POINTS:
            for corner in corners:
                gatherer.add(name, shapely.Point(corner))
        else:
            gatherer.add(name, gatherer.ring(corners) if kind in _AREAS else Polygon())
    return gatherer.annotations("asap-xml")


def _order(node: Element) -> float:
    try:
        return float(node.get("Order", "0"))
    except ValueError:
        return 0.0  # sorting is stable: the file's order


def _class_of(annotation: Element, parents: dict[str, str]) -> str:
    group = annotation.get("PartOfGroup", "None")
    if group in {"None", ""}:
        return annotation.get("Name", "")
    path = [group]
    while (parent := parents.get(path[0], "None")) not in {"None", "", *path}:  # no circles
        path.insert(0, parent)
    return ": ".join(path)
