"""ImageScope and ASAP files: shapes, holes, groups and points; hostile XML is refused."""

import pickle
from collections import Counter

import numpy as np
import pytest
import shapely

from histo.annotations import ClassMap, open_labels, read_annotations
from histo.errors import AnnotationError
from histo.geometry import Box, Spacing

APERIO = """<?xml version="1.0"?>
<Annotations MicronsPerPixel="0.25">
 <Annotation Id="1" Name="outer name" LineColor="65280">
  <Attributes><Attribute Name="Tumour"/></Attributes>
  <Regions>
   {regions}
  </Regions>
 </Annotation>
</Annotations>"""
SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]


def region(points, kind=0, negative=0) -> str:
    vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in points)
    return (
        f'<Region Type="{kind}" NegativeROA="{negative}"><Vertices>{vertices}</Vertices></Region>'
    )


def asap(kind, points, group="None", name="mine") -> str:
    nodes = "".join(
        f'<Coordinate Order="{order}" X="{x}" Y="{y}"/>' for order, (x, y) in enumerate(points)
    )
    return (
        f'<Annotation Name="{name}" Type="{kind}" PartOfGroup="{group}">'
        f"<Coordinates>{nodes}</Coordinates></Annotation>"
    )


def asap_file(*annotations, groups="") -> str:
    body = f"<Annotations>{''.join(annotations)}</Annotations>"
    return (
        f"<ASAP_Annotations>{body}<AnnotationGroups>{groups}</AnnotationGroups></ASAP_Annotations>"
    )


def read(tmp_path, text, class_map=None):
    file = tmp_path / "drawn.xml"
    file.write_text(text, encoding="utf-8")
    return read_annotations(file, class_map)


def aperio(tmp_path, *regions):
    return read(tmp_path, APERIO.format(regions="".join(regions)))


def test_the_class_of_a_layer_is_its_attribute_else_its_name_else_its_colour(tmp_path):
    text = APERIO.format(regions=region(SQUARE))
    assert read(tmp_path, text).names == ("Tumour",)
    text = text.replace('<Attribute Name="Tumour"/>', "")
    assert read(tmp_path, text).names == ("outer name",)
    assert read(tmp_path, text.replace("outer name", "")).names == ("#00ff00",)


def test_rectangles_ellipses_and_counters_are_shapes_and_rulers_are_skipped(tmp_path):
    found = aperio(
        tmp_path,
        region([(10, 8), (0, 0)], kind=1),
        region([(0, 0), (20, 10)], kind=2),
        region([(3, 4)], kind=5),
        region([(0, 0), (9, 9)], kind=4),
        region([(1, 1), (2, 2)]),
    )
    assert [item.geometry.geom_type for item in found] == ["Polygon", "Polygon", "Point"]
    assert found[0].geometry.area == 80
    assert found[1].geometry.area == pytest.approx(np.pi * 10 * 5, rel=1e-3)
    assert (found.skipped, found.repaired, found.file_kind) == (2, 0, "aperio-xml")


def test_a_negative_region_is_a_hole_in_every_region_of_its_layer(tmp_path):
    hole = [(4, 4), (14, 4), (14, 6), (4, 6)]
    shifted = [(x + 12, y) for x, y in SQUARE]
    found = aperio(tmp_path, region(SQUARE), region(shifted), region(hole, negative=1))
    assert [item.geometry.area for item in found] == [100 - 12, 100 - 4]


def test_an_outline_that_crosses_itself_is_mended_and_counted(tmp_path):
    found = aperio(tmp_path, region([(0, 0), (2, 2), (2, 0), (0, 2)]), region(SQUARE))
    assert found.repaired == 1
    assert found[0].geometry.area == 2
    assert all(item.geometry.is_valid for item in found)


def test_a_decimal_comma_is_a_decimal_point(tmp_path):
    text = APERIO.format(regions=region([("0,5", 0), (2, 0), (2, 2), ("0,5", 2)]))
    assert read(tmp_path, text)[0].geometry.area == 3


def test_asap_shapes_groups_and_points(tmp_path):
    groups = '<Group Name="inner" PartOfGroup="outer"/><Group Name="outer" PartOfGroup="None"/>'
    found = read(
        tmp_path,
        asap_file(
            asap("Polygon", SQUARE, "outer"),
            asap("Rectangle", SQUARE, "inner"),
            asap("Spline", SQUARE),
            asap("Dot", [(1, 2)], "outer"),
            asap("PointSet", [(1, 2), (3, 4)], "inner"),
            asap("Measurement", [(1, 2), (3, 4)]),
            groups=groups,
        ),
    )
    assert Counter(item.name for item in found) == {"outer": 2, "outer: inner": 3, "mine": 1}
    assert [item.geometry.geom_type for item in found] == ["Polygon"] * 3 + ["Point"] * 3
    assert (found.skipped, found.file_kind) == (1, "asap-xml")


def test_asap_corners_are_taken_in_their_order(tmp_path):
    text = asap_file(asap("Polygon", SQUARE))
    first, second = '<Coordinate Order="0" X="0" Y="0"/>', '<Coordinate Order="1" X="10" Y="0"/>'
    swapped = text.replace(first + second, second + first)
    assert swapped != text
    found = read(tmp_path, swapped)
    assert (found[0].geometry.area, found.repaired) == (100, 0)


def test_groups_in_a_circle_end(tmp_path):
    groups = '<Group Name="a" PartOfGroup="b"/><Group Name="b" PartOfGroup="a"/>'
    found = read(tmp_path, asap_file(asap("Polygon", SQUARE, "a"), groups=groups))
    assert found.names == ("b: a",)


def test_a_class_map_says_what_each_annotation_means_and_misses_none(tmp_path):
    text = asap_file(asap("Polygon", SQUARE, "T"), asap("Polygon", SQUARE, "S"))
    found = read(tmp_path, text, ClassMap(classes={"T": "tumour", "S": "background"}))
    assert [item.rule.to for item in found] == [("tumour",), "background"]
    with pytest.raises(AnnotationError, match="has the class 'S'"):
        read(tmp_path, text, ClassMap(classes={"T": "tumour"}))


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><Annotations><X>&b;</X></Annotations>'
)
FETCH = '<!DOCTYPE l SYSTEM "file:///etc/passwd"><Annotations/>'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LAUGHS, "document type or entities"),
        (FETCH, "document type or entities"),
        ("<Annotations>", "no valid XML"),
        ("<Annotations></Annotation>", "line 1"),
        ('<?xml version="1.0" encoding="no-such"?><Annotations/>', "no valid XML"),
        ("<html/>", "begins with <html>"),
        ("<Annotations/>", "no area and no point"),
        (APERIO.format(regions=region([(0, 0), (1, 1)])), r"1 lines or empty outlines"),
        (APERIO.format(regions=region([("a", 0), *SQUARE])), "vertex at X='a', Y='0'"),
        (APERIO.format(regions=region([("nan", 0), *SQUARE])), "vertex at X='nan'"),
        (APERIO.format(regions=region([("1e30", 0), *SQUARE])), "no pixels"),
        (APERIO.format(regions="<Region><Vertex X='1'/></Region>"), "vertex at X='1', Y='None'"),
        (asap_file(asap("Polygon", [("", 1), *SQUARE])), "coordinate at X=''"),
        (asap_file(), "no area and no point"),
    ],
)
def test_every_fault_is_one_sentence(tmp_path, text, told):
    with pytest.raises(AnnotationError, match=told) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.shared_data
def test_a_real_imagescope_file_is_read_whole(shared_data):
    """MoNuSAC 2020, a kidney tumour: 314 epithelial and 7 macrophage outlines."""
    path = shared_data / "slides" / "monusac_A9K0_1.xml"
    class_map = ClassMap(
        classes={"Macrophage": "macrophage", "Epithelial": "background"}, outside="background"
    )
    found = read_annotations(path, class_map)
    assert Counter(item.name for item in found) == {"Epithelial": 314, "Macrophage": 7}
    assert all(item.geometry.is_valid for item in found)
    um = Spacing(0.19448, 0.19448)
    labels = pickle.loads(pickle.dumps(open_labels(path, class_map, (1153, 1307), um)))
    planes = labels.planes(Box(0, 0, 1153, 1307), um)
    drawn = shapely.union_all([a.geometry for a in found if a.name == "Macrophage"])
    over = shapely.union_all([a.geometry for a in found if a.name == "Epithelial"])
    low, high = drawn.difference(over).area, drawn.area
    assert 0.99 * low < planes.present[0].sum() < 1.01 * high
    assert planes.known.all()
