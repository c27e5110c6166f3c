"""Angles to a tumour edge whose direction is known."""

import numpy as np
import pytest
from drawn_fibres import HALF_UM, across_um
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring.fibres.boundary import BoundaryCounts, BoundarySettings, boundary_counts

SHAPE = (260, 260)
ONES = np.ones(SHAPE)
SETTINGS = BoundarySettings(band_um=20.0, smooth_um=5.0)


def half_plane(angle_deg: float, spacing: Spacing = HALF_UM) -> np.ndarray:
    return across_um(SHAPE, angle_deg, spacing)[1] > 0


@pytest.mark.parametrize("edge", [0, 30, 77, 135])
@pytest.mark.parametrize("turn", [0, 40, 90])
@pytest.mark.parametrize("spacing", [HALF_UM, Spacing(0.5, 0.3)])
def test_fibres_at_a_straight_edge_have_their_angle_to_it(edge, turn, spacing):
    fibres = np.full(SHAPE, (edge + turn) % 180.0)
    counts = boundary_counts(fibres, ONES, half_plane(edge, spacing), spacing, SETTINGS)
    assert counts.mean_deg == pytest.approx(turn, abs=1.0)
    assert counts.steep_share == (1.0 if turn == 90 else 0.0)


def test_random_directions_are_steep_in_one_third():
    fibres = np.random.default_rng(0).uniform(0, 180, SHAPE)
    counts = boundary_counts(fibres, ONES, half_plane(20), HALF_UM, SETTINGS)
    assert counts.steep_share == pytest.approx(1 / 3, abs=0.02)
    assert counts.mean_deg == pytest.approx(45, abs=1)
    assert SETTINGS.random_share == pytest.approx(1 / 3)


def test_radial_fibres_are_perpendicular_to_a_disc_and_circles_run_along_it():
    rows, cols = np.indices(SHAPE) + 0.5 - 130
    radial = np.rad2deg(np.arctan2(-rows, cols)) % 180
    disc = np.hypot(rows, cols) < 60
    for fibres, angle in ((radial, 90), (radial + 90, 0)):
        counts = boundary_counts(fibres, ONES, disc, HALF_UM, SETTINGS)
        assert counts.mean_deg == pytest.approx(angle, abs=1.0)
        # Pixels whose centres lie within the band of the nearest tumour pixel's centre.
        assert counts.pixels == pytest.approx(np.pi * (100**2 - 60**2), rel=0.01)


def test_weights_count_and_pixels_without_direction_do_not():
    fibres = np.where(np.arange(260) < 130, 0.0, 90.0) * ONES
    weight = np.where(np.arange(260) < 130, 3.0, 1.0) * ONES
    counts = boundary_counts(fibres, weight, half_plane(0), HALF_UM, SETTINGS)
    assert counts.steep_share == pytest.approx(0.25, abs=1e-9)
    fibres[:, 130:] = np.nan
    assert boundary_counts(fibres, weight, half_plane(0), HALF_UM, SETTINGS).steep_share == 0.0


def test_without_an_edge_there_is_no_angle():
    for tumour in (np.zeros(SHAPE, np.bool_), np.ones(SHAPE, np.bool_)):
        counts = boundary_counts(ONES, ONES, tumour, HALF_UM)
        assert counts == BoundaryCounts()
        assert np.isnan([counts.mean_deg, counts.steep_share]).all()


@given(turns=st.integers(1, 3), seed=st.integers(0, 50))
@settings(max_examples=5, deadline=None)
def test_a_quarter_turn_of_everything_changes_nothing(turns, seed):
    fibres = np.random.default_rng(seed).uniform(0, 180, SHAPE)
    tumour = np.hypot(*across_um(SHAPE, 0)) < 30
    one = boundary_counts(fibres, ONES, tumour, HALF_UM, SETTINGS)
    turned = np.rot90(fibres, turns) + 90 * turns
    two = boundary_counts(turned, ONES, np.rot90(tumour, turns), HALF_UM, SETTINGS)
    assert two.pixels == one.pixels
    assert two.mean_deg == pytest.approx(one.mean_deg, abs=0.5)


def test_fields_add_up():
    one, two = BoundaryCounts(2.0, 1.0, 100.0, 4), BoundaryCounts(2.0, 0.0, 20.0, 3)
    assert (one + two).mean_deg == 30.0
    assert (one + two).steep_share == 0.25


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        BoundarySettings(band_um=0)
