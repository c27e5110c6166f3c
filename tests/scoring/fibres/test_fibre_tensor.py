"""Direction and coherency: closed forms, the mask, the noise, and scikit-image beside it."""

import numpy as np
import pytest
from drawn_fibres import HALF_UM, across_um, axial_difference, stripes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import structure_tensor

from histo.geometry import Spacing
from histo.scoring.fibres.orientation import axial_counts
from histo.scoring.fibres.tensor import (
    TensorScales,
    coherency_noise_floor,
    noise_sd,
    orientation_field,
)

SHAPE = (160, 160)
ALL = np.ones(SHAPE, np.bool_)
SCALES = TensorScales(1.0, 5.0)


def mean_direction(image, mask, spacing=HALF_UM) -> float:
    field = orientation_field(image, mask, spacing, SCALES)
    return axial_counts(field.angle_deg, field.coherency).mean_deg


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 137, 179])
@pytest.mark.parametrize("spacing", [HALF_UM, Spacing(0.5, 0.3), Spacing(0.25, 0.4)])
def test_stripes_have_their_angle_counter_clockwise_from_the_column_axis(angle, spacing):
    image = stripes(SHAPE, angle, 6.0, spacing)
    assert axial_difference(mean_direction(image, ALL, spacing), angle) < 0.5


def test_stripes_of_one_direction_are_coherent():
    field = orientation_field(stripes(SHAPE, 30, 6.0), ALL, HALF_UM, SCALES)
    assert np.nanmean(field.coherency[30:-30, 30:-30]) == pytest.approx(1.0, abs=0.005)


def test_two_gratings_at_right_angles_have_the_coherency_of_their_energies():
    a, b, long_um, short_um = 1.0, 0.6, 8.0, 5.0
    image = a * stripes(SHAPE, 90, long_um) + b * stripes(SHAPE, 0, short_um)
    one, two = (
        (amplitude / period) ** 2 * np.exp(-((2 * np.pi * SCALES.sigma_um / period) ** 2))
        for amplitude, period in ((a, long_um), (b, short_um))
    )
    field = orientation_field(image, ALL, HALF_UM, SCALES)
    middle = np.nanmean(field.coherency[40:-40, 40:-40])
    assert middle == pytest.approx(abs(one - two) / (one + two), abs=0.01)


def test_agrees_with_scikit_image_inside_the_frame():
    rng = np.random.default_rng(5)
    across = across_um(SHAPE, 40)[1] + 2 * ndimage.gaussian_filter(rng.normal(size=SHAPE), 12) * 12
    image = np.cos(2 * np.pi * across / 8)
    field = orientation_field(image, ALL, HALF_UM, SCALES)
    smooth = ndimage.gaussian_filter(image, 2.0)
    rr, rc, cc = structure_tensor(smooth, sigma=10.0, order="rc")
    coherency = np.hypot(cc - rr, 2 * rc) / (cc + rr)
    angle = np.rad2deg(0.5 * np.arctan2(-2 * rc, cc - rr)) + 90
    inner = np.s_[45:-45, 45:-45]
    assert np.abs(field.coherency - coherency)[inner].max() < 0.01
    assert np.abs((field.angle_deg - angle + 90) % 180 - 90)[inner].max() < 0.5


def test_white_noise_reads_the_published_floor_and_is_masked():
    assert coherency_noise_floor((1, 1), (4, 4)) == pytest.approx(0.14, abs=0.01)
    assert coherency_noise_floor((2, 2), (30, 30)) == pytest.approx(0.04, abs=0.005)
    noise = np.random.default_rng(2).normal(0, 0.03, SHAPE)
    assert noise_sd(noise, ALL) == pytest.approx(0.03, rel=0.03)
    assert not orientation_field(noise, ALL, HALF_UM, SCALES).oriented.any()
    open_gate = TensorScales(1.0, 5.0, energy_ratio=0)
    free = orientation_field(noise, ALL, HALF_UM, open_gate)
    assert np.nanmedian(free.coherency) == pytest.approx(free.noise_floor, rel=0.2)


def test_gradient_energy_of_noise_is_what_the_gate_assumes():
    noise = np.random.default_rng(3).normal(0, 0.1, (256, 256))
    field = orientation_field(noise, np.ones((256, 256), np.bool_), Spacing(0.4, 0.5), SCALES)
    assert field.energy.mean() == pytest.approx(0.1**2 * 0.4 * 0.5 / (4 * np.pi), rel=0.05)


@given(angle=st.floats(0, 180), seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_what_lies_outside_the_mask_changes_nothing(angle, seed):
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.normal(size=SHAPE), 10) > 0
    image = stripes(SHAPE, angle, 6.0)
    other = np.where(mask, image, rng.choice([np.nan, 1e3, -50.0], SHAPE))
    one, two = (orientation_field(picture, mask, HALF_UM, SCALES) for picture in (image, other))
    assert np.array_equal(one.oriented, two.oriented)
    assert np.array_equal(one.angle_deg, two.angle_deg, equal_nan=True)
    assert np.array_equal(one.coherency, two.coherency, equal_nan=True)
    assert not one.oriented[~mask].any()


@pytest.mark.parametrize("angle", [0, 20, 45, 70])
def test_the_edge_of_a_mask_does_not_turn_fibres(angle):
    disc = np.hypot(*across_um(SHAPE, 0)) < 30
    field = orientation_field(np.where(disc, stripes(SHAPE, angle, 6.0), np.nan), disc, HALF_UM)
    assert axial_difference(mean_direction(stripes(SHAPE, angle, 6.0), disc), angle) < 0.3
    assert np.nanmean(field.coherency) > 0.98


def test_a_constant_has_no_direction_whatever_the_mask():
    mask = np.random.default_rng(1).random(SHAPE) < 0.7
    assert not orientation_field(np.full(SHAPE, 7.3), mask, HALF_UM).oriented.any()


@given(turns=st.integers(1, 3), seed=st.integers(0, 50))
@settings(max_examples=6, deadline=None)
def test_a_quarter_turn_turns_the_directions(turns, seed):
    image = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(90, 120)), 3)
    mask = np.ones(image.shape, np.bool_)
    field = orientation_field(image, mask, HALF_UM, SCALES)
    turned = orientation_field(
        np.rot90(image, turns), mask if turns == 2 else mask.T, HALF_UM, SCALES
    )
    expected = np.rot90(field.angle_deg, turns) + 90 * turns
    assert np.abs((turned.angle_deg - expected + 90) % 180 - 90).max() < 1e-4
    assert np.allclose(turned.coherency, np.rot90(field.coherency, turns), atol=1e-8)


def test_a_mirror_mirrors_and_a_shift_shifts_and_gain_and_offset_do_not_matter():
    image = stripes(SHAPE, 25, 7.0)
    assert axial_difference(mean_direction(image[:, ::-1], ALL), 155) < 0.5
    padded = np.pad(image, ((20, 0), (5, 30)), constant_values=np.nan)
    field = orientation_field(image, ALL, HALF_UM, SCALES)
    moved = orientation_field(padded, np.isfinite(padded), HALF_UM, SCALES)
    assert np.allclose(moved.coherency[20:, 5:-30], field.coherency, atol=1e-8)
    scaled = orientation_field(3 * image + 10, ALL, HALF_UM, SCALES)
    assert np.allclose(scaled.coherency, field.coherency, atol=1e-8)


def test_half_the_pixels_give_the_same_direction_and_coherency():
    fine = stripes((320, 320), 35, 8.0, Spacing(0.25, 0.25))
    coarse = fine.reshape(160, 2, 160, 2).mean(axis=(1, 3))
    one = orientation_field(fine, np.ones(fine.shape, np.bool_), Spacing(0.25, 0.25), SCALES)
    two = orientation_field(coarse, ALL, HALF_UM, SCALES)
    assert np.nanmean(one.coherency) == pytest.approx(np.nanmean(two.coherency), abs=0.01)
    means = [axial_counts(field.angle_deg).mean_deg for field in (one, two)]
    assert axial_difference(*means) < 0.2


def test_an_empty_mask_and_one_pixel_have_no_direction():
    for mask in (np.zeros(SHAPE, np.bool_), np.arange(160 * 160).reshape(SHAPE) == 80):
        field = orientation_field(stripes(SHAPE, 0, 6.0), mask, HALF_UM)
        assert not field.oriented.any()
    assert not orientation_field(np.full((9, 9), np.nan), ALL[:9, :9], HALF_UM).oriented.any()
    assert not orientation_field(np.ones((1, 1)), np.ones((1, 1), np.bool_), HALF_UM).oriented.any()


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="share a 2-D shape"):
        orientation_field(np.zeros((4, 4)), np.ones((4, 5), np.bool_), HALF_UM)
    with pytest.raises(ValueError, match=r"0\.7 px"):
        orientation_field(np.zeros((4, 4)), np.ones((4, 4), np.bool_), Spacing(2.0, 2.0))
    with pytest.raises(ValueError, match="above 0"):
        TensorScales(sigma_um=0)
