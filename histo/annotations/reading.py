"""From a file of any kind to annotations: what it is, is seen from its content."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from histo.annotations.annotation import Annotation, Annotations, Gatherer, mended
from histo.annotations.class_map import ClassMap
from histo.annotations.table import is_table, table_annotations
from histo.errors import AnnotationError

__all__ = ["is_raster", "read_annotations", "read_regions"]

_RASTERS = (b"\x89PNG", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LARGEST_MPX = 100
_KINDS = "GeoJSON (QuPath), ImageScope or ASAP XML, a CSV table, or a label image (PNG, TIFF)"


def read_annotations(
    path: Path, class_map: ClassMap | None = None, *, slide_shape: tuple[int, int] | None = None
) -> Annotations:
    """Read the annotations of a file: GeoJSON, ImageScope or ASAP XML, a table, a label image.

    Parameters
    ----------
    path
        The file; its ending does not matter.
    class_map
        Given, each annotation carries what its class means, and a class that the map does not
        name is a fault.
    slide_shape
        (height, width) of level 0. A label image is stretched to it; without it, its pixels are
        taken as those of level 0. Vector files are in level-0 pixels already.

    Returns
    -------
    Annotations
        At least one, in the file's order; of a label image one a class, 0 left out unless the
        map names it.

    Raises
    ------
    AnnotationError
        In one sentence, for whatever is wrong with the file.
    """
    data = _content(path)
    if is_raster(data):
        found = _outlined(path, data[:8], class_map, slide_shape)
    elif data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        found = _from_xml(data, path)
    elif is_table(data):
        found = table_annotations(data, path)
    else:
        from histo.annotations.geojson import geojson_annotations

        found = geojson_annotations(data, path)
    if class_map is None:
        return found
    class_map.require(found.names, path.name)
    ruled = tuple(replace(item, rule=class_map.rule(item.name)) for item in found)
    return replace(found, items=ruled)


def read_regions(path: Path, slide_shape: tuple[int, int] | None = None) -> list[Annotation]:
    """Read the areas of an annotation file, for a region of interest; points are left out.

    Parameters
    ----------
    path
        The file, of any kind `read_annotations` takes.
    slide_shape
        (height, width) of level 0; given, the regions must meet the slide and are cut at its edge.

    Returns
    -------
    list of Annotation
        At least one, in the file's order.

    Raises
    ------
    AnnotationError
        If the file cannot be read, has no area, a broken polygon, or lies outside the slide.
    """
    found = read_annotations(path, slide_shape=slide_shape)
    regions = [item for item in found if item.geometry.geom_type != "Point"]
    if not regions:
        raise AnnotationError(f"{path.name} has no polygon; draw an area and export it.")
    return regions if slide_shape is None else _within(regions, slide_shape, path)


def is_raster(head: bytes) -> bool:
    """Whether a file that begins so is a label image."""
    return head.startswith(_RASTERS)


def _content(path: Path) -> bytes:
    """Return the whole file, of a label image only its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            data = head if is_raster(head) else head + file.read()
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise AnnotationError(f"{path.name} cannot be read ({reason}).") from fault
    if not data.strip():
        raise AnnotationError(f"{path.name} is empty; expected {_KINDS}.")
    return data


def _from_xml(data: bytes, path: Path) -> Annotations:
    from histo.annotations.aperio import aperio_annotations
    from histo.annotations.asap import asap_annotations
    from histo.annotations.xml_file import parse_xml

    root = parse_xml(data, path)
    if root.tag == "Annotations":
        return aperio_annotations(root, path)
    if root.tag == "ASAP_Annotations":
        return asap_annotations(root, path)
    raise AnnotationError(f"{path.name} begins with <{root.tag[:40]}>; expected {_KINDS}.")


def _outlined(
    path: Path, head: bytes, class_map: ClassMap | None, slide_shape: tuple[int, int] | None
) -> Annotations:
    """Outline each value of a label image."""
    from histo.annotations.mask_file import open_mask
    from histo.annotations.polygons import polygons_from_mask
    from histo.annotations.values import class_name

    mask = open_mask(path, head)
    height, width = mask.shapes[0]
    if height * width > _LARGEST_MPX * 1_000_000:
        raise AnnotationError(
            f"{path.name} has {height * width / 1e6:.0f} megapixels, too many to outline "
            f"(up to {_LARGEST_MPX}); read its labels box by box."
        )
    values = mask.gather(0, np.arange(height), np.arange(width))
    stretch = np.array([1.0, 1.0])
    if slide_shape is not None:
        stretch = np.array([slide_shape[1] / width, slide_shape[0] / height])
    gatherer = Gatherer(path.name)
    for value in np.unique(values).tolist():
        name = class_name(value, mask.is_colour)
        if value == 0 and (class_map is None or class_map.rule(name) is None):
            continue
        outline = polygons_from_mask(values == value)
        gatherer.add(name, shapely.transform(outline, lambda xy: xy * stretch))
    return gatherer.annotations("label-image")


def _within(regions: list[Annotation], shape: tuple[int, int], path: Path) -> list[Annotation]:
    """Cut regions at the slide's edge; drop those outside unless all are."""
    height, width = shape
    slide = shapely.box(0, 0, width, height)
    inside: list[Annotation] = []
    for region in regions:
        area: Polygon | MultiPolygon | None = mended(region.geometry.intersection(slide))[0]
        if area is not None:
            inside.append(replace(region, geometry=area))
    if not inside:
        left, top, right, bottom = shapely.total_bounds([r.geometry for r in regions])
        raise AnnotationError(
            f"{path.name} lies outside the slide: its x runs from {left:.0f} to {right:.0f} "
            f"and its y from {top:.0f} to {bottom:.0f}, the slide has {width} x {height} pixels; "
            "export it from the same slide, in pixels."
        )
    return inside
