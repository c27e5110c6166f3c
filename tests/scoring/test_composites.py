"""Composites: the index by hand and its refusal, and patterns against a cohort only."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from histo.scoring.composites import (
    Pattern,
    StainedArea,
    activated_stroma_index,
    asi_score,
    cohort_patterns,
)
from histo.scoring.places.amounts import AmountCounts


def test_on_one_region_it_is_the_ratio_of_areas() -> None:
    asma = StainedArea.of(AmountCounts(30, 200), 1e-4)
    collagen = StainedArea.of(AmountCounts(60, 200), 1e-4)
    assert activated_stroma_index(asma, collagen) == pytest.approx(0.5)


def test_a_larger_region_on_one_section_does_not_shift_it() -> None:
    collagen = StainedArea(0.8, 2.0)
    assert activated_stroma_index(StainedArea(0.5, 1.0), collagen) == pytest.approx(
        activated_stroma_index(StainedArea(1.5, 3.0), collagen)
    )


@pytest.mark.parametrize(
    ("collagen_mm2", "defined"), [(0.0, False), (0.0099, False), (0.0101, True)]
)
def test_under_one_percent_of_collagen_there_is_no_index(collagen_mm2, defined) -> None:
    score = asi_score(StainedArea(0.2, 1.0), StainedArea(collagen_mm2, 1.0))
    assert math.isfinite(score.value) == defined
    assert ("needs 1.00%" in score.note) != defined


def test_what_is_missing_is_named() -> None:
    some = StainedArea(0.1, 1.0)
    assert "α-SMA was not measured" in asi_score(None, some).note
    assert "collagen was not measured" in asi_score(some, None).note
    assert "no stroma" in asi_score(StainedArea(0, 0), some).note
    assert "no stroma" in asi_score(some, StainedArea(0, 0)).note
    assert asi_score(StainedArea(0, 1), some).value == 0


def test_from_one_he_slide_it_is_a_pseudo_index() -> None:
    score = asi_score(StainedArea(0.1, 1.0), StainedArea(0.2, 1.0), pseudo=True, note="note")
    assert score.name == "pseudo_activated_stroma_index"
    assert score.note == "inferred from H&E, experimental; note"


def test_the_four_patterns() -> None:
    asma = [9, 1, 9, 1] * 3
    collagen = [1, 9, 9, 1] * 3
    found = cohort_patterns(asma, collagen)
    names = ("fibrolytic", "dormant", "fibrogenic", "inert") * 3
    assert found.patterns == tuple(Pattern(name) for name in names)
    assert (found.median_asma, found.median_collagen, found.cases) == (5, 5, 12)


def test_a_small_cohort_has_no_pattern_and_a_missing_value_none_of_its_own() -> None:
    few = cohort_patterns([1, 2, math.nan], [1, 2, 3])
    assert few.patterns == (None, None, None)
    assert "2 cases" in few.note
    values = [*range(10), math.nan]
    found = cohort_patterns(values, list(range(11)))
    assert found.patterns[-1] is None
    assert found.cases == 10
    assert cohort_patterns([], []).patterns == ()


def test_cohorts_of_unequal_length_are_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match="found 2 and 1"):
        cohort_patterns([1, 2], [1])


@given(seed=st.integers(0, 999), scale=st.floats(0.1, 10))
def test_patterns_do_not_depend_on_the_unit(seed: int, scale: float) -> None:
    asma, collagen = np.random.default_rng(seed).random((2, 12))
    scaled = cohort_patterns(list(asma * scale), list(collagen * scale))
    assert scaled.patterns == cohort_patterns(list(asma), list(collagen)).patterns
