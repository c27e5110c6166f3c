"""Lengths, widths, straightness and counts of fibres drawn with known ones."""

import numpy as np
import pytest
from drawn_fibres import HALF_UM, across_um, rod
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.special import ellipe

from histo.geometry import Spacing
from histo.scoring.fibres.paths import trace_paths
from histo.scoring.fibres.ridges import RidgeSettings, fibre_mask
from histo.scoring.fibres.skeleton import (
    SkeletonCounts,
    SkeletonSettings,
    skeleton_counts,
    skeletonised,
)

SHAPE = (260, 260)
ALL = np.ones(SHAPE, np.bool_)


def drawn(*pictures: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in line] for line in pictures])


def corner_count_um(skeleton, um_per_px: float) -> float:
    """Length of one open path by corner count, an independent estimator (Vossepoel 1982)."""
    steps = np.abs(np.diff(np.rint(trace_paths(skeleton).points_px - 0.5), axis=0)).sum(axis=1)
    diagonal = steps == 2
    corners = np.count_nonzero(np.diff(diagonal))
    straight = np.count_nonzero(~diagonal)
    return um_per_px * (0.980 * straight + 1.406 * diagonal.sum() - 0.091 * corners)


@pytest.mark.parametrize("angle", [0, 15, 30, 45, 60, 90])
@pytest.mark.parametrize("spacing", [HALF_UM, Spacing(0.5, 0.4)])
def test_a_straight_fibre_has_its_length_width_and_two_ends(angle, spacing):
    for width_um in (2.0, 3.0, 5.0):
        counts = skeleton_counts(rod(SHAPE, angle, 80, width_um, spacing), ALL, spacing)
        assert counts.length_um == pytest.approx(80, rel=0.05)
        assert counts.mean_width_um == pytest.approx(width_um, abs=0.4)
        assert counts.straightness == pytest.approx(1.0, abs=0.01)
        assert (counts.ends, counts.branch_points) == (2, 0)


@pytest.mark.parametrize("angle", [0, 12, 22.5, 30, 45])
def test_length_agrees_with_the_corner_count_estimator(angle):
    skeleton, _ = skeletonised(rod(SHAPE, angle, 80, 3), HALF_UM)
    counts = skeleton_counts(skeleton, ALL, HALF_UM)
    assert counts.length_um == pytest.approx(corner_count_um(skeleton, 0.5), rel=0.03)


def test_density_is_length_over_the_area_looked_at():
    counts = skeleton_counts(rod(SHAPE, 0, 80, 3), ALL, HALF_UM)
    assert counts.area_um2 == 130**2
    assert counts.density_mm_per_mm2 == pytest.approx(0.08 / 0.0169, rel=0.05)


@pytest.mark.parametrize("amplitude_um", [5.0, 10.0])
def test_a_sine_has_the_straightness_of_its_elliptic_integral(amplitude_um):
    wave_um = 60.0
    slope = 2 * np.pi * amplitude_um / wave_um
    arc_um = wave_um * 2 / np.pi * np.sqrt(1 + slope**2) * ellipe(slope**2 / (1 + slope**2))
    t = np.linspace(5, 125, 20000)
    mask = np.zeros((140, 280), np.bool_)
    mask[
        ((35 + amplitude_um * np.sin(2 * np.pi * t / wave_um)) * 2).astype(int), (t * 2).astype(int)
    ] = 1
    thick = ndimage.binary_dilation(mask, iterations=2)
    counts = skeleton_counts(thick, np.ones_like(thick), HALF_UM)
    assert counts.straightness == pytest.approx(wave_um / arc_um, abs=0.02)
    assert counts.length_um == pytest.approx(2 * arc_um, rel=0.03)


@pytest.mark.parametrize("radius_um", [20.0, 40.0])
def test_a_ring_has_its_circumference_its_curvature_and_no_end(radius_um):
    ring = np.abs(np.hypot(*across_um(SHAPE, 0)) - radius_um) < 1.5
    counts = skeleton_counts(ring, ALL, HALF_UM)
    assert counts.length_um == pytest.approx(2 * np.pi * radius_um, rel=0.02)
    assert counts.curvature_deg_per_um == pytest.approx(np.rad2deg(1 / radius_um), rel=0.05)
    assert (counts.ends, counts.branch_points) == (0, 0)


def test_a_cross_has_four_ends_and_one_branch_point():
    counts = skeleton_counts(rod(SHAPE, 0, 80, 1) | rod(SHAPE, 90, 80, 1), ALL, HALF_UM)
    assert (counts.ends, counts.branch_points) == (4, 1)
    assert counts.length_um == pytest.approx(160, rel=0.03)
    assert counts.ends_per_mm == pytest.approx(25, rel=0.03)
    assert counts.branch_points_per_mm == pytest.approx(6.25, rel=0.03)


def test_a_spur_of_a_ragged_edge_is_cut():
    fibre = rod(SHAPE, 0, 80, 1)
    fibre[124:130, 130] = True
    counts = skeleton_counts(fibre, ALL, HALF_UM)
    assert (counts.ends, counts.branch_points) == (2, 0)
    whole = skeleton_counts(fibre, ALL, HALF_UM, SkeletonSettings(branch_um=0))
    assert (whole.ends, whole.branch_points) == (3, 1)


def test_a_fibre_cut_by_the_mask_has_no_end_there():
    inside = ALL.copy()
    inside[:, 130:] = False
    counts = skeleton_counts(rod(SHAPE, 0, 80, 3), inside, HALF_UM)
    assert counts.ends == 1
    assert skeleton_counts(rod(SHAPE, 20, 400, 3), ALL, HALF_UM).ends == 0


def test_paths_run_from_end_to_branch_point_in_order():
    paths = trace_paths(drawn("#....#.", ".#..#..", "..##...", "...#...", "...#..."))
    starts = np.flatnonzero(np.diff(paths.branch, prepend=-1))
    assert (len(starts), len(paths.end_points_px)) == (3, 3)
    step = np.abs(np.diff(paths.points_px, axis=0)).max(axis=1)
    assert np.delete(step, starts[1:] - 1).max() <= 1.5
    corner = trace_paths(drawn("###", "..#", "..#"))
    assert (len(corner.branch_points_px), len(corner.end_points_px)) == (0, 2)


def test_nothing_one_pixel_and_a_full_mask_are_not_zero_but_undefined():
    for fibres in (~ALL, np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) == 9):
        counts = skeleton_counts(fibres, ALL, HALF_UM)
        assert (counts.length_um, counts.density_mm_per_mm2) == (0, 0)
        for name in ("mean_width_um", "straightness", "ends_per_mm", "curvature_deg_per_um"):
            assert np.isnan(getattr(counts, name))
    assert np.isnan(skeleton_counts(ALL, ~ALL, HALF_UM).density_mm_per_mm2)
    assert np.isnan(SkeletonCounts().branch_points_per_mm)


@given(st.floats(0, 180), st.integers(0, 3), st.booleans(), st.integers(-20, 20))
@settings(max_examples=8, deadline=None)
def test_turning_mirroring_and_moving_keep_the_length(angle, turns, mirror, shift):
    fibre = rod((140, 140), angle, 40, 2.2)
    other = np.roll(np.rot90(fibre[:, ::-1] if mirror else fibre, turns), shift, axis=0)
    one, two = (skeleton_counts(mask, np.ones_like(mask), HALF_UM) for mask in (fibre, other))
    # A skeleton ends up to half a width before its rod, or not, at either end.
    assert two.length_um == pytest.approx(one.length_um, abs=2.2)
    assert two.mean_width_um == pytest.approx(one.mean_width_um, abs=0.2)


def test_fields_add_up():
    one = skeleton_counts(rod(SHAPE, 10, 60, 2), ALL, HALF_UM)
    two = skeleton_counts(rod(SHAPE, 80, 40, 4), ALL, HALF_UM)
    both = one + two
    assert both.length_um == one.length_um + two.length_um
    side = np.concatenate([rod(SHAPE, 10, 60, 2), rod(SHAPE, 80, 40, 4)], axis=1)
    together = skeleton_counts(side, np.ones_like(side), HALF_UM)
    assert together.length_um == pytest.approx(both.length_um)
    assert together.mean_width_um == pytest.approx(both.mean_width_um)
    assert (together.ends, together.straightness) == (both.ends, pytest.approx(both.straightness))


@pytest.mark.parametrize("width_um", [1.5, 3.0, 6.0, 12.0])
def test_a_grey_bar_is_found_with_its_own_width(width_um):
    bar = 0.3 * ndimage.gaussian_filter(rod(SHAPE, 30, 400, width_um).astype(float), 0.8)
    counts = skeleton_counts(fibre_mask(bar, ALL, HALF_UM), ALL, HALF_UM)
    assert counts.mean_width_um == pytest.approx(width_um, rel=0.12)
    assert counts.length_um == pytest.approx(130 / np.cos(np.pi / 6), rel=0.06)


def test_noise_and_spots_and_the_edge_of_a_mask_are_no_fibres():
    rng = np.random.default_rng(0)
    assert fibre_mask(rng.normal(0.4, 0.03, SHAPE), ALL, HALF_UM).mean() < 0.002
    spot = 0.5 * np.exp(-0.5 * (np.hypot(*across_um(SHAPE, 0)) / 1.5) ** 2)
    assert fibre_mask(spot, ALL, HALF_UM, RidgeSettings(widths_um=(3.0,))).sum() < 60
    disc = np.hypot(*across_um(SHAPE, 0)) < 40
    assert not fibre_mask(np.where(disc, 0.6, 0.0), disc, HALF_UM).any()


def test_what_lies_outside_the_mask_makes_no_fibres():
    rng = np.random.default_rng(1)
    disc = np.hypot(*across_um(SHAPE, 0)) < 40
    bar = 0.3 * rod(SHAPE, 30, 60, 3)
    other = np.where(disc, bar, rng.choice([np.nan, 9.0], SHAPE))
    assert np.array_equal(fibre_mask(bar, disc, HALF_UM), fibre_mask(other, disc, HALF_UM))


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="share a 2-D shape"):
        skeleton_counts(ALL, ALL[:9], HALF_UM)
    with pytest.raises(ValueError, match="at least 0"):
        SkeletonSettings(window_um=0)
    with pytest.raises(ValueError, match="above 0"):
        RidgeSettings(widths_um=())
