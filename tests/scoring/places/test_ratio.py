"""Tumour-stroma ratio: stripes of known share, and a field only where tumour surrounds it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring.places.ratio import FieldSettings, stroma_rich_field, tsr_counts, tsr_scores
from histo.scoring.places.regions import Regions
from histo.scoring.score import by_name

TEN_UM = Spacing(10.0, 10.0)
SMALL = FieldSettings(field_number=4.0)  # 0.4 mm across


def stripes(period: int, tumour: int, shape: tuple[int, int] = (80, 100)) -> np.ndarray:
    return np.broadcast_to(np.arange(shape[1]) % period < tumour, shape).copy()


def test_a_field_of_fn_22_at_10x_is_3_8_mm2() -> None:
    assert FieldSettings().area_mm2 == pytest.approx(3.80, abs=0.005)
    assert FieldSettings(magnification=40).area_mm2 == pytest.approx(0.2376, abs=1e-4)


def test_stripes_have_their_ratio_whole_and_in_the_field() -> None:
    tumour = stripes(10, 4)
    tumour[:, 90:] = False
    tumour[:, 93] = True
    regions = Regions(TEN_UM, np.ones_like(tumour), np.ones_like(tumour), tumour)
    found = by_name(tsr_scores(regions, SMALL))
    whole = found["tumour_stroma_ratio"].value
    assert whole == pytest.approx(1 - np.count_nonzero(tumour[:, :94]) / (80 * 94))
    assert found["tumour_stroma_ratio_worst_field"].value == pytest.approx(0.65, abs=0.05)
    assert "positions" in found["tumour_stroma_ratio_worst_field"].note


def test_muscle_is_neither_tumour_nor_stroma() -> None:
    tumour = stripes(10, 4)
    muscle = np.broadcast_to(np.arange(100) % 10 >= 8, (80, 100)).copy()
    regions = Regions(TEN_UM, np.ones_like(tumour), np.ones_like(tumour), tumour, muscle=muscle)
    stroma = regions.stroma & ~muscle
    assert by_name(tsr_scores(regions))["tumour_stroma_ratio"].value == pytest.approx(
        np.count_nonzero(stroma) / (np.count_nonzero(stroma) + 40 * 80)
    )


def brute_force(nest, stroma, radius_px: float) -> float:
    """One field after the other, at every pixel, as the definition says it."""
    rows, cols = np.mgrid[: nest.shape[0], : nest.shape[1]]
    best = -1.0
    for row in range(nest.shape[0]):
        for col in range(nest.shape[1]):
            down, right = rows - row, cols - col
            out = np.hypot(down, right)
            disc = out <= radius_px
            edge = disc & (out >= 0.8 * radius_px)
            angle = np.degrees(np.arctan2(down, right))
            full = np.count_nonzero((nest | stroma) & disc)
            sides = [np.abs((angle - at + 180) % 360 - 180) <= 22.5 for at in (-90, 0, 90, 180)]
            size = np.count_nonzero(np.hypot(*np.mgrid[-30:31, -30:31]) <= radius_px)
            if full >= 0.8 * size and all((nest & edge & side).sum() >= 5 for side in sides):
                best = max(best, np.count_nonzero(stroma & disc) / full)
    return best


@pytest.mark.parametrize("seed", range(2))
def test_the_field_agrees_with_trying_them_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nest = rng.random((7, 8)).repeat(4, 0).repeat(4, 1) < 0.6
    stroma = ~nest & (rng.random(nest.shape) < 0.95)
    found = stroma_rich_field(nest, stroma, TEN_UM, FieldSettings(field_number=1.8))
    assert found.candidates > 0
    assert found.ratio == pytest.approx(brute_force(nest, stroma, 9.0))


def test_stroma_beside_the_tumour_is_no_field() -> None:
    nest = np.zeros((60, 80), bool)
    nest[:, :40] = True
    found = stroma_rich_field(nest, ~nest, TEN_UM, FieldSettings(field_number=2.8))
    assert found.ratio < 0.05  # a field across the front would be half stroma


def test_stroma_within_the_tumour_is_found() -> None:
    nest = np.ones((60, 60), bool)
    nest[20:40, 20:40] = False
    found = stroma_rich_field(nest, ~nest, TEN_UM, FieldSettings(field_number=2.8))
    assert found.centre == pytest.approx((30, 30), abs=1.0)
    assert found.ratio == pytest.approx(400 / (math.pi * 14**2), rel=0.05)


def test_a_field_of_glass_is_no_field() -> None:
    nest = stripes(10, 2)
    stroma = stripes(10, 4) & ~nest
    assert stroma_rich_field(nest, stroma, TEN_UM, SMALL).candidates == 0


def test_no_tumour_and_no_field_say_so() -> None:
    tissue = np.ones((40, 40), bool)
    nothing = by_name(tsr_scores(Regions(TEN_UM, tissue, tissue)))
    assert all(math.isnan(s.value) and "no tumour class" in s.note for s in nothing.values())
    small = by_name(tsr_scores(Regions(TEN_UM, tissue, tissue, stripes(10, 5, (40, 40)))))
    field = small["tumour_stroma_ratio_worst_field"]
    assert math.isnan(field.value)
    assert field.note == "undefined: no field of 3.8 mm² (FN 22) has tumour at all four edges"
    assert small["tumour_stroma_ratio"].value > 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), cut=st.integers(0, 20), turns=st.integers(0, 3))
def test_counts_add_up_and_fields_turn_with_the_picture(seed: int, cut: int, turns: int) -> None:
    rng = np.random.default_rng(seed)
    nest = rng.random((5, 6)).repeat(4, 0).repeat(4, 1) < 0.4
    muscle = rng.random(nest.shape) < 0.1
    halves = [tsr_counts(nest[p], ~nest[p], muscle[p]) for p in (slice(0, cut), slice(cut, None))]
    assert halves[0] + halves[1] == tsr_counts(nest, ~nest, muscle)
    field = FieldSettings(field_number=1.4)
    still = stroma_rich_field(nest, ~nest, TEN_UM, field)
    turned = stroma_rich_field(np.rot90(nest, turns), np.rot90(~nest, turns), TEN_UM, field)
    assert turned.candidates == still.candidates
    assert turned.ratio == pytest.approx(still.ratio, nan_ok=True)


@pytest.mark.parametrize("wrong", [{"field_number": 0}, {"edge_share": 0}, {"least_eligible": 2}])
def test_a_field_that_cannot_be_is_a_wrong_argument(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"above 0|shares"):
        FieldSettings(**wrong)
