"""Box dimension, lacunarity and dense matrix against closed forms."""

import numpy as np
import pytest
from drawn_fibres import HALF_UM, across_um
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring.fibres.texture import (
    BoxCounts,
    DenseCounts,
    GlidingCounts,
    TextureSettings,
    box_counts,
    dense_counts,
    gliding_counts,
)

SHAPE = (512, 512)


@pytest.mark.parametrize("angle", [0, 17, 30, 45, 90])
@pytest.mark.parametrize("shift_px", [0, 12])
def test_a_line_has_dimension_one_wherever_the_grid_lies(angle, shift_px):
    line = np.abs(across_um(SHAPE, angle)[1] + 0.1 + 0.5 * shift_px) < 0.36
    counts = box_counts(line, HALF_UM)
    assert counts.dimension == pytest.approx(1.0, abs=0.05)
    assert counts.fit > 0.995


def test_a_filled_field_has_dimension_two_whatever_its_size():
    assert box_counts(np.ones((520, 700), np.bool_), HALF_UM).dimension == pytest.approx(2.0)
    assert box_counts(np.ones((520, 700), np.bool_), Spacing(0.5, 0.4)).dimension == pytest.approx(
        2
    )


def test_sizes_are_in_um_and_the_finer_field_has_the_same_boxes():
    coarse = np.abs(across_um(SHAPE, 30)[1]) < 3
    fine = coarse.repeat(2, axis=0).repeat(2, axis=1)
    one, two = box_counts(coarse, HALF_UM), box_counts(fine, HALF_UM.scaled(0.5))
    assert one == two
    assert one.sizes_um == pytest.approx((2, 4, 8, 16, 32, 64))


def test_no_fibre_and_a_small_field_have_no_dimension():
    assert np.isnan(box_counts(np.zeros(SHAPE, np.bool_), HALF_UM).dimension)
    small = box_counts(np.ones((500, 600), np.bool_), HALF_UM)
    assert small == BoxCounts()
    assert np.isnan([small.dimension, small.fit]).all()


def test_boxes_of_two_fields_add_up_and_of_two_sizes_do_not():
    line = np.abs(across_um(SHAPE, 0)[1] + 0.1) < 0.36
    one = box_counts(line, HALF_UM)
    assert (one + one).boxes == box_counts(np.concatenate([line, line]), HALF_UM).boxes
    assert one + BoxCounts() == one == BoxCounts() + one
    with pytest.raises(ValueError, match="do not add up"):
        _ = one + box_counts(line, HALF_UM, TextureSettings(smallest_box_um=1.0))


def test_independent_pixels_have_the_lacunarity_of_their_chance():
    chance, box = 0.1, TextureSettings(gliding_box_um=5.0)
    fibres = np.random.default_rng(0).random(SHAPE) < chance
    found = gliding_counts(fibres, np.ones(SHAPE, np.bool_), HALF_UM, box).lacunarity
    assert found - 1 == pytest.approx((1 - chance) / (chance * 100), rel=0.05)


def test_even_stripes_have_lacunarity_one_and_gaps_more():
    stripes = np.broadcast_to(np.arange(200) % 10 < 3, (200, 200))
    whole = np.ones(stripes.shape, np.bool_)
    assert gliding_counts(stripes, whole, HALF_UM).lacunarity == pytest.approx(1.0)
    half = stripes & (np.arange(200) < 100)
    assert gliding_counts(half, whole, HALF_UM).lacunarity > 1.5


def test_gliding_boxes_reach_out_of_the_mask_nowhere():
    fibres = np.random.default_rng(1).random((120, 120)) < 0.3
    inside = np.zeros(fibres.shape, np.bool_)
    inside[20:80, 30:110] = True
    cut = gliding_counts(fibres[20:80, 30:110], inside[20:80, 30:110], HALF_UM)
    assert gliding_counts(fibres, inside, HALF_UM) == cut
    assert gliding_counts(fibres | ~inside, inside, HALF_UM) == cut
    assert np.isnan(gliding_counts(fibres[:9], inside[:9], HALF_UM).lacunarity)
    assert np.isnan(GlidingCounts(4, 0.0, 0.0).lacunarity)
    assert (cut + cut).lacunarity == pytest.approx(cut.lacunarity)


def test_a_dense_quarter_is_a_quarter():
    intensity = np.where(np.arange(200) < 50, 0.9, 0.1) * np.ones((200, 1))
    counts = dense_counts(intensity, np.ones((200, 200), np.bool_), HALF_UM)
    assert counts.fraction == pytest.approx(0.25, abs=0.003)
    assert (counts + counts).fraction == counts.fraction
    assert dense_counts(np.full((9, 9), 0.5), np.ones((9, 9), np.bool_), HALF_UM).fraction == 1.0
    assert np.isnan(DenseCounts().fraction)


@given(seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_what_lies_outside_the_mask_is_not_dense_and_makes_nothing_dense(seed):
    rng = np.random.default_rng(seed)
    intensity, inside = rng.random((60, 70)), rng.random((60, 70)) < 0.6
    other = np.where(inside, intensity, rng.choice([np.nan, 50.0], intensity.shape))
    assert dense_counts(intensity, inside, HALF_UM) == dense_counts(other, inside, HALF_UM)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        TextureSettings(doublings=1)
