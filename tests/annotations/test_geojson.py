"""Annotation files: every shape people export is read, every fault is one sentence."""

import json

import pytest
import shapely

from histo.annotations import Annotation, read_regions
from histo.errors import AnnotationError

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]}
RING = {
    "type": "MultiPolygon",
    "coordinates": [
        [*SQUARE["coordinates"], [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]],
        [[[20, 0], [22, 0], [22, 2], [20, 2], [20, 0]]],
    ],
}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def read(tmp_path, content, shape=None) -> list[Annotation]:
    file = tmp_path / "regions ✨.geojson"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_regions(file, shape)


def test_a_qupath_collection_keeps_class_names_holes_and_order(tmp_path) -> None:
    tumour = {"name": "Tumour", "color": [200, 0, 0]}
    content = {
        "type": "FeatureCollection",
        "features": [
            feature(RING, objectType="annotation", classification=tumour, name="mine"),
            feature(SQUARE, objectType="annotation", name="corner"),
            feature(SQUARE, classification={"names": ["Tumour", "Positive"]}),
        ],
    }
    regions = read(tmp_path, content)
    assert [region.name for region in regions] == ["Tumour", "corner", "Tumour: Positive"]
    assert [region.geometry.area for region in regions] == [100 - 4 + 4, 100, 100]


@pytest.mark.parametrize(
    "content",
    [
        SQUARE,
        feature(SQUARE),
        [feature(SQUARE)],
        {"type": "GeometryCollection", "geometries": [SQUARE]},
        feature({"type": "GeometryCollection", "geometries": [SQUARE]}),
        {"type": "FeatureCollection", "features": [feature(SQUARE), feature(None)]},
        {"type": "Feature", "geometry": SQUARE, "properties": None},
        {"type": "Polygon", "coordinates": [[[*p, 0] for p in SQUARE["coordinates"][0]]]},
    ],
)
def test_every_way_of_writing_a_polygon_is_read(tmp_path, content) -> None:
    (region,) = read(tmp_path, content)
    assert region == Annotation("", region.geometry)
    assert region.geometry.area == 100
    assert not region.geometry.has_z


def test_points_and_lines_beside_polygons_are_skipped(tmp_path) -> None:
    point = {"type": "Point", "coordinates": [1, 1]}
    collection = {"type": "FeatureCollection", "features": [feature(point), feature(SQUARE)]}
    assert len(read(tmp_path, collection)) == 1


def test_a_polygon_that_crosses_itself_is_mended(tmp_path) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    (region,) = read(tmp_path, bow_tie)
    assert region.geometry.is_valid
    assert region.geometry.area == 2


def test_a_byte_order_mark_is_no_fault(tmp_path) -> None:
    assert len(read(tmp_path, "\ufeff" + json.dumps(SQUARE))) == 1


def test_a_region_over_the_edge_is_cut_there(tmp_path) -> None:
    (region,) = read(tmp_path, SQUARE, (5, 8))
    assert region.geometry.equals(shapely.box(0, 0, 8, 5))


def test_regions_beyond_the_slide_are_dropped_unless_all_are(tmp_path) -> None:
    far = shapely.geometry.mapping(shapely.box(50, 50, 60, 60))
    both = [feature(SQUARE), feature(far)]
    assert len(read(tmp_path, both, (20, 20))) == 1
    with pytest.raises(AnnotationError, match=r"outside the slide: its x runs from 50 to 60"):
        read(tmp_path, far, (20, 20))


FLAT = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}
SHORT = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}
WORDS = {"type": "Polygon", "coordinates": [[["a", "b"], ["c", "d"], ["e", "f"], ["a", "b"]]]}
ENDLESS = {"type": "Polygon", "coordinates": [[[0, 0], [1e12, 0], [0, 1], [0, 0]]]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("{not json", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("<xml/>", "begins with <xml>"),
        ("3", "no GeoJSON"),
        ('"text"', "no GeoJSON"),
        ("{}", "no GeoJSON"),
        ("[]", "no area and no point"),
        ({"type": "Nonsense"}, "found type 'Nonsense'"),
        ({"type": "FeatureCollection"}, "has no features"),
        ({"type": "FeatureCollection", "features": []}, "no area and no point"),
        ({"type": "Point", "coordinates": [1, 2]}, "has no polygon"),
        (SHORT, "broken polygon"),
        (WORDS, "broken polygon"),
        ({"type": "Polygon", "coordinates": None}, "without area"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1], [2, 2], [0, 0]]]}, "broken polygon"),
        ({"type": "Polygon", "coordinates": []}, "without area"),
        (FLAT, "without area"),
        (ENDLESS, "no pixels"),
        (json.dumps(SQUARE).replace("10", "NaN"), "no pixels|broken polygon"),
    ],
)
def test_every_fault_is_one_sentence(tmp_path, content, message) -> None:
    with pytest.raises(AnnotationError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_file_a_folder_and_bytes_are_refused(tmp_path) -> None:
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_regions(tmp_path / "none.geojson")
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_regions(tmp_path)
    (tmp_path / "bytes.geojson").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(AnnotationError, match="not UTF-8"):
        read_regions(tmp_path / "bytes.geojson")
