"""Tables of points, boxes and outlines; a slide of one class throughout."""

import pytest

from histo.annotations import (
    ClassMap,
    component_centres,
    read_annotations,
    whole_slide_labels,
)
from histo.errors import AnnotationError
from histo.geometry import Box, Spacing

NUCLS = (
    "raw_classification,main_classification,type,xmin,ymin,xmax,ymax,coords_x,coords_y\n"
    'macrophage,nonTIL_stromal,polyline,0,0,10,10,"0,10,0","0,0,10"\n'
    "tumor,tumor_nonMitotic,rectangle,20,20,30,24,,\n"
)


def read(tmp_path, text):
    file = tmp_path / "cells.csv"
    file.write_text(text, encoding="utf-8")
    return read_annotations(file)


def test_points_with_and_without_a_class(tmp_path):
    found = read(tmp_path, "\ufeffX, Y,label\n1.5,2,cell\n\n3,4,\n")
    assert [(a.name, a.geometry.x, a.geometry.y) for a in found] == [("cell", 1.5, 2), ("", 3, 4)]
    assert found.file_kind == "table"
    assert [a.name for a in read(tmp_path, "x,y\n1,2\n")] == [""]


def test_boxes_and_outlines_of_nuclei(tmp_path):
    found = read(tmp_path, NUCLS)
    assert [(a.name, a.geometry.area) for a in found] == [("macrophage", 50), ("tumor", 40)]


def test_centres_of_cells_are_points_or_centroids_of_their_component(tmp_path):
    class_map = ClassMap(classes={"macrophage": "macrophage", "tumor": "tumour", "": "ignore"})
    boxes = component_centres(read(tmp_path, NUCLS), class_map, "tumour")
    assert boxes.tolist() == [[22, 25]]  # (row, col)
    points = read(tmp_path, "x,y,class\n1,2,tumor\n3,4,\n5,6,tumor\n")
    assert component_centres(points, class_map, "tumour").tolist() == [[2, 1], [6, 5]]
    assert component_centres(points, class_map, "macrophage").shape == (0, 2)
    with pytest.raises(AnnotationError, match="has the class 'macrophage'"):
        component_centres(read(tmp_path, NUCLS), ClassMap(classes={"tumor": "tumour"}), "tumour")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x,y\n1,2\n3,c\n", "row 3 has a coordinate that is no number"),
        ("x,y\n1\n", "row 2 has a coordinate"),
        ("x,y\ninf,2\n", "no pixels"),
        ("x,y\n", "no area and no point"),
        ("column,row\n1,2\n", "not valid JSON"),
    ],
)
def test_every_fault_is_one_sentence(tmp_path, text, told):
    with pytest.raises(AnnotationError, match=told):
        read(tmp_path, text)


def test_a_patch_of_one_class_is_labelled_whole_and_nothing_beyond():
    class_map = ClassMap(classes={"TUM": "tumour", "STR": "background"})
    um = Spacing(0.5, 0.5)
    planes = whole_slide_labels("TUM", class_map, (8, 8), um).planes(Box(0, 0, 10, 10), um)
    assert planes.present.sum() == planes.known.sum() == 64
    with pytest.raises(AnnotationError, match="has the class 'ADI'"):
        whole_slide_labels("ADI", class_map, (8, 8), um)
