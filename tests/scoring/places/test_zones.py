"""Zones: rings of analytic area, components in each, and what cannot be known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring.places.amounts import AmountCounts, amount_counts, compartment_scores
from histo.scoring.places.regions import Regions
from histo.scoring.places.zones import (
    Zone,
    ZoneCounts,
    margin_zones,
    nest_zones,
    zone_counts,
    zone_map,
    zone_scores,
)
from histo.scoring.score import by_name


def half_plane(um_per_px: float = 10.0, tumour_um: float = 800.0) -> Regions:
    """A tumour on the left, 200 µm tall, in tissue 2 mm wide."""
    shape = (round(200 / um_per_px), round(2000 / um_per_px))
    tumour = np.zeros(shape, bool)
    tumour[:, : round(tumour_um / um_per_px)] = True
    tissue = np.ones(shape, bool)
    return Regions(Spacing(um_per_px, um_per_px), tissue, tissue, tumour)


def test_zones_of_a_half_plane_are_exact() -> None:
    regions = half_plane()
    collagen = np.zeros_like(regions.tissue)
    collagen[:, 81:90] = True  # 10 to 100 µm from the tumour
    found = {
        name: s.value for name, s in by_name(zone_scores({"collagen": collagen}, regions)).items()
    }
    height_mm = 0.2
    widths = {"0_20": 20, "20_50": 30, "50_100": 50, "100_200": 100, "200_500": 300}
    for name, width in widths.items():
        assert found[f"nest_zone_{name}_um_mm2"] == pytest.approx(width * 1e-3 * height_mm)
    assert found["collagen_fraction_of_nest_zone_0_20_um"] == pytest.approx(0.5)
    assert found["collagen_fraction_of_nest_zone_50_100_um"] == 1
    assert found["collagen_fraction_of_nest_zone_100_200_um"] == 0
    assert found["collagen_nest_zone_20_50_um_mm2"] == pytest.approx(0.03 * height_mm)
    assert found["margin_inner_mm2"] == pytest.approx(0.5 * height_mm)
    assert found["margin_outer_mm2"] == pytest.approx(0.5 * height_mm)
    assert found["collagen_fraction_of_margin_outer"] == pytest.approx(90 / 500)
    assert found["collagen_fraction_of_margin_inner"] == 0


@pytest.mark.parametrize(("um_per_px", "tolerance"), [(0.5, 0.01), (2.0, 0.03)])
def test_rings_of_a_disc_have_their_area(um_per_px: float, tolerance: float) -> None:
    size = int(480 / um_per_px)
    rows, cols = (np.mgrid[:size, :size] + 0.5 - size / 2) * um_per_px
    spacing = Spacing(um_per_px, um_per_px)
    zones = nest_zones((0, 20, 50, 100))
    index = zone_map(np.hypot(rows, cols) < 130, spacing, zones)
    for number, zone in enumerate(zones, start=1):
        truth = math.pi * ((130 + zone.high_um) ** 2 - (130 + zone.low_um) ** 2) * 1e-6
        found = spacing.area_mm2(np.count_nonzero(index == number))
        assert found == pytest.approx(truth, rel=tolerance)


def test_the_edge_away_from_the_boundary_belongs_to_a_zone() -> None:
    distance = np.array([-500.5, -500, -1, 0, 1, 20, 20.5, np.nan, np.inf, -np.inf], np.float32)
    inner, outer = margin_zones(500)
    assert inner.contains(distance).tolist() == [False, True, True] + [False] * 7
    ring = Zone("near", 0, 20)
    assert ring.contains(distance).tolist() == [False] * 4 + [True, True] + [False] * 4
    assert outer.contains(distance).tolist() == [False] * 4 + [True] * 3 + [False] * 3


@pytest.mark.parametrize(("low", "high"), [(20, 10), (-5, 5), (0, 0)])
def test_a_zone_across_the_boundary_is_a_wrong_argument(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="one side"):
        Zone("wrong", low, high)


def test_without_tumour_or_front_zones_are_nan_with_the_reason() -> None:
    tissue = np.ones((20, 20), bool)
    spacing = Spacing(10.0, 10.0)
    for regions, words in (
        (Regions(spacing, tissue, tissue), "no tumour class"),
        (Regions(spacing, tissue, tissue, ~tissue), "no tumour found"),
    ):
        for score in zone_scores({"collagen": tissue}, regions):
            assert math.isnan(score.value), score.name
            assert words in score.note
    full = by_name(zone_scores({"collagen": tissue}, Regions(spacing, tissue, tissue, tissue)))
    assert math.isnan(full["collagen_fraction_of_margin_outer"].value)
    assert "no invasive front" in full["margin_outer_mm2"].note
    assert full["nest_zone_0_20_um_mm2"].value == 0
    assert math.isnan(full["collagen_fraction_of_nest_zone_0_20_um"].value)
    assert "there is no nest zone 0 20 um" in full["collagen_fraction_of_nest_zone_0_20_um"].note


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), cut=st.integers(1, 29))
def test_blocks_add_up_and_turns_change_nothing(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    index = rng.integers(0, 4, (30, 20)).astype(np.uint8)
    eligible, found = rng.random((2, 30, 20)) < 0.6
    whole = zone_counts(index, eligible, {"a": found}, 3)
    parts = [
        zone_counts(index[part], eligible[part], {"a": found[part]}, 3)
        for part in (slice(0, cut), slice(cut, None))
    ]
    assert parts[0] + parts[1] == whole
    turned = zone_counts(np.rot90(index), np.rot90(eligible), {"a": np.rot90(found)}, 3)
    assert turned == whole
    outside = zone_counts(index, eligible, {"a": found | ~eligible}, 3)
    assert outside == whole


def test_counts_of_different_components_do_not_add() -> None:
    with pytest.raises(ValueError, match="different components"):
        _ = ZoneCounts((1,), {"a": (1,)}) + ZoneCounts((1,), {"b": (1,)})


def test_amounts_in_compartments_by_hand() -> None:
    regions = half_plane(tumour_um=200)
    collagen = np.zeros_like(regions.tissue)
    collagen[:, 10:50] = True
    found = by_name(compartment_scores({"collagen": collagen}, regions))
    assert found["collagen_fraction_of_nest"].value == pytest.approx(0.5)
    assert found["collagen_nest_mm2"].value == pytest.approx(0.1 * 0.2)
    assert found["collagen_fraction_of_margin"].value == pytest.approx(40 / 70)
    assert found["collagen_fraction_of_tumour_tissue"].value == pytest.approx(0.5)
    stroma = found["collagen_fraction_of_stroma"]
    assert math.isnan(stroma.value)
    assert stroma.note == "undefined: the tumour has no stroma"


def test_amounts_add_up_and_nothing_has_no_fraction() -> None:
    mask = np.array([[True, True, False]])
    counts = amount_counts(mask, ~mask) + amount_counts(mask, mask)
    assert counts == AmountCounts(2, 3)
    assert math.isnan(AmountCounts().fraction)
