"""GeoJSON as QuPath writes it: read, mended where possible, refused in a sentence; and written."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from histo.annotations.annotation import Annotation, Annotations, Gatherer
from histo.errors import AnnotationError
from histo.vocabulary import COLOURS

__all__ = ["geojson_annotations", "write_geojson"]

_AREAS = {"Polygon", "MultiPolygon"}
_POINTS = {"Point", "MultiPoint"}
_EXPORT = "In QuPath: File > Export objects as GeoJSON."


def geojson_annotations(data: bytes, path: Path) -> Annotations:
    """Read the areas and points of a GeoJSON file.

    A FeatureCollection, a list of features, a single feature, a bare geometry and a
    GeometryCollection are understood. A multipoint becomes one annotation a point; lines are
    skipped. Polygons that cross themselves are made valid and counted.

    Parameters
    ----------
    data
        Content of the file.
    path
        The file, for messages.

    Raises
    ------
    AnnotationError
        If it is no GeoJSON, has a broken polygon, or neither area nor point.
    """
    gatherer = Gatherer(path.name)
    for name, geometry in _geometries(_parsed(data, path), "", path):
        kind = geometry["type"]
        if kind not in _AREAS | _POINTS:
            gatherer.skipped += 1
            continue
        shape = _shape(geometry, path)
        parts = shapely.get_parts(shape) if kind in _POINTS else [shape]
        before = len(gatherer.found)
        for part in parts:
            gatherer.add(name, part)
        if len(gatherer.found) == before:  # a program wrote it: no stray click, but a fault
            raise AnnotationError(
                f"{path.name} has a {kind.lower()} without area or place; draw it again."
            )
    return gatherer.annotations("geojson")


def write_geojson(path: Path, annotations: Iterable[Annotation]) -> None:
    """Write annotations as a FeatureCollection that QuPath opens and `read_annotations` reads.

    Coordinates keep all their digits, so what is read back equals what was written.
    """
    features = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(annotation.geometry),
            "properties": _properties(annotation.name),
        }
        for annotation in annotations
    ]
    text = json.dumps(
        {"type": "FeatureCollection", "features": features},
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _properties(name: str) -> dict[str, Any]:
    if not name:
        return {"objectType": "annotation"}
    colour = list(COLOURS.get(name, (128, 128, 128)))
    return {"objectType": "annotation", "classification": {"name": name, "color": colour}}


def _parsed(data: bytes, path: Path) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise AnnotationError(f"{path.name} is no GeoJSON, it is not UTF-8 text.") from fault
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


def _shape(geometry: dict[str, Any], path: Path) -> BaseGeometry:
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused later, in a sentence
            return shapely.force_2d(shapely.geometry.shape(geometry))
    except (GEOSException, ValueError, TypeError, IndexError, KeyError, AttributeError) as fault:
        message = f"{path.name} has a broken polygon: rings need at least 4 points of two numbers."
        raise AnnotationError(message) from fault
