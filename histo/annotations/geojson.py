"""Regions drawn in QuPath (or any GeoJSON): read, mended where possible, refused in a sentence."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from histo.errors import AnnotationError

__all__ = ["Region", "read_regions"]

_AREAS = {"Polygon", "MultiPolygon"}
_EXPORT = "In QuPath: File > Export objects as GeoJSON."


@dataclass(frozen=True)
class Region:
    """An area drawn on a slide.

    Attributes
    ----------
    name
        Its classification, else its own name, else "" .
    geometry
        Valid polygon or multipolygon in level-0 pixels, (x, y), origin at the slide's
        upper-left corner.
    """

    name: str
    geometry: Polygon | MultiPolygon


def read_regions(path: Path, slide_shape: tuple[int, int] | None = None) -> list[Region]:
    """Read the areas of a GeoJSON file.

    A FeatureCollection, a list of features, a single feature, a bare geometry and a
    GeometryCollection are understood. Polygons that cross themselves are made valid; points
    and lines are skipped, as they have no area.

    Parameters
    ----------
    path
        The file.
    slide_shape
        (height, width) of level 0; given, the regions must meet the slide and are cut at its edge.

    Returns
    -------
    list of Region
        At least one, in the file's order.

    Raises
    ------
    AnnotationError
        If the file cannot be read, is no GeoJSON, has no area, a broken polygon, or lies
        outside the slide.
    """
    regions = [
        Region(name, _mended(geometry, path))
        for name, geometry in _geometries(_parsed(path), "", path)
        if geometry.get("type") in _AREAS
    ]
    if not regions:
        raise AnnotationError(f"{path.name} has no polygon; draw an area and export it. {_EXPORT}")
    return regions if slide_shape is None else _within(regions, slide_shape, path)


def _parsed(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise AnnotationError(f"{path.name} cannot be read ({reason}).") from fault
    except UnicodeDecodeError as fault:
        raise AnnotationError(f"{path.name} is no GeoJSON, it is not UTF-8 text.") from fault
    if not text.strip():
        raise AnnotationError(f"{path.name} is empty; expected GeoJSON. {_EXPORT}")
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as fault:
        line = f" (line {fault.lineno})" if isinstance(fault, json.JSONDecodeError) else ""
        raise AnnotationError(f"{path.name} is not valid JSON{line}. {_EXPORT}") from fault


def _geometries(node: Any, name: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every plain geometry below a node with the name of its feature."""
    if isinstance(node, list):
        for entry in node:
            yield from _geometries(entry, name, path)
        return
    kind = node.get("type") if isinstance(node, dict) else None
    if kind == "FeatureCollection":
        yield from _geometries(_listed(node, "features", path), name, path)
    elif kind == "Feature":
        if node.get("geometry") is not None:
            yield from _geometries(node["geometry"], _feature_name(node), path)
    elif kind == "GeometryCollection":
        yield from _geometries(_listed(node, "geometries", path), name, path)
    elif isinstance(kind, str) and "coordinates" in node:
        yield name, node
    else:
        found = f"type '{kind}'" if isinstance(kind, str) else "something without a type"
        raise AnnotationError(f"{path.name} is no GeoJSON: found {found}. {_EXPORT}")


def _listed(node: dict[str, Any], key: str, path: Path) -> list[Any]:
    entries = node.get(key)
    if not isinstance(entries, list):
        raise AnnotationError(f"{path.name} is no GeoJSON: its {node['type']} has no {key}.")
    return entries


def _feature_name(feature: dict[str, Any]) -> str:
    """Return the classification of a QuPath feature, else its name."""
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    classification = properties.get("classification")
    if isinstance(classification, dict):
        # QuPath writes "name", or "names" for a derived class such as Tumour: Positive.
        classification = classification.get("name") or classification.get("names")
    if isinstance(classification, list):
        classification = ": ".join(str(part) for part in classification)
    return str(classification or properties.get("name") or "")


def _mended(geometry: dict[str, Any], path: Path) -> Polygon | MultiPolygon:
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused below, in a sentence
            shape = shapely.force_2d(shapely.geometry.shape(geometry))
            coordinates = shapely.get_coordinates(shape)
            mended = shape if shape.is_valid else shapely.make_valid(shape, method="structure")
    except (GEOSException, ValueError, TypeError, IndexError, KeyError, AttributeError) as fault:
        message = f"{path.name} has a broken polygon: rings need at least 4 points of two numbers."
        raise AnnotationError(message) from fault
    if not bool(abs(coordinates).max(initial=0.0) < 1e9):  # also true of NaN and infinity
        raise AnnotationError(f"{path.name} has a polygon with coordinates that are no pixels.")
    return _area_of(mended, f"{path.name} has a polygon without area; draw it again.")


def _area_of(geometry: BaseGeometry, refusal: str) -> Polygon | MultiPolygon:
    """Keep what has an area; refuse if nothing has."""
    polygons = [
        polygon
        for part in shapely.get_parts(geometry)
        for polygon in shapely.get_parts(part)
        if polygon.geom_type == "Polygon" and polygon.area > 0
    ]
    if not polygons:
        raise AnnotationError(refusal)
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)


def _within(regions: list[Region], shape: tuple[int, int], path: Path) -> list[Region]:
    """Cut regions at the slide's edge; drop those outside unless all are."""
    height, width = shape
    slide = shapely.box(0, 0, width, height)
    inside = [region for region in regions if region.geometry.intersection(slide).area > 0]
    if not inside:
        left, top, right, bottom = shapely.total_bounds([r.geometry for r in regions])
        raise AnnotationError(
            f"{path.name} lies outside the slide: its x runs from {left:.0f} to {right:.0f} "
            f"and its y from {top:.0f} to {bottom:.0f}, the slide has {width} x {height} pixels; "
            "export it from the same slide, in pixels."
        )
    return [
        Region(r.name, _area_of(r.geometry.intersection(slide), f"{path.name} has no area."))
        for r in inside
    ]
