"""``regions.geojson``: outlines and counted cells, to open in QuPath."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPoint, MultiPolygon

from histo.annotations import polygons_from_mask
from histo.geometry import Spacing
from histo.outputs.coverage import Frame, component_coverage, mask_coverage
from histo.outputs.results import SlideResults
from histo.vocabulary import COLOURS, Exclusion

__all__ = ["region_features", "write_regions"]

_LONGEST_PX = 2048
_MIN_AREA_UM2 = 50.0
_MIN_AREA_PX = 8.0
_TOLERANCE_PX = 0.35  # keeps the cut corners of small outlines: 0.5 px of area an outline, no more


@dataclass(frozen=True)
class _Outline:
    """A mask to be outlined, and what is said about it."""

    name: str
    mask: NDArray[np.bool_]
    spacing: Spacing
    metadata: dict[str, str]


def write_regions(path: Path, results: SlideResults) -> None:
    """Write ``regions.geojson``, a FeatureCollection of QuPath annotations."""
    collection = {"type": "FeatureCollection", "features": list(region_features(results))}
    text = json.dumps(collection, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def region_features(results: SlideResults) -> Iterator[dict[str, Any]]:
    """Yield one feature for tissue, each exclusion and component present, and its cells' centres.

    Coordinates are (x, y) in level-0 pixels. Outlines are drawn for the eye: at most 2048 px
    along the longer side, without patches and holes under 50 µm² (or 8 pixels, where those are
    more), simplified by a third of a pixel. How fine, and the area outlined, stand in
    ``properties``; areas to report are those in ``scores.json``.
    """
    for outline in _outlines(results):
        feature = _feature(outline, results.slide.spacing)
        if feature is not None:
            yield feature
    for name, points in results.cells.items():
        if len(points) and results.component_map is not None:
            yield _centres(name, points, results.component_map.spacing, results.slide.spacing)


def _outlines(results: SlideResults) -> Iterator[_Outline]:
    tissue_map = results.tissue_map
    frame = _frame(tissue_map.tissue.shape, tissue_map.spacing)
    masks = {"tissue": tissue_map.tissue}
    for index, reason in enumerate(Exclusion, start=1):
        masks[reason] = tissue_map.tissue & (tissue_map.exclusion == index)
    for name, mask in masks.items():
        outlined = mask_coverage(mask, tissue_map.spacing, frame) >= 0.5
        yield _Outline(name, outlined, frame.spacing, {})
    component_map = results.component_map
    if component_map is None:
        return
    frame = _frame(component_map.probability.shape[1:], component_map.spacing)
    for index, name in results.areas:
        cut = results.thresholds[name]
        covered = component_coverage(component_map, index, cut, tissue_map, frame)
        yield _Outline(name, covered >= 0.5, frame.spacing, {"threshold": f"{cut:.3g}"})


def _frame(shape: tuple[int, ...], spacing: Spacing) -> Frame:
    """Return the frame to outline in: the map's own, or whole multiples of it on large slides."""
    step = max(1, math.ceil(max(shape) / _LONGEST_PX))
    return Frame((-(-shape[0] // step), -(-shape[1] // step)), spacing.scaled(step))


def _feature(outline: _Outline, slide: Spacing) -> dict[str, Any] | None:
    spacing = outline.spacing
    min_area_px = max(_MIN_AREA_PX, _MIN_AREA_UM2 / (spacing.row * spacing.col))
    polygons = polygons_from_mask(outline.mask, min_area_px=min_area_px, tolerance_px=_TOLERANCE_PX)
    if polygons.is_empty:
        return None
    name = str(outline.name)
    metadata = {
        **outline.metadata,
        "outlined at um per px": f"{spacing.mean:.4g}",
        "smallest patch um2": f"{min_area_px * spacing.row * spacing.col:.4g}",
    }
    return {
        "type": "Feature",
        "geometry": _in_slide_px(polygons, spacing, slide),
        "properties": {
            "objectType": "annotation",
            "name": name,
            "classification": _classification(name),
            "isLocked": True,
            "measurements": {"outlined mm^2": spacing.area_mm2(polygons.area)},
            "metadata": metadata,
        },
    }


def _centres(
    name: str, points: NDArray[np.float64], spacing: Spacing, slide: Spacing
) -> dict[str, Any]:
    """Return every counted cell as one annotation of points, apart from the outlined area."""
    places = MultiPoint(points[:, ::-1])
    return {
        "type": "Feature",
        "geometry": _in_slide_px(places, spacing, slide),
        "properties": {
            "objectType": "annotation",
            "name": f"{name}: cells counted",
            "classification": _classification(name),
            "isLocked": True,
            "measurements": {"cells": len(points)},
        },
    }


def _classification(name: str) -> dict[str, Any]:
    return {"name": name, "color": list(COLOURS.get(name, (128, 128, 128)))}


def _in_slide_px(
    shapes: MultiPolygon | MultiPoint, spacing: Spacing, slide: Spacing
) -> dict[str, Any]:
    """Return the GeoJSON geometry in level-0 pixels, to a tenth of a pixel."""
    scale = np.array([spacing.col / slide.col, spacing.row / slide.row])
    scaled = shapely.transform(shapes, lambda xy: np.round(xy * scale, 1))
    geometry = scaled.geoms[0] if len(scaled.geoms) == 1 else scaled
    mapping: dict[str, Any] = json.loads(shapely.to_geojson(geometry))  # 5 times mapping()'s speed
    return mapping
