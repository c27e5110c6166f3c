"""Matching: one to one, as many as possible, then as close as possible."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from histo.geometry import Spacing
from histo.scoring.macrophages.matching import (
    MATCH_RADII_UM,
    MatchCounts,
    match_cells,
    match_counts,
)

ONE_UM = Spacing(1.0, 1.0)


def test_five_cells_by_hand() -> None:
    true = np.array([[10.0, 10.0], [10.0, 30.0], [50.0, 50.0]])
    detected = np.array([[10.0, 13.0], [11.0, 10.0], [10.0, 38.0], [90.0, 90.0]])
    counts = match_counts(detected, true, ONE_UM, 7.5)
    assert counts == MatchCounts(matched=1, detected=4, true=3)
    assert counts.precision == pytest.approx(1 / 4)
    assert counts.recall == pytest.approx(1 / 3)
    assert counts.f1 == pytest.approx(2 / 7)
    assert match_cells(detected, true, ONE_UM, 10.0).tolist() == [[1, 0], [2, 1]]


def test_the_radius_is_in_micrometres() -> None:
    one, other = np.array([[0.0, 0.0]]), np.array([[0.0, 20.0]])
    found = [match_counts(one, other, Spacing(5.0, 0.5), r).matched for r in MATCH_RADII_UM]
    assert found == [0, 1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 25), st.integers(0, 25))
def test_it_is_the_optimal_assignment(seed: int, detected: int, true: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.random((detected, 2)) * 40, rng.random((true, 2)) * 40
    pairs = match_cells(first, second, ONE_UM, 7.5)
    gap = cdist(first, second)
    cost = np.where(gap <= 7.5, gap, 1e4)
    row, col = linear_sum_assignment(cost)
    best = cost[row, col][cost[row, col] < 1e4]
    assert len(pairs) == len(best)
    assert gap[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(best.sum())
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)


def test_detected_and_true_are_interchangeable() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.random((300, 2)) * 150, rng.random((200, 2)) * 150
    there, back = (match_counts(*pair, ONE_UM, 10.0) for pair in [(first, second), (second, first)])
    assert there.matched == back.matched
    assert there.f1 == back.f1


def test_cells_on_top_of_each_other_match_once() -> None:
    same = np.tile([[5.0, 5.0]], (4, 1))
    assert match_counts(same, same[:3], ONE_UM, 0.0).matched == 3


def test_shares_of_nothing_are_nan() -> None:
    none, one = np.empty((0, 2)), np.zeros((1, 2))
    assert math.isnan(match_counts(none, one, ONE_UM, 7.5).precision)
    assert match_counts(none, one, ONE_UM, 7.5).recall == 0
    assert math.isnan(match_counts(one, none, ONE_UM, 7.5).recall)
    assert math.isnan(match_counts(none, none, ONE_UM, 7.5).f1)


def test_counts_of_slides_add_up() -> None:
    assert MatchCounts(1, 2, 3) + MatchCounts(4, 5, 6) == MatchCounts(5, 7, 9)


def test_a_negative_radius_is_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match="radius"):
        match_cells(np.zeros((1, 2)), np.zeros((1, 2)), ONE_UM, -1.0)
