"""Boxes cut and meet, spacings measure, frames share their origin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from histo.geometry import Box, Spacing, grid_from_slide, nearest_pixels, slide_from_grid

boxes = st.builds(
    Box,
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.integers(0, 40),
    st.integers(0, 40),
)


def painted(box: Box) -> set[tuple[int, int]]:
    """The pixels of a box, the slow and certain way."""
    return {(r, c) for r in range(box.row, box.bottom) for c in range(box.col, box.right)}


def test_a_box_by_hand():
    box = Box(2, 3, 4, 5)
    assert (box.bottom, box.right, box.shape) == (6, 8, (4, 5))
    assert np.arange(100).reshape(10, 10)[box.slices].shape == box.shape
    assert box.pad(2) == Box(0, 1, 8, 9)
    assert box.shift(-2, 1) == Box(0, 4, 4, 5)


@given(boxes, boxes)
def test_two_boxes_meet_in_the_pixels_they_share(one, other):
    met = one.intersect(other)
    assert painted(met) == painted(one) & painted(other)
    assert bool(met) == bool(painted(met))
    assert painted(met) == painted(other.intersect(one))


@given(boxes, st.integers(1, 60))
def test_strips_put_together_again_are_the_box(box, rows):
    strips = list(box.strips(rows))
    assert [row for s in strips for row in range(s.row, s.bottom)] == list(
        range(box.row, box.bottom)
    )
    assert all(s.height <= rows and (s.col, s.width) == (box.col, box.width) for s in strips)


def test_a_box_of_negative_size_is_refused():
    with pytest.raises(ValueError, match="no negative size, found -1 x 2"):
        Box(0, 0, -1, 2)
    with pytest.raises(ValueError, match="negative"):
        Box(0, 0, 4, 4).pad(-3)


def test_an_area_counts_both_axes():
    assert Spacing(0.5, 0.25).area_mm2(8_000_000) == pytest.approx(1.0)
    assert Spacing(0.5, 0.25).area_mm2(0) == 0


def test_a_spacing_scales_and_keeps_its_source():
    coarse = Spacing(0.5, 0.25, "user").scaled(4)
    assert coarse == Spacing(2.0, 1.0, "user")
    assert coarse.pair == (2.0, 1.0)
    assert coarse.mean == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("value", [0.0, -0.5, np.nan, np.inf])
def test_a_spacing_is_positive_and_finite(value):
    with pytest.raises(ValueError, match="positive and finite"):
        Spacing(value, 0.5)
    with pytest.raises(ValueError, match="positive and finite"):
        Spacing(0.5, value)


def test_points_go_from_slide_to_grid_by_hand():
    points = np.array([[0, 0], [8, 8]])
    grid = grid_from_slide(points, Spacing(0.5, 0.25), Spacing(2, 2))
    assert grid.tolist() == [[0, 0], [2, 1]]
    assert points.tolist() == [[0, 0], [8, 8]], "the argument is left alone"


def test_points_come_back_from_the_grid():
    points = np.random.default_rng(0).uniform(-100, 1e6, (50, 2))
    slide, grid = Spacing(0.2498, 0.2502), Spacing(0.5, 0.5)
    there = grid_from_slide(points, slide, grid)
    np.testing.assert_allclose(slide_from_grid(there, slide, grid), points, rtol=1e-12)


def test_no_points_convert_to_no_points():
    empty = np.empty((0, 2))
    assert grid_from_slide(empty, Spacing(1, 1), Spacing(2, 2)).shape == (0, 2)


def test_nearest_pixels_by_hand():
    assert nearest_pixels(0, 6, 2.0, 4.0, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert nearest_pixels(0, 3, 4.0, 2.0, 6).tolist() == [1, 3, 5]
    assert nearest_pixels(2, 2, 1.0, 1.0, 3).tolist() == []


@given(st.floats(0.1, 20), st.floats(0.1, 20), st.integers(1, 200), st.integers(1, 20))
def test_the_nearest_pixel_covers_the_centre_or_is_the_last(spacing, source, count, length):
    rows = nearest_pixels(0, length, spacing, source, count)
    centres_um = (np.arange(length) + 0.5) * spacing
    covered = (rows * source <= centres_um + 1e-6) & (centres_um <= (rows + 1) * source + 1e-6)
    assert np.all(covered | (rows == count - 1))
    assert np.all((rows >= 0) & (rows < count))


@given(st.floats(0.1, 20), st.integers(0, 50), st.integers(0, 50))
def test_looking_up_strips_is_looking_up_the_whole(spacing, cut, more):
    whole = nearest_pixels(0, cut + more, spacing, 3.7, 40)
    parts = [
        nearest_pixels(0, cut, spacing, 3.7, 40),
        nearest_pixels(cut, cut + more, spacing, 3.7, 40),
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
