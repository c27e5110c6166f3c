"""Cells: one point a peak, however the map is cut, turned or stored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from histo.geometry import Box, Spacing
from histo.scoring.macrophages.cells import Cells, CellSettings, blocks, find_cells
from histo.scoring.space.windows import points_inside

ONE_UM = Spacing(1.0, 1.0)
RAW = CellSettings(sigma_um=0.0, min_distance_um=0.0)


def blobs(seed: int, size: int = 120) -> np.ndarray:
    """A map of soft blobs, some of them saturated into flat tops."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 2.5)
    scaled = 0.5 + 0.35 * noise / noise.std()
    return (np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def assert_same(found: Cells, other: Cells) -> None:
    np.testing.assert_array_equal(found.points, other.points)
    np.testing.assert_array_equal(found.probability, other.probability)


def as_set(points: np.ndarray) -> set[tuple[float, float]]:
    return {(float(row), float(col)) for row, col in np.round(points, 6)}


def test_three_peaks_by_hand() -> None:
    field = np.zeros((9, 12), np.uint8)
    field[1, 1], field[4, 8:10], field[7, 3] = 255, 200, 127  # the last is below 0.5
    found = find_cells(field, ONE_UM, RAW)
    assert found.points.tolist() == [[1.5, 1.5], [4.5, 9.0]]
    assert found.probability.tolist() == pytest.approx([1.0, 200 / 255])


def test_the_flat_step_of_a_slope_is_no_peak() -> None:
    field = np.zeros((5, 20))
    field[:, 2:12], field[:, 8:10] = 0.6, 0.9  # a step with a ridge on it
    found = find_cells(field, ONE_UM, RAW)
    assert found.points.tolist() == [[2.5, 9.0]]


def test_a_map_of_one_value_is_one_plateau() -> None:
    found = find_cells(np.ones((30, 50)), ONE_UM, block_px=7)
    assert found.points.tolist() == [[15.0, 25.0]]


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (1, 1), (40, 30)])
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_where_nothing_is_seen_there_is_no_cell(shape: tuple[int, int], value: float) -> None:
    found = find_cells(np.full(shape, value), ONE_UM)
    assert len(found) == 0
    assert found.points.shape == (0, 2)


def test_one_pixel_can_be_a_cell() -> None:
    assert find_cells(np.full((1, 1), 255, np.uint8), ONE_UM).points.tolist() == [[0.5, 0.5]]


def test_of_two_close_peaks_the_higher_stays_and_the_third_is_spared() -> None:
    field = np.zeros((5, 40))
    field[2, [5, 11, 17]] = 1.0, 0.9, 0.8  # 6 µm apart: the middle one falls, not the last
    near = CellSettings(sigma_um=0.0, min_distance_um=8.0)
    assert find_cells(field, ONE_UM, near).points[:, 1].tolist() == [5.5, 17.5]
    assert len(find_cells(field, Spacing(1.0, 1.5), near)) == 3


def test_a_point_for_each_of_many_separate_cells() -> None:
    rng = np.random.default_rng(3)
    centres = np.stack(np.mgrid[12:240:18, 12:240:18], -1).reshape(-1, 2)
    centres = centres + rng.integers(-4, 5, centres.shape)
    field = np.zeros((240, 240), np.uint8)
    for row, col in centres:
        field[row - 2 : row + 3, col - 2 : col + 3] = rng.integers(150, 256)
    found = find_cells(field, ONE_UM, CellSettings(threshold=0.3, sigma_um=2.0))
    assert as_set(found.points) == as_set(centres + 0.5)


@pytest.mark.parametrize("distances", [(2.0, 8.0), (0.0, 0.0), (0.0, 6.0)])
@pytest.mark.parametrize("block_px", [23, 64, 119])
def test_blocks_of_any_size_give_the_same_cells(
    distances: tuple[float, float], block_px: int
) -> None:
    choice = CellSettings(sigma_um=distances[0], min_distance_um=distances[1])
    whole = find_cells(blobs(5), ONE_UM, choice)
    assert len(whole) > 20
    assert_same(find_cells(blobs(5), ONE_UM, choice, block_px=block_px), whole)


def test_blocks_of_one_pixel_join_every_plateau() -> None:
    field = blobs(6, 40)
    assert_same(find_cells(field, ONE_UM, RAW, block_px=1), find_cells(field, ONE_UM, RAW))


def test_boxes_that_tile_the_map_share_no_cell() -> None:
    whole = find_cells(blobs(7), ONE_UM)
    parts = [whole.in_box(box) for box in blocks((120, 120), 37)]
    assert sum(map(len, parts)) == len(whole)
    assert as_set(np.concatenate([part.points for part in parts])) == as_set(whole.points)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 3), st.booleans())
def test_quarter_turns_and_mirrors_move_the_cells_with_the_map(
    seed: int, turns: int, mirror: bool
) -> None:
    field, choice = blobs(seed, 80), CellSettings(min_distance_um=0.0)
    points = find_cells(field, ONE_UM, choice).points
    for _ in range(turns):
        points = np.column_stack([80 - points[:, 1], points[:, 0]])
    turned = np.rot90(field, turns)
    if mirror:
        turned, points = turned[:, ::-1], points * (1, -1) + (0, 80)
    assert as_set(find_cells(turned, ONE_UM, choice).points) == as_set(points)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 40), st.integers(0, 40))
def test_a_shift_moves_the_cells_with_the_map(seed: int, rows: int, cols: int) -> None:
    field = np.pad(blobs(seed, 60), 20)
    canvas = np.zeros((150, 150), np.uint8)
    canvas[rows : rows + 100, cols : cols + 100] = field
    moved = find_cells(canvas, ONE_UM).points - (rows, cols)
    assert as_set(moved) == as_set(find_cells(field, ONE_UM).points)


def test_pixels_half_as_wide_give_the_same_cells() -> None:
    field = np.zeros((120, 120), np.uint8)
    for row, col in np.stack(np.mgrid[10:110:15, 10:110:15], -1).reshape(-1, 2):
        field[row - 4 : row + 5, col - 4 : col + 5] = 255
    coarse = find_cells(field, ONE_UM)
    fine = find_cells(field.repeat(2, 0).repeat(2, 1), Spacing(0.5, 0.5))
    assert len(coarse) == 49
    np.testing.assert_array_equal(fine.points / 2, coarse.points)


@pytest.mark.parametrize(("area_um2", "seen"), [(60.0, True), (30.0, False)])
def test_the_smallest_macrophage_survives_smoothing(area_um2: float, seen: bool) -> None:
    rows, cols = np.mgrid[:160, :160] + 0.5
    disc = np.hypot(rows - 80, cols - 80) * 0.25 <= np.sqrt(area_um2 / np.pi)
    assert len(find_cells(disc.astype(float), Spacing(0.25, 0.25))) == seen


def test_bytes_and_fractions_give_the_same_cells() -> None:
    field = blobs(9)
    assert as_set(find_cells(field / 255.0, ONE_UM).points) == as_set(
        find_cells(field, ONE_UM).points
    )


def test_the_input_is_left_as_it_was() -> None:
    field = blobs(10)
    before = field.copy()
    find_cells(field, ONE_UM)
    np.testing.assert_array_equal(field, before)


def test_scikit_image_finds_the_same_separate_peaks() -> None:
    from skimage.feature import peak_local_max

    rng = np.random.default_rng(11)
    field = np.zeros((200, 200))
    at = np.stack(np.mgrid[15:190:25, 15:190:25], -1).reshape(-1, 2)
    at = at + rng.integers(-6, 7, at.shape)
    field[at[:, 0], at[:, 1]] = rng.uniform(60, 90, len(at))
    field = gaussian_filter(field, 3.0)
    theirs = peak_local_max(
        gaussian_filter(field, 2.0, truncate=3.0), min_distance=5, threshold_abs=0.25
    )
    ours = find_cells(field, ONE_UM, CellSettings(threshold=0.25, sigma_um=2.0))
    assert as_set(ours.points - 0.5) == as_set(theirs)


@pytest.mark.parametrize("threshold", [0.0, 1.5, np.nan])
def test_a_threshold_outside_its_range_is_a_wrong_argument(threshold: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        CellSettings(threshold=threshold)


def test_a_negative_distance_is_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match="0 µm"):
        CellSettings(sigma_um=-1.0)


@pytest.mark.parametrize("field", [np.zeros((2, 3, 3)), np.zeros((3, 3), np.int32)])
def test_a_map_of_another_kind_is_a_wrong_argument(field: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"2-D|uint8 or float"):
        find_cells(field, ONE_UM)


def test_a_point_belongs_to_the_pixel_it_lies_in_and_to_none_beyond_the_mask() -> None:
    mask = np.array([[True, False]])
    points = np.array([[0.0, 0.0], [0.99, 0.99], [0.5, 1.0], [0.5, 2.0], [-0.1, 0.5]])
    assert points_inside(points, mask).tolist() == [True, True, False, False, False]
    assert points_inside(np.empty((0, 2)), mask).shape == (0,)


def test_a_selection_keeps_points_and_heights_together() -> None:
    found = find_cells(blobs(12), ONE_UM)
    some = found.select(found.probability > 0.9)
    assert 0 < len(some) < len(found)
    assert (some.probability > 0.9).all()
    assert len(found.in_box(Box(0, 0, 0, 0))) == 0
