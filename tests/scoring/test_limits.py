"""Warnings name the number that caused them; nothing missing becomes a zero."""

import math

import pytest

import histo.scoring
from histo.scoring import Score, WarningLimits, by_name, not_measured, uint8_threshold, warnings_for
from histo.vocabulary import Component


def scores(excluded: float, measurable_mm2: float) -> list[Score]:
    return [
        Score("excluded_fraction_of_tissue", excluded, "1", "excluded", "tissue"),
        Score("measurable_tissue_mm2", measurable_mm2, "mm2", "tissue"),
    ]


def test_a_good_slide_has_no_warning() -> None:
    assert warnings_for(scores(0.30, 1.0)) == []


def test_much_excluded_tissue_withholds_the_headline_and_says_how_much() -> None:
    (warning,) = warnings_for(scores(0.42, 5.0))
    assert warning.code == "much_excluded"
    assert "42%" in warning.message
    assert (warning.score, warning.value) == ("excluded_fraction_of_tissue", 0.42)
    assert warning.withholds_headline


def test_little_tissue_is_named_with_its_area() -> None:
    (warning,) = warnings_for(scores(0.0, 0.25))
    assert warning.code == "little_tissue"
    assert "0.25 mm²" in warning.message
    assert not warning.withholds_headline


def test_limits_can_be_set() -> None:
    limits = WarningLimits(excluded_fraction=0.5, tissue_mm2=0.1)
    assert warnings_for(scores(0.42, 0.25), limits) == []


def test_an_undefined_or_absent_score_triggers_no_rule() -> None:
    assert warnings_for(scores(math.nan, 2.0)) == []
    assert warnings_for([]) == []


def test_every_component_can_be_missing_and_says_what_it_needs() -> None:
    missing = not_measured([])
    brown = {Component.POSITIVE, Component.CELL}
    assert [entry.component for entry in missing] == [c for c in Component if c not in brown]
    assert all(entry.needed for entry in missing)
    assert not_measured(list(Component)) == []


def test_scores_with_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="unique"):
        by_name([scores(0, 1)[0], scores(1, 1)[0]])


@pytest.mark.parametrize(("threshold", "level"), [(1e-6, 1), (0.5, 128), (51 / 255, 51), (1, 255)])
def test_a_threshold_is_met_from_its_own_value_on(threshold: float, level: int) -> None:
    assert uint8_threshold(threshold) == level


def test_the_room_exports_what_it_says() -> None:
    for name in histo.scoring.__all__:
        assert hasattr(histo.scoring, name)
