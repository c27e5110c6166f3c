"""Annotations in a CSV table: points, boxes or outlines with a class."""

import csv
import io
from pathlib import Path

from shapely import Point, box
from shapely.geometry.base import BaseGeometry

from histo.annotations.annotation import Annotations, Gatherer
from histo.errors import AnnotationError

__all__ = ["is_table", "table_annotations"]

_CLASS = ("class", "label", "raw_classification", "name")
_POINT = ("x", "y")
_BOX = ("xmin", "ymin", "xmax", "ymax")
_OUTLINE = ("coords_x", "coords_y")


def is_table(data: bytes) -> bool:
    """Whether a file's first line names columns that place something on a slide."""
    first = data[:4096].decode("utf-8-sig", errors="replace").partition("\n")[0]
    columns = {cell.strip().strip('"').lower() for cell in first.split(",")}
    return set(_POINT) <= columns or set(_BOX) <= columns


def table_annotations(data: bytes, path: Path) -> Annotations:
    """Read a table with one annotation a row, in level-0 pixels.

    Columns are ``x, y`` of a point, or ``xmin, ymin, xmax, ymax`` of a box with, as NuCLS writes
    them, optional ``coords_x, coords_y``: the corners of an outline, separated by commas. The
    class stands in ``class``, ``label``, ``raw_classification`` or ``name``.

    Raises
    ------
    AnnotationError
        With the row number, if a cell is no number; or if there is no row.
    """
    text = io.StringIO(data.decode("utf-8-sig", errors="replace"), newline="")
    reader = csv.reader(text)
    columns = [cell.strip().lower() for cell in next(reader)]
    gatherer = Gatherer(path.name)
    for cells in reader:
        if not any(cells):
            continue
        row = dict(zip(columns, cells, strict=False))
        name = next((row[column].strip() for column in _CLASS if row.get(column)), "")
        try:
            shape = _shape(row, gatherer)
        except (KeyError, ValueError) as fault:
            raise AnnotationError(
                f"{path.name} row {reader.line_num} has a coordinate that is no number."
            ) from fault
        gatherer.add(name, shape)
    return gatherer.annotations("table")


def _shape(row: dict[str, str], gatherer: Gatherer) -> BaseGeometry:
    if all(row.get(column) for column in _OUTLINE):
        xs, ys = ([float(part) for part in row[column].split(",")] for column in _OUTLINE)
        return gatherer.ring(list(zip(xs, ys, strict=True)))
    if all(column in row for column in _BOX):
        left, top, right, bottom = (float(row[column]) for column in _BOX)
        rectangle: BaseGeometry = box(left, top, right, bottom)
        return rectangle
    return Point(float(row["x"]), float(row["y"]))
