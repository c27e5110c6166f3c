"""regions.geojson lies where the masks lie, in level-0 pixels, as QuPath wants it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely

from histo.annotations import rasterise, read_regions
from histo.outputs import write_regions
from histo.scoring import by_name
from histo.vocabulary import COLOURS


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    file = tmp_path_factory.mktemp("regions") / "regions.geojson"
    write_regions(file, results)
    return file


def features(file):
    return json.loads(file.read_text(encoding="utf-8"))["features"]


def test_every_feature_is_a_locked_annotation_in_its_class_colour(written) -> None:
    found = features(written)
    assert [f["properties"]["name"] for f in found] == ["tissue", "pen", "collagen", "tumour"]
    for feature in found:
        properties = feature["properties"]
        assert properties["objectType"] == "annotation"
        assert properties["isLocked"] is True
        assert properties["classification"] == {
            "name": properties["name"],
            "color": list(COLOURS[properties["name"]]),
        }
        assert all(isinstance(text, str) for text in properties["metadata"].values())


def test_outlined_areas_are_the_scored_areas(written, results) -> None:
    scores = by_name(results.scores)
    wanted = {"tissue": "tissue_mm2", "pen": "excluded_pen_mm2", "collagen": "collagen_mm2"}
    for region in read_regions(written, results.slide.shape):
        area_mm2 = results.slide.spacing.area_mm2(region.geometry.area)
        name = wanted.get(region.name, f"{region.name}_mm2")
        assert area_mm2 == pytest.approx(scores[name].value, rel=0.01), region.name
        assert region.geometry.is_valid


def test_outlines_filled_again_give_the_mask_back(written, results) -> None:
    collagen = [r.geometry for r in read_regions(written) if r.name == "collagen"]
    found = results.component_map
    shape = found.probability.shape[1:]
    mask = rasterise(collagen, found.spacing, results.slide.spacing, shape)
    truth = found.probability[0] >= 128
    low = results.tissue_map.tissue & (results.tissue_map.exclusion == 0)
    truth &= low.repeat(4, 0).repeat(4, 1)
    assert np.count_nonzero(mask != truth) < 0.01 * truth.sum()


def test_a_hole_in_a_component_stays_a_hole(written) -> None:
    (collagen,) = [
        f["geometry"] for f in features(written) if f["properties"]["name"] == "collagen"
    ]
    shape = shapely.geometry.shape(collagen)
    assert sum(len(part.interiors) for part in shapely.get_parts(shape)) == 1


def test_x_is_the_column(results, tmp_path) -> None:
    tissue = np.zeros((150, 200), bool)
    tissue[10:30, 100:190] = True  # 8 µm pixels: level-0 y 160 to 480, x 1600 to 3040
    masks = replace(results.tissue_map, tissue=tissue)
    write_regions(tmp_path / "r.geojson", replace(results, tissue_map=masks))
    bounds = shapely.geometry.shape(features(tmp_path / "r.geojson")[0]["geometry"]).bounds
    assert bounds == pytest.approx((1600, 160, 3040, 480))


def test_a_large_map_is_outlined_coarser_and_says_so(make, tmp_path, monkeypatch) -> None:
    results = make()
    monkeypatch.setattr("histo.outputs.regions._LONGEST_PX", 200)
    write_regions(tmp_path / "r.geojson", results)
    found = {f["properties"]["name"]: f["properties"] for f in features(tmp_path / "r.geojson")}
    assert found["collagen"]["metadata"]["outlined at um per px"] == "8"
    area = found["collagen"]["measurements"]["outlined mm^2"]
    assert area == pytest.approx(by_name(results.scores)["collagen_mm2"].value, rel=0.02)


def test_specks_below_the_smallest_area_are_left_out(results, tmp_path) -> None:
    probability = np.zeros_like(results.component_map.probability)
    probability[0, 300:303, 400:403] = 255  # 36 µm²
    found = replace(results.component_map, probability=probability)
    write_regions(tmp_path / "r.geojson", replace(results, component_map=found))
    assert {f["properties"]["name"] for f in features(tmp_path / "r.geojson")} == {"tissue", "pen"}


def test_counted_cells_are_points_of_their_component(results, tmp_path) -> None:
    """A canvas pixel is four slide pixels wide: its centre lies two of them in."""
    cells = np.array([[10.5, 20.5], [30.0, 5.0]])
    write_regions(tmp_path / "r.geojson", replace(results, cells={"macrophage": cells}))
    *_, last = features(tmp_path / "r.geojson")
    assert last["geometry"]["type"] == "MultiPoint"
    scale = results.component_map.spacing.col / results.slide.spacing.col
    np.testing.assert_allclose(last["geometry"]["coordinates"], cells[:, ::-1] * scale)
    assert last["properties"]["classification"]["name"] == "macrophage"
    assert last["properties"]["measurements"] == {"cells": 2}
    regions = read_regions(tmp_path / "r.geojson")
    assert "macrophage: cells counted" not in {region.name for region in regions}


def test_no_cells_and_centres_are_not_drawn(results, tmp_path) -> None:
    found = results.component_map
    centres = replace(found, components=("collagen", "cell"))
    cuts = {"collagen": 0.5, "cell": 0.5}
    given = replace(
        results, component_map=centres, thresholds=cuts, cells={"macrophage": np.empty((0, 2))}
    )
    write_regions(tmp_path / "r.geojson", given)
    names = [feature["properties"]["name"] for feature in features(tmp_path / "r.geojson")]
    assert names == ["tissue", "pen", "collagen"]
