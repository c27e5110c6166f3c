"""A case: each stain answers for what it shows, and nothing is averaged."""

import math

import pytest

from histo.scoring.case import UNREGISTERED, CaseSlide, case_scores, spreads
from histo.scoring.score import Score
from histo.vocabulary import Marker, Stain


def slide(name, stain, marker=None, **values):
    scores = {key: Score(key, value, "1", "what") for key, value in values.items()}
    return CaseSlide(name, stain, marker, scores)


@pytest.fixture
def asma():
    return slide("a", Stain.HDAB, Marker.ASMA, asma_fraction_of_stroma=0.06, tissue_mm2=9.0)


@pytest.fixture
def trichrome():
    return slide("t", Stain.MASSON, collagen_fraction_of_stroma=0.3)


def test_each_slide_answers_for_what_it_shows(asma, trichrome):
    tam = slide("m", Stain.HDAB, Marker.CD163, tam_density_stroma_per_mm2=120.0)
    found = case_scores([tam, asma, trichrome])
    assert [(one.score.name, [s.fingerprint for s in one.slides]) for one in found] == [
        ("tam_density_stroma_per_mm2", ["m"]),
        ("asma_fraction_of_stroma", ["a"]),
        ("collagen_fraction_of_stroma", ["t"]),
        ("activated_stroma_index", ["a", "t"]),
    ]


def test_the_index_compares_areas_of_two_sections(asma, trichrome):
    index = case_scores([asma, trichrome])[-1].score
    assert index.value == pytest.approx(0.2)
    assert UNREGISTERED in index.note


def test_collagen_of_h_and_e_counts_only_without_a_special_stain(asma, trichrome):
    he = slide("h", Stain.HE, collagen_fraction_of_stroma=0.5)
    names = {s.fingerprint for one in case_scores([asma, trichrome, he]) for s in one.slides}
    assert names == {"a", "t"}
    assert case_scores([asma, he])[-1].score.value == pytest.approx(0.12)


def test_several_slides_of_one_marker_stand_side_by_side(trichrome):
    other = slide("u", Stain.PSR, collagen_fraction_of_stroma=0.4)
    found = case_scores([trichrome, other])
    assert [one.score.value for one in found] == [0.3, 0.4]
    (spread,) = spreads(found)
    assert (spread.low, spread.high, spread.slides) == (0.3, 0.4, 2)


def test_without_its_parts_the_index_is_undefined_and_says_why(asma):
    nothing = slide("t", Stain.MASSON, collagen_fraction_of_stroma=math.nan)
    index = case_scores([asma, nothing])[-1].score
    assert math.isnan(index.value)
    assert index.note == "undefined: collagen was not measured"
    assert [one.score.name for one in case_scores([asma])] == ["asma_fraction_of_stroma"]


def test_a_slide_given_twice_is_refused(asma):
    with pytest.raises(ValueError, match="twice"):
        case_scores([asma, asma])
