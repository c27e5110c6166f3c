"""Nearest neighbours and Ripley's L: chance inside a mask looks like chance, clusters do not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from histo.geometry import Spacing
from histo.scoring import by_name
from histo.scoring.space.nearest import (
    nearest_distances_um,
    nearest_neighbours,
    nearest_scores,
    nearest_to_other_scores,
)
from histo.scoring.space.ripley import RipleySettings, ripley_l, ripley_scores
from histo.scoring.space.windows import edge_distance_um, points_inside, random_points

TEN = Spacing(10.0, 10.0)


def letter_c(size: int = 200) -> np.ndarray:
    """A ring with a gap: long edges, and a hole that empties the middle."""
    rows, cols = np.mgrid[:size, :size] + 0.5 - size / 2
    radius = np.hypot(rows, cols) / (size / 2)
    return (radius < 0.95) & (radius > 0.6) & ~((np.abs(rows) < 25) & (cols > 0))


def clustered(inside: np.ndarray, parents: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.repeat(random_points(inside, parents, rng), 10, axis=0)
    points = centres + rng.normal(0, 2.5, centres.shape)  # 25 µm
    return points[points_inside(points, inside)]


RADII = np.arange(20.0, 161.0, 20.0)
QUICK = RipleySettings(RADII, simulations=39)


def test_points_are_inside_where_their_pixel_is() -> None:
    inside = np.array([[True, False], [False, True]])
    points = np.array([[0.0, 0.99], [0.0, 1.0], [1.5, 1.5], [2.0, 1.0], [-0.1, 0.0]])
    assert points_inside(points, inside).tolist() == [True, False, True, False, False]


def test_the_edge_is_half_a_pixel_from_the_last_pixel_and_the_frame_is_an_edge() -> None:
    inside = np.zeros((20, 30), bool)
    inside[5:15, 5:30] = True
    points = np.array([[10.0, 15.0], [5.5, 15.0], [10.0, 29.5]])
    found = edge_distance_um(points, inside, TEN, 1000.0)
    assert found == pytest.approx([50.0, 5.0, 5.0], abs=1e-9)
    assert edge_distance_um(points, inside, TEN, 30.0).max() == 30.0


def test_random_points_fill_the_mask_evenly() -> None:
    inside = letter_c(60)
    points = random_points(inside, 4000, np.random.default_rng(0))
    assert points_inside(points, inside).all()
    upper = points[:, 0] < 30
    assert upper.mean() == pytest.approx(inside[:30].sum() / inside.sum(), abs=0.03)
    with pytest.raises(ValueError, match="empty mask"):
        random_points(np.zeros((3, 3), bool), 1, np.random.default_rng(0))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nearest_distances_agree_with_all_pairs_and_survive_turns_and_moves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own, others = rng.random((12, 2)) * 50, rng.random((9, 2)) * 50
    found = nearest_distances_um(own, Spacing(2.0, 3.0), others)
    scale = np.array([2.0, 3.0])
    assert found == pytest.approx(cdist(own * scale, others * scale).min(axis=1))
    assert nearest_distances_um(own + 7, Spacing(2.0, 3.0), others + 7) == pytest.approx(found)
    turned = nearest_distances_um(own[:, ::-1], Spacing(3.0, 2.0), others[:, ::-1])
    assert turned == pytest.approx(found)


def test_a_square_lattice_has_its_own_spacing_and_ratio_two() -> None:
    rows, cols = np.mgrid[5:200:10, 5:200:10]
    points = np.stack([rows.ravel(), cols.ravel()], 1) + 0.0
    found = nearest_neighbours(points, np.ones((200, 200), bool), TEN)
    assert found.mean_um == pytest.approx(100.0)
    assert found.ratio == pytest.approx(2.0)  # spacing s over 1/(2 sqrt(1/s²)) = s/2
    assert found.g[found.radii_um < 100].max() == 0.0
    assert found.g[found.radii_um >= 100].min() == 1.0


def slow_g(points: np.ndarray, inside: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The reduced sample by its definition."""
    apart = cdist(points, points) * 10
    np.fill_diagonal(apart, np.inf)
    edge = edge_distance_um(points, inside, TEN, 1e6)
    return np.array([(apart.min(1)[edge >= r] <= r).mean() for r in radii])


def test_g_is_the_reduced_sample_by_definition_and_random_points_follow_poisson() -> None:
    inside = letter_c()
    points = random_points(inside, 1500, np.random.default_rng(2))
    found = nearest_neighbours(points, inside, TEN, simulations=39)
    np.testing.assert_allclose(found.g, slow_g(points, inside, found.radii_um))
    assert np.mean((found.low <= found.g) & (found.g <= found.high)) > 0.7
    assert np.abs(found.g - found.poisson).max() < 0.06
    assert found.ratio == pytest.approx(1.0, abs=0.06)


def test_clusters_are_nearer_than_chance_and_few_points_are_undefined() -> None:
    inside = letter_c()
    close = nearest_neighbours(clustered(inside, 80), inside, TEN)
    assert close.ratio < 0.7
    few = nearest_neighbours(np.tile([100.5, 20.5], (5, 1)), inside, TEN)
    assert math.isnan(few.ratio)
    assert "5 points are under 20" in by_name(nearest_scores("tam", "TAM", few)).popitem()[1].note


def test_distances_to_other_cells_become_scores_or_a_reason() -> None:
    mean, median = nearest_to_other_scores("tam_to_tumour_cell", "x", np.array([1.0, 2.0, 6.0]))
    assert (mean.value, median.value) == (3.0, 2.0)
    assert mean.name == "tam_to_tumour_cell_nearest_mean_um"
    alone = nearest_distances_um(np.ones((3, 2)), TEN, np.empty((0, 2)))
    assert "absent" in nearest_to_other_scores("a_to_b", "x", alone)[0].note


def slow_k(points: np.ndarray, shape: tuple[int, int], radii: np.ndarray) -> np.ndarray:
    """Ripley's K of a rectangle by the translation correction, over all pairs."""
    delta = np.abs(points[:, None] - points[None])
    overlap = np.prod(np.array(shape) - delta, axis=-1)
    apart = np.sqrt((delta**2).sum(-1))
    np.fill_diagonal(apart, np.inf)
    area, number = np.prod(shape), len(points)
    return np.array(
        [area**2 / (number * (number - 1)) * (1 / overlap)[apart <= r].sum() for r in radii]
    )


def test_l_agrees_with_all_pairs_on_a_rectangle() -> None:
    inside = np.ones((120, 160), bool)
    for points in (clustered(inside, 40), random_points(inside, 400, np.random.default_rng(2))):
        found = ripley_l(points, inside, TEN, RipleySettings(RADII, simulations=0))
        slow = 10 * np.sqrt(slow_k(points, inside.shape, RADII / 10) / np.pi)
        np.testing.assert_allclose(found.l_um, slow, rtol=0.05, atol=1.5)
        assert math.isnan(found.p_value)


def test_the_shape_of_the_tissue_alone_does_not_cluster() -> None:
    inside = letter_c()
    excess, small = [], 0
    for seed in range(6):
        points = random_points(inside, 500, np.random.default_rng(seed))
        found = ripley_l(points, inside, TEN, RipleySettings(RADII, simulations=19, seed=seed))
        excess.append(found.l_um - RADII)
        small += found.p_value <= 0.05
    assert np.abs(np.mean(excess, axis=0)).max() < 2.0  # µm: no bias from edges or hole
    assert small <= 2
    # The same points in their bounding box do look clustered: this is what the mask is for.
    naive = ripley_l(points, np.ones_like(inside), TEN, RipleySettings(RADII, simulations=19))
    assert naive.p_value <= 0.05


def test_clusters_leave_the_envelope() -> None:
    inside = letter_c()
    found = ripley_l(clustered(inside, 50), inside, TEN, QUICK)
    assert found.p_value == pytest.approx(1 / 40)
    assert (found.l_um > found.high_um)[RADII <= 100].all()
    excess, p_value = ripley_scores("tam", "macrophages", found)
    assert excess.name == "tam_l_excess_um"
    assert excess.value > 20
    assert "L(100 µm)" in excess.numerator
    assert p_value.value == found.p_value


def test_a_slow_gradient_is_intensity_not_clustering() -> None:
    inside = np.ones((200, 200), bool)
    rng = np.random.default_rng(3)
    points = random_points(inside, 2400, rng)
    points = points[rng.random(2400) < 0.25 + points[:, 0] / 270]
    even = ripley_l(points, inside, TEN, QUICK)
    graded = ripley_l(points, inside, TEN, RipleySettings(RADII, 300.0, 39))
    assert even.p_value <= 0.05
    assert graded.p_value > 0.05
    assert graded.null == "intensity"
    tight = ripley_l(clustered(inside, 100), inside, TEN, RipleySettings(RADII, 300.0, 39))
    assert tight.p_value <= 0.05


def test_random_labels_of_clustered_cells_do_not_cluster() -> None:
    inside = letter_c()
    cells = clustered(inside, 150)
    some = cells[np.random.default_rng(4).permutation(len(cells))[:300]]
    assert ripley_l(some, inside, TEN, QUICK).p_value <= 0.05
    labelled = ripley_l(some, inside, TEN, QUICK, population=cells)
    assert labelled.p_value > 0.05
    assert labelled.null == "labels"
    with pytest.raises(ValueError, match="fewer points"):
        ripley_l(some, inside, TEN, QUICK, population=some[:50])


def test_same_seed_same_envelope_and_points_outside_change_nothing() -> None:
    inside = letter_c()
    points = clustered(inside, 30)
    outside = np.full((50, 2), 100.0)  # in the hole
    first = ripley_l(points, inside, TEN, QUICK)
    second = ripley_l(np.concatenate([points, outside]), inside, TEN, QUICK)
    np.testing.assert_array_equal(first.l_um, second.l_um)
    np.testing.assert_array_equal(first.high_um, second.high_um)


def test_too_few_points_and_wrong_radii_are_told() -> None:
    few = ripley_l(np.tile([100.5, 20.5], (3, 1)), letter_c(), TEN, QUICK)
    assert "3 points are under 20" in few.note
    assert all(math.isnan(s.value) and s.note for s in ripley_scores("tam", "x", few))
    with pytest.raises(ValueError, match="increase"):
        ripley_l(np.zeros((3, 2)), letter_c(), TEN, RipleySettings(np.array([20.0, 10.0])))
