"""Masks and polygons: the same area, the same pixels, there and back."""

import json
import subprocess
import sys

import numpy as np
import pytest
import shapely
from scipy import ndimage

import histo.annotations
from histo.annotations import polygons_from_mask, rasterise, read_regions
from histo.geometry import Spacing

ONE = Spacing(1.0, 1.0)


def disc(size: int, radius: float) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] + 0.5
    return (rows - size / 2 - 0.3) ** 2 + (cols - size / 2 + 0.2) ** 2 < radius**2


def blobs(seed: int, size: int = 200, sigma: float = 2.0) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), sigma) > 0


def test_pixels_are_those_whose_centre_lies_inside() -> None:
    shape = shapely.Point(50.3, 49.8).buffer(30).union(shapely.Point(80, 80).buffer(25))
    shape = shape.difference(shapely.Point(52, 48).buffer(11))
    rows, cols = np.mgrid[:100, :100] + 0.5
    assert np.array_equal(
        rasterise([shape], ONE, ONE, (100, 100)), shapely.contains_xy(shape, cols, rows)
    )


@pytest.mark.parametrize("radius", [3, 10, 100])
def test_a_disc_keeps_its_area(radius: int) -> None:
    circle = shapely.Point(120.3, 119.8).buffer(radius, quad_segs=90)
    pixels = rasterise([circle], ONE, ONE, (240, 240)).sum()
    assert pixels == pytest.approx(np.pi * radius**2, rel=0.01 if radius > 3 else 0.04)


def test_a_frame_at_another_spacing_covers_the_same_ground() -> None:
    box = shapely.box(100, 40, 300, 80)  # x, y in slide px of 0.5 x 0.25 µm (row, col)
    mask = rasterise([box], Spacing(2.0, 2.5), Spacing(0.5, 0.25), (50, 50))
    rows, cols = np.nonzero(mask)
    assert (rows.min(), rows.max() + 1) == (10, 20)
    assert (cols.min(), cols.max() + 1) == (10, 30)


def test_overlapping_regions_are_joined_not_cancelled() -> None:
    boxes = [shapely.box(0, 0, 6, 6), shapely.box(3, 3, 9, 9)]
    assert rasterise(boxes, ONE, ONE, (10, 10)).sum() == 36 + 36 - 9


def test_what_reaches_past_the_frame_is_cut_and_what_misses_it_leaves_nothing() -> None:
    assert rasterise([shapely.box(-5, -5, 1e6, 2)], ONE, ONE, (4, 4)).sum() == 8
    assert not rasterise([shapely.box(50, 50, 60, 60)], ONE, ONE, (4, 4)).any()
    assert not rasterise([shapely.Point(1, 1), shapely.Polygon()], ONE, ONE, (4, 4)).any()
    assert not rasterise([], ONE, ONE, (0, 0)).any()


@pytest.mark.parametrize("seed", range(4))
def test_an_exact_outline_has_the_pixels_area_and_gives_them_back(seed: int) -> None:
    mask = blobs(seed)
    outline = polygons_from_mask(mask)
    assert outline.is_valid
    assert outline.area == mask.sum()
    assert np.array_equal(rasterise([outline], ONE, ONE, mask.shape), mask)


def test_random_dots_that_touch_by_corners_survive() -> None:
    mask = np.random.default_rng(0).random((60, 50)) < 0.5
    outline = polygons_from_mask(mask)
    assert outline.area == mask.sum()
    assert np.array_equal(rasterise([outline], ONE, ONE, mask.shape), mask)


def test_one_pixel_a_full_frame_and_nothing() -> None:
    one = np.zeros((5, 5), bool)
    one[2, 3] = True
    assert polygons_from_mask(one).equals(shapely.box(3, 2, 4, 3))
    assert polygons_from_mask(np.ones((4, 6), bool)).equals(shapely.box(0, 0, 6, 4))
    assert polygons_from_mask(np.zeros((4, 6), bool)).is_empty


def test_a_ring_has_one_hole_and_an_island_in_it_is_its_own_polygon() -> None:
    mask = disc(80, 35) & ~disc(80, 25) | disc(80, 8)
    parts = sorted(polygons_from_mask(mask).geoms, key=lambda part: part.area)
    assert [len(part.interiors) for part in parts] == [0, 1]


@pytest.mark.parametrize("radius", [10, 30, 100])
def test_a_simplified_disc_keeps_its_area_with_fewer_points(radius: int) -> None:
    mask = disc(240, radius)
    exact, simple = polygons_from_mask(mask), polygons_from_mask(mask, tolerance_px=0.5)
    assert simple.area == pytest.approx(mask.sum(), rel=0.01)
    assert shapely.get_num_coordinates(simple) < 0.5 * shapely.get_num_coordinates(exact)


@pytest.mark.parametrize("tolerance_px", [0.25, 0.5, 0.75])
def test_simplified_blobs_are_valid_and_unbiased(tolerance_px: float) -> None:
    mask = blobs(7, 400, 3.0)
    outline = polygons_from_mask(mask, tolerance_px=tolerance_px)
    assert outline.is_valid
    assert outline.area == pytest.approx(mask.sum(), rel=0.01)
    again = rasterise([outline], ONE, ONE, mask.shape)
    moved = again != mask
    inner = ndimage.binary_erosion(mask, iterations=2) | ndimage.binary_erosion(~mask, iterations=2)
    assert not (moved & inner).any()


def test_small_patches_go_and_small_holes_close() -> None:
    mask = np.zeros((40, 40), bool)
    mask[2:22, 2:22] = True
    mask[10:12, 10:12] = False  # a hole of 4 px
    mask[15, 4:20] = False  # a hole of 16 px
    mask[30:33, 30:33] = True  # a patch of 9 px
    outline = polygons_from_mask(mask, min_area_px=10)
    assert outline.area == 400 - 16
    assert len(outline.geoms) == 1


def test_an_open_bay_at_the_border_is_no_hole() -> None:
    mask = np.ones((10, 10), bool)
    mask[0, 4] = False
    assert polygons_from_mask(mask, min_area_px=5).area == 99


def test_a_mask_survives_the_way_through_a_file(tmp_path) -> None:
    mask = blobs(3)
    file = tmp_path / "mask.geojson"
    file.write_text(json.dumps(shapely.geometry.mapping(polygons_from_mask(mask))))
    (region,) = read_regions(file, mask.shape)
    assert np.array_equal(rasterise([region.geometry], ONE, ONE, mask.shape), mask)


def test_importing_the_room_loads_no_shapely() -> None:
    code = "import sys, histo.annotations; sys.exit('shapely' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_room_exports_what_it_says() -> None:
    for name in histo.annotations.__all__:
        assert hasattr(histo.annotations, name)
    with pytest.raises(AttributeError):
        _ = histo.annotations.nothing
