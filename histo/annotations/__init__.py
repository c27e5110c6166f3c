"""Annotations: what people draw and what the network finds; files, polygons, masks and labels.

Examples
--------
>>> from histo.annotations import ClassMap, open_labels, read_annotations
>>> read_annotations(path).names  # doctest: +SKIP
('Tumour', 'Stroma')

The names below load shapely on first use, so importing this room is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from histo.annotations.annotation import Annotation, Annotations
    from histo.annotations.centres import component_centres
    from histo.annotations.class_map import ClassMap, Rule
    from histo.annotations.geojson import write_geojson
    from histo.annotations.labels import Labels, open_labels, whole_slide_labels
    from histo.annotations.planes import LabelPlanes, label_planes
    from histo.annotations.polygons import polygons_from_mask
    from histo.annotations.raster import rasterise
    from histo.annotations.reading import read_annotations, read_regions

__all__ = [
    "Annotation",
    "Annotations",
    "ClassMap",
    "LabelPlanes",
    "Labels",
    "Rule",
    "component_centres",
    "label_planes",
    "open_labels",
    "polygons_from_mask",
    "rasterise",
    "read_annotations",
    "read_regions",
    "whole_slide_labels",
    "write_geojson",
]

_HOME = {
    "Annotation": "annotation",
    "Annotations": "annotation",
    "ClassMap": "class_map",
    "LabelPlanes": "planes",
    "Labels": "labels",
    "Rule": "class_map",
    "component_centres": "centres",
    "label_planes": "planes",
    "open_labels": "labels",
    "polygons_from_mask": "polygons",
    "rasterise": "raster",
    "read_annotations": "reading",
    "read_regions": "reading",
    "whole_slide_labels": "labels",
    "write_geojson": "geojson",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module the first time it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'histo.annotations' has no attribute '{name}'")
    return getattr(import_module(f"histo.annotations.{_HOME[name]}"), name)
