"""A slide under even light."""

import numpy as np
import pytest

from histo.geometry import Box, Spacing
from histo.slides import ArraySlide
from histo.slides.relit import Relit, relight, under_even_light
from histo.stains import optical_density


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(5, 120, (13, 17, 3)).astype(np.uint8)


def test_optical_density_stays_what_it_was(rgb):
    glass = (125, 134, 143)
    before = optical_density(rgb, glass)
    after = optical_density(relight(rgb, glass, 243), (243, 243, 243))
    bright = rgb > 40  # rounding to a grey level shows in the dark
    np.testing.assert_allclose(after[bright], before[bright], atol=0.01)


def test_glass_gets_the_level():
    glass = np.full((2, 3, 3), (134, 145, 166), np.uint8)
    assert (relight(glass, (134, 145, 166), 243) == 243).all()


def test_glass_of_that_level_changes_nothing(rgb):
    np.testing.assert_array_equal(relight(rgb, (243, 243, 243), 243), rgb)


def test_what_is_brighter_than_white_is_cut():
    assert (relight(np.full((1, 1, 3), 200, np.uint8), (100, 100, 100), 243) == 255).all()


def test_the_image_itself_stays(rgb):
    before = rgb.copy()
    relight(rgb, (100, 90, 80), 243)
    np.testing.assert_array_equal(rgb, before)


def test_a_slide_is_read_relit(rgb):
    spacing = Spacing(0.5, 0.5)
    slide = ArraySlide(rgb, spacing)
    box = Box(2, 3, 8, 9)
    relit = Relit(slide, (120, 130, 140), 243)
    assert relit.name == slide.name
    expected = relight(slide.read(box, spacing), (120, 130, 140), 243)
    np.testing.assert_array_equal(relit.read(box, spacing), expected)


def test_a_slide_of_nearly_that_light_is_read_as_it_is(rgb):
    slide = ArraySlide(rgb, Spacing(0.5, 0.5))
    assert under_even_light(slide, (242, 240, 245), 243) is slide
    assert isinstance(under_even_light(slide, (242, 230, 245), 243), Relit)


def test_a_level_that_is_none_is_refused(rgb):
    with pytest.raises(ValueError, match="grey level of 1 to 255, found 0"):
        relight(rgb, (240, 240, 240), 0)
