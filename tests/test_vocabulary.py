"""The words are fixed: files written today are read tomorrow."""

from itertools import combinations

import numpy as np

from histo.vocabulary import COLOURS, RESEARCH_USE, Component, Exclusion, Marker, Stain


def test_the_words_in_files_do_not_change():
    assert [str(stain) for stain in Stain] == ["H&E", "H-DAB", "Masson", "PSR", "other"]
    assert [str(marker) for marker in Marker] == ["CD68", "CD163", "CD204", "aSMA"]
    assert {str(component) for component in Component} >= {"tumour", "collagen", "macrophage"}


def test_exclusions_keep_their_order():
    """A quality map stores 1 + index, so a new exclusion goes to the end."""
    assert tuple(Exclusion) == ("blur", "pen", "fold", "bubble")


def test_every_class_has_a_colour():
    assert set(COLOURS) == {"tissue", *Component, *Exclusion}
    assert all(len(c) == 3 and min(c) >= 0 and max(c) <= 255 for c in COLOURS.values())


def test_colours_can_be_told_apart():
    for one, other in combinations(COLOURS.values(), 2):
        assert np.abs(np.subtract(one, other)).sum() >= 60, (one, other)


def test_the_disclaimer_says_what_histo_is_not_for():
    assert "Research use only" in RESEARCH_USE
    assert "diagnostic" in RESEARCH_USE
