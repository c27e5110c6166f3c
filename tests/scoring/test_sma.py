"""α-SMA: muscle comes off both sides of the fraction, and doubt is said."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring.places.regions import Regions
from histo.scoring.score import by_name
from histo.scoring.sma import density_counts, h_score_scores, sma_counts, sma_scores


def striped(muscle: bool = True) -> Regions:
    """Two nests with 20 columns of stroma between, the last 5 of them muscle."""
    tissue = np.ones((40, 100), bool)
    tumour = np.zeros_like(tissue)
    tumour[:, 20:40] = tumour[:, 60:80] = True
    wall = np.zeros_like(tissue)
    wall[:, 55:60] = True
    return Regions(Spacing(5.0, 5.0), tissue, tissue, tumour, muscle=wall if muscle else None)


def stained(columns: slice) -> np.ndarray:
    positive = np.zeros((40, 100), bool)
    positive[:, columns] = True
    return positive


def test_muscle_leaves_numerator_and_denominator() -> None:
    found = by_name(sma_scores(stained(slice(49, 57)), striped()))
    assert found["asma_fraction_of_stroma"].value == pytest.approx(6 / 15)
    assert found["asma_stroma_mm2"].value == pytest.approx(6 * 40 * 25e-6)
    assert found["asma_excluded_muscle_mm2"].value == pytest.approx(5 * 40 * 25e-6)
    assert found["asma_muscle_share_of_positive"].value == pytest.approx(2 / 8)


def test_much_muscle_makes_an_upper_bound_and_says_how_much() -> None:
    much = by_name(sma_scores(stained(slice(49, 57)), striped()))["asma_fraction_of_stroma"]
    assert much.note == "upper bound: 25% of α-SMA⁺ is muscle or vessel (limit 20%)"
    little = by_name(sma_scores(stained(slice(42, 56)), striped()))["asma_fraction_of_stroma"]
    assert little.note == ""


def test_without_a_muscle_class_the_value_is_an_upper_bound() -> None:
    found = by_name(sma_scores(stained(slice(49, 57)), striped(muscle=False)))
    assert found["asma_fraction_of_stroma"].value == pytest.approx(8 / 20)
    assert found["asma_fraction_of_stroma"].note == "upper bound: no muscle or vessel class"
    assert math.isnan(found["asma_excluded_muscle_mm2"].value)
    assert math.isnan(found["asma_muscle_share_of_positive"].value)


def test_no_stain_is_a_true_zero() -> None:
    found = by_name(sma_scores(stained(slice(0, 0)), striped()))
    assert found["asma_fraction_of_stroma"].value == 0
    assert found["asma_fraction_of_stroma"].note == ""
    assert found["asma_muscle_share_of_positive"].note == "undefined: no α-SMA in the stroma"


@pytest.mark.parametrize("case", ["no class", "no tumour", "all muscle"])
def test_what_cannot_be_measured_is_nan_with_its_reason(case: str) -> None:
    regions = {
        "no class": replace(striped(), tumour=None),
        "no tumour": replace(striped(), tumour=np.zeros((40, 100), bool)),
        "all muscle": replace(striped(), muscle=np.ones((40, 100), bool)),
    }[case]
    words = {"no class": "no tumour class", "no tumour": "no tumour found"}.get(case, "all stroma")
    positive = stained(slice(49, 57))
    density = np.ones(positive.shape, np.float32)
    fraction = by_name(sma_scores(positive, regions))["asma_fraction_of_stroma"]
    score = by_name(h_score_scores(density, regions))["asma_h_score"]
    assert math.isnan(fraction.value)
    assert math.isnan(score.value)
    assert words in fraction.note
    assert score.note.startswith("undefined")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), cut=st.integers(0, 30))
def test_parts_add_up(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    positive, stroma, muscle = rng.random((3, 30, 20)) < 0.5
    density = rng.gamma(2, 0.15, (30, 20)).astype(np.float32)
    parts = (slice(0, cut), slice(cut, None))
    halves = [sma_counts(positive[p], stroma[p], muscle[p]) for p in parts]
    assert halves[0] + halves[1] == sma_counts(positive, stroma, muscle)
    densities = [density_counts(density[p], stroma[p]) for p in parts]
    assert densities[0] + densities[1] == density_counts(density, stroma)
    elsewhere = np.where(stroma, density, 9).astype(np.float32)
    assert density_counts(elsewhere, stroma) == density_counts(density, stroma)


def test_the_h_score_by_hand() -> None:
    density = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.9, 0.0, np.nan]], np.float32)
    counts = density_counts(density, np.ones((1, 10), bool))
    assert counts.eligible_px == 9
    # 2 of 9 are 1+, 2 are 2+, 3 are 3+
    assert counts.h_scores[1] == pytest.approx(100 * (2 + 2 * 2 + 3 * 3) / 9)
    assert counts.fractions[1] == pytest.approx(7 / 9)


@pytest.mark.parametrize(("level", "score"), [(0.1, 0), (0.3, 100), (0.45, 200), (0.7, 300)])
def test_one_strength_everywhere_has_a_round_h_score(level: float, score: float) -> None:
    density = np.full((40, 100), level, np.float32)
    found = by_name(h_score_scores(density, striped()))
    assert found["asma_h_score"].value == score
    assert found["asma_od_fraction_of_stroma"].value == (score > 0)


def test_a_fraction_that_hangs_on_its_cut_says_so() -> None:
    regions = striped()
    density = np.zeros((40, 100), np.float32)
    density[:, 40:50] = 0.21  # lost when the cut goes up to 0.24
    scores = by_name(h_score_scores(density, regions))
    assert scores["asma_od_fraction_of_stroma"].note == "threshold-sensitive"
    assert scores["asma_threshold_sensitivity"].value == pytest.approx(1)
    density[:, 40:50] = 0.3
    scores = by_name(h_score_scores(density, regions))
    assert scores["asma_od_fraction_of_stroma"].note == ""
    assert scores["asma_threshold_sensitivity"].value == 0
    density[:, 40:50] = 0.17
    scores = by_name(h_score_scores(density, regions))
    assert scores["asma_od_fraction_of_stroma"].value == 0
    assert scores["asma_od_fraction_of_stroma"].note == "threshold-sensitive"


@pytest.mark.parametrize("cuts", [(0.2, 0.4), (0.4, 0.2, 0.6), (0, 0.4, 0.6)])
def test_cuts_that_do_not_rise_are_a_wrong_argument(cuts: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="three rising"):
        density_counts(np.zeros((2, 2), np.float32), np.ones((2, 2), bool), cuts)
