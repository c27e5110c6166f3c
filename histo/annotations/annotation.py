"""One value for whatever a person said about a place on a slide, in every file format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import shapely
from shapely import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from histo.annotations.class_map import Rule
from histo.errors import AnnotationError

__all__ = ["Annotation", "Annotations", "Gatherer"]

_FARTHEST_PX = 1e9


@dataclass(frozen=True)
class Annotation:
    """An area or a point on a slide.

    Attributes
    ----------
    name
        Its class, else its own name, else "". Of a class within a class: ``Outer: Inner``.
    geometry
        Valid polygon or multipolygon with an area, or a point; level-0 pixels, (x, y), origin at
        the slide's upper-left corner.
    rule
        What the class means, where a class map was given.
    """

    name: str
    geometry: Polygon | MultiPolygon | Point
    rule: Rule | None = None


@dataclass(frozen=True)
class Annotations(Sequence[Annotation]):
    """The annotations of one file, in its order.

    Attributes
    ----------
    items
        At least one annotation.
    file_kind
        "geojson", "aperio-xml", "asap-xml", "table" or "label-image".
    repaired
        How many polygons crossed or touched themselves and were made valid.
    skipped
        How many entries mark no place a score could use: lines, rulers, arrows, outlines without
        area. They are left out.
    """

    items: tuple[Annotation, ...]
    file_kind: str
    repaired: int = 0
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Annotation]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> Annotation: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Annotation, ...]: ...

    def __getitem__(self, index: int | slice) -> Annotation | tuple[Annotation, ...]:
        return self.items[index]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, each once, in order of appearance."""
        return tuple(dict.fromkeys(item.name for item in self.items))


@dataclass
class Gatherer:
    """Collects what a reader finds: mends polygons, counts repairs and what has no place.

    Attributes
    ----------
    file_name
        Named in every message.
    """

    file_name: str
    found: list[Annotation] = field(default_factory=list)
    repaired: int = 0
    skipped: int = 0

    def add(self, name: str, shape: BaseGeometry) -> None:
        """Take a point, or what a polygon has of area; skip anything else."""
        self._require_pixels(shape)
        if isinstance(shape, Point) and not shape.is_empty:
            self.found.append(Annotation(name, shape))
            return
        area, repaired = mended(shape)
        if area is None:
            self.skipped += 1
            return
        self.repaired += repaired
        self.found.append(Annotation(name, area))

    def ring(self, corners: Sequence[tuple[float, float]]) -> BaseGeometry:
        """Return the polygon within corners (x, y); empty if they are fewer than three."""
        distinct = len(dict.fromkeys(corners)) >= 3
        return Polygon(corners) if distinct else Polygon()

    def annotations(self, file_kind: str) -> Annotations:
        """Return what was found; refuse if it is nothing."""
        if not self.found:
            beside = f" ({self.skipped} lines or empty outlines)" if self.skipped else ""
            raise AnnotationError(
                f"{self.file_name} has no area and no point{beside}; draw some and export again."
            )
        return Annotations(tuple(self.found), file_kind, self.repaired, self.skipped)

    def _require_pixels(self, shape: BaseGeometry) -> None:
        farthest = np.abs(shapely.get_coordinates(shape)).max(initial=0.0)
        if not bool(farthest < _FARTHEST_PX):  # also true of NaN and infinity
            raise AnnotationError(f"{self.file_name} has coordinates that are no pixels.")


def mended(shape: BaseGeometry) -> tuple[Polygon | MultiPolygon | None, bool]:
    """Return the area of a shape, made valid, and whether that was needed; None without area."""
    repaired = not shape.is_valid
    valid: Any = shapely.make_valid(shape, method="structure") if repaired else shape
    polygons = [
        polygon
        for part in shapely.get_parts(valid)
        for polygon in shapely.get_parts(part)
        if polygon.geom_type == "Polygon" and polygon.area > 0
    ]
    if not polygons:
        return None, repaired
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons), repaired
