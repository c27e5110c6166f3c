"""Regions people draw and regions the network finds: files, polygons and masks.

The names below load shapely on first use, so importing this room is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from histo.annotations.geojson import Region, read_regions
    from histo.annotations.polygons import polygons_from_mask
    from histo.annotations.raster import rasterise

__all__ = ["Region", "polygons_from_mask", "rasterise", "read_regions"]

_HOME = {
    "Region": "geojson",
    "polygons_from_mask": "polygons",
    "rasterise": "raster",
    "read_regions": "geojson",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module the first time it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'histo.annotations' has no attribute '{name}'")
    return getattr(import_module(f"histo.annotations.{_HOME[name]}"), name)
