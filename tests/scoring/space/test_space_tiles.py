"""Tiles add up, and their spread is right by hand, on a checkerboard and on Poisson points."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring import by_name
from histo.scoring.space.heterogeneity import (
    excess_cv2,
    gini,
    heterogeneity,
    heterogeneity_scores,
    moran_i,
)
from histo.scoring.space.overlap import morisita_horn, overlap_of_points, overlap_score
from histo.scoring.space.tiles import TileGrid, tile_grid
from histo.scoring.space.windows import random_points

COARSE = Spacing(100.0, 100.0)  # 10 px make a 1 mm tile


def square(tiles: int = 6) -> TileGrid:
    return tile_grid(np.ones((10 * tiles, 10 * tiles), bool), COARSE)


def test_tiles_are_laid_over_the_mask_and_know_their_area() -> None:
    inside = np.zeros((40, 50), bool)
    inside[5:25, 10:40] = True
    grid = tile_grid(inside, COARSE)
    assert grid.eligible_mm2.tolist() == [[1.0] * 3] * 2
    assert grid.row_edges.tolist() == [5, 15, 25]


def test_a_mask_that_is_not_whole_tiles_is_centred_and_loses_nothing() -> None:
    inside = np.ones((14, 26), bool)
    grid = tile_grid(inside, COARSE)
    assert grid.eligible_mm2.shape == (2, 3)
    assert grid.eligible_mm2.sum() == pytest.approx(14 * 26 * 0.01)
    assert grid.eligible().sum() == 6  # 0.7 x 0.8 mm at the corners is more than half
    assert grid.eligible(0.8).sum() == 0


def test_an_empty_mask_has_no_tile_and_one_pixel_has_one() -> None:
    assert tile_grid(np.zeros((9, 9), bool), COARSE).eligible_mm2.shape == (0, 0)
    inside = np.zeros((9, 9), bool)
    inside[4, 4] = True
    assert tile_grid(inside, COARSE).eligible_mm2.tolist() == [[0.01]]


def test_a_tile_narrower_than_a_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="narrower than a pixel"):
        tile_grid(np.ones((4, 4), bool), COARSE, 50.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([200.0, 370.0, 1000.0]))
def test_sums_and_counts_over_tiles_add_up_to_the_whole(seed: int, tile_um: float) -> None:
    rng = np.random.default_rng(seed)
    inside = rng.random((33, 47)) < 0.4
    inside[16, 20] = True
    plane = rng.random((33, 47)) * inside
    points = random_points(inside, 30, rng)
    grid = tile_grid(inside, COARSE, tile_um)
    assert grid.sums(plane).sum() == pytest.approx(plane.sum())
    assert grid.eligible_mm2.sum() == pytest.approx(COARSE.area_mm2(inside.sum()))
    assert grid.counts(points).sum() == 30


def test_moving_the_mask_moves_the_tiles_with_it() -> None:
    inside = np.random.default_rng(1).random((31, 42)) < 0.5
    moved = np.pad(inside, ((7, 0), (3, 5)))
    before, after = tile_grid(inside, COARSE), tile_grid(moved, COARSE)
    # The first grid is cut by its frame, not by the mask, so areas agree tile for tile.
    np.testing.assert_allclose(before.eligible_mm2, after.eligible_mm2)


def test_gini_by_hand() -> None:
    assert gini(np.ones(7)) == pytest.approx(0.0)
    assert gini(np.array([1.0, 3.0])) == pytest.approx(0.25)
    assert gini(np.array([0.0] * 9 + [1.0])) == pytest.approx(0.9)
    assert math.isnan(gini(np.zeros(4)))
    assert math.isnan(gini(np.array([])))


def test_the_excess_is_the_textbook_formula_on_equal_tiles() -> None:
    counts = np.array([3.0, 9.0, 4.0, 0.0, 14.0])
    mean, variance = counts.mean(), counts.var(ddof=1)
    assert excess_cv2(counts, np.full(5, 2.0)) == pytest.approx((variance - mean) / mean**2)


def test_poisson_counts_have_no_excess_even_on_unequal_tiles() -> None:
    rng = np.random.default_rng(2)
    area = rng.uniform(0.5, 1.0, 5000)
    assert abs(excess_cv2(rng.poisson(20 * area), area)) < 0.005
    gamma = rng.gamma(4, 1 / 4, 5000)  # intensity varies with CV² = 1/4
    assert excess_cv2(rng.poisson(20 * area * gamma), area) == pytest.approx(0.25, abs=0.03)


def test_a_checkerboard_has_moran_minus_one_and_halves_nearly_plus_one() -> None:
    board = np.indices((6, 6)).sum(axis=0) % 2
    everywhere = np.ones((6, 6), bool)
    assert moran_i(board, everywhere)[0] == pytest.approx(-1.0)
    halves = np.repeat([[0.0] * 3 + [1.0] * 3], 6, axis=0)
    # 60 rook pairs, 6 of them across the border: (54 - 6) / 60.
    assert moran_i(halves, everywhere)[0] == pytest.approx(0.8)


def slow_moran(values: np.ndarray, used: np.ndarray, reach: float) -> tuple[float, float]:
    """Moran's I and z from a full matrix of weights, as in the textbook."""
    places = np.argwhere(used)
    z = values[used] - values[used].mean()
    apart = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))
    w = ((apart > 0) & (apart <= reach)).astype(float)
    n, total = len(z), w.sum()
    observed = n / total * (z @ w @ z) / (z @ z)
    s1, s2 = 0.5 * ((w + w.T) ** 2).sum(), ((w.sum(0) + w.sum(1)) ** 2).sum()
    variance = (n**2 * s1 - n * s2 + 3 * total**2) / (total**2 * (n**2 - 1)) - (n - 1) ** -2
    return observed, (observed + 1 / (n - 1)) / math.sqrt(variance)


@pytest.mark.parametrize(("queen", "reach"), [(False, 1.0), (True, 1.5)])
def test_moran_agrees_with_the_full_matrix_on_a_ragged_mask(queen: bool, reach: float) -> None:
    rng = np.random.default_rng(3)
    values, used = rng.random((8, 9)), rng.random((8, 9)) < 0.7
    observed, expected, z_score = moran_i(values, used, queen=queen)
    assert (observed, z_score) == pytest.approx(slow_moran(values, used, reach))
    assert expected == pytest.approx(-1 / (used.sum() - 1))
    turned = moran_i(np.rot90(values), np.rot90(used), queen=queen)
    assert turned == pytest.approx((observed, expected, z_score))


def test_moran_of_a_constant_or_of_lone_tiles_is_undefined() -> None:
    assert math.isnan(moran_i(np.full((4, 4), 0.3), np.ones((4, 4), bool))[0])
    assert math.isnan(moran_i(np.arange(9.0).reshape(3, 3), np.eye(3, dtype=bool))[0])


def test_heterogeneity_by_hand_ignores_what_lies_outside_the_mask() -> None:
    inside = np.zeros((60, 70), bool)
    inside[:, :60] = True
    grid = tile_grid(inside, COARSE)
    board = np.indices((6, 6)).sum(axis=0) % 2
    found = heterogeneity(1.0 + 2 * board, np.ones((6, 6)), grid, counted=True)
    assert found.tiles == 36
    assert found.cv == pytest.approx(np.std([1.0, 3.0] * 18, ddof=1) / 2)
    assert found.gini == pytest.approx(0.25)
    assert found.moran_i == pytest.approx(-1.0)


def test_under_twenty_tiles_or_one_mm2_there_is_no_heterogeneity_but_a_reason() -> None:
    small = heterogeneity(np.ones((4, 4)), np.ones((4, 4)), square(4))
    assert math.isnan(small.cv)
    assert "16 tiles" in small.note
    speck = tile_grid(np.ones((5, 5), bool), COARSE)
    assert "under 1 mm²" in heterogeneity(np.ones((1, 1)), np.ones((1, 1)), speck).note
    assert "zero" in heterogeneity(np.zeros((6, 6)), np.ones((6, 6)), square()).note


def test_the_scores_carry_name_tiles_and_reason() -> None:
    rng = np.random.default_rng(4)
    found = heterogeneity(
        rng.poisson(9, (6, 6)).astype(float), np.ones((6, 6)), square(), counted=True
    )
    scores = by_name(heterogeneity_scores("tam", "macrophages per mm²", found, 1000.0))
    assert list(scores) == [
        "tam_tile_cv",
        "tam_tile_gini",
        "tam_tile_moran_i",
        "tam_tile_excess_cv2",
    ]
    assert "36 tiles of 1000 µm" in scores["tam_tile_cv"].denominator
    areas = heterogeneity(rng.random((6, 6)), np.ones((6, 6)), square())
    assert len(heterogeneity_scores("collagen", "collagen", areas, 1000.0)) == 3


def test_morisita_horn_by_hand() -> None:
    assert morisita_horn(np.array([1, 2, 3]), np.array([2, 4, 6])) == pytest.approx(1.0)
    assert morisita_horn(np.array([5, 0]), np.array([0, 5])) == 0.0
    # p = (1/2, 1/2, 0), q = (0, 1/2, 1/2): 2 * 1/4 / (1/2 + 1/2)
    assert morisita_horn(np.array([1, 1, 0]), np.array([0, 3, 3])) == pytest.approx(0.5)
    assert math.isnan(morisita_horn(np.zeros(3), np.ones(3)))


def test_mixed_cells_lie_within_random_labels_and_parted_ones_below() -> None:
    rng = np.random.default_rng(5)
    inside = np.ones((60, 60), bool)
    grid = tile_grid(inside, COARSE, 500.0)
    points = random_points(inside, 900, rng)
    mixed = overlap_of_points(points[:300], points[300:], grid, seed=1)
    assert mixed.random_low <= mixed.value <= mixed.random_high
    assert mixed == overlap_of_points(points[:300], points[300:], grid, seed=1)
    left = points[:, 1] < 30
    parted = overlap_of_points(points[left], points[~left], grid)
    assert parted.value < 0.01 < parted.random_low
    assert "500 µm" in overlap_score("tam_tumour_cell", "both", parted).denominator
    none = overlap_of_points(points[:0], points, grid)
    assert math.isnan(none.value)
    assert "absent" in overlap_score("tam_tumour_cell", "both", none).note
