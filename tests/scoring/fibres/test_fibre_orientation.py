"""Axial statistics against closed forms, and their sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from histo.scoring.fibres.orientation import AxialCounts, axial_counts


def test_parallel_fibres_are_aligned_whichever_end_comes_first():
    counts = axial_counts(np.array([10.0, 190.0, -170.0]))
    assert counts.alignment == pytest.approx(1.0)
    assert counts.mean_deg == pytest.approx(10.0)
    assert (counts.circular_variance, counts.entropy) == (pytest.approx(0, abs=1e-12), 0.0)


def test_directions_at_right_angles_cancel():
    counts = axial_counts(np.array([20.0, 110.0]))
    assert counts.alignment == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(counts.mean_deg)


@pytest.mark.parametrize("half_width", [10.0, 45.0, 80.0])
def test_an_even_fan_has_the_alignment_of_its_width(half_width):
    angles = 70 + np.linspace(-half_width, half_width, 20001)
    width = np.deg2rad(2 * half_width)
    assert axial_counts(angles).alignment == pytest.approx(np.sin(width) / width, abs=1e-3)


def test_agrees_with_scipy_on_a_random_sample():
    rng = np.random.default_rng(4)
    angles = np.rad2deg(rng.vonmises(1.0, 2.0, 5000) / 2) % 180
    counts = axial_counts(angles)
    doubled = np.deg2rad(2 * angles)
    assert counts.circular_variance == pytest.approx(stats.circvar(doubled))
    assert counts.mean_deg == pytest.approx(np.rad2deg(stats.circmean(doubled)) / 2)
    share = np.histogram(angles, 36, (0, 180))[0] / 5000
    assert counts.entropy == pytest.approx(stats.entropy(share) / np.log(36))


def test_every_bin_alike_has_entropy_one_and_half_of_them_less():
    assert axial_counts(np.arange(2.5, 180, 5)).entropy == pytest.approx(1.0)
    assert axial_counts(np.arange(2.5, 90, 5)).entropy == pytest.approx(np.log(18) / np.log(36))


@given(st.lists(st.tuples(st.floats(-400, 400), st.floats(0, 5)), max_size=40), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_parts_add_up_and_turning_keeps_the_spread(pairs, cut):
    angles, weights = np.array(pairs).reshape(-1, 2).T
    whole = axial_counts(angles, weights)
    parts = axial_counts(angles[:cut], weights[:cut]) + axial_counts(angles[cut:], weights[cut:])
    assert parts.weight == pytest.approx(whole.weight)
    assert parts.bins == pytest.approx(whole.bins)
    turned = axial_counts(angles + 90, weights)
    assert turned.alignment == pytest.approx(whole.alignment, abs=1e-9, nan_ok=True)


def test_nothing_is_nan_and_nan_is_left_out():
    empty = axial_counts(np.array([np.nan, 3.0]), np.array([1.0, np.nan]))
    assert empty == AxialCounts()
    assert np.isnan([empty.alignment, empty.mean_deg, empty.entropy, empty.circular_variance]).all()


def test_the_mean_is_below_180():
    assert axial_counts(np.array([180.0 - 1e-14])).mean_deg < 180


def test_wrong_weights_are_refused():
    with pytest.raises(ValueError, match="at least 0"):
        axial_counts(np.array([1.0]), np.array([-1.0]))
    with pytest.raises(ValueError, match="one weight an angle"):
        axial_counts(np.array([1.0]), np.array([1.0, 2.0]))
