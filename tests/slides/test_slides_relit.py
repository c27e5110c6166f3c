"""A slide under even light."""

import numpy as np
import pytest

from histo.geometry import Box, Spacing
from histo.slides import ArraySlide
from histo.slides.dyes import slide_dyes
from histo.slides.relit import Look, Recolouring, Relit, as_learnt, relight
from histo.stains import optical_density, rgb_from_density
from histo.vocabulary import Stain


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
    relit = Relit(slide, Recolouring.of_light((120, 130, 140), 243))
    assert relit.name == slide.name
    expected = relight(slide.read(box, spacing), (120, 130, 140), 243)
    np.testing.assert_array_equal(relit.read(box, spacing), expected)


def test_a_slide_of_nearly_that_light_is_read_as_it_is(rgb):
    slide = ArraySlide(rgb, Spacing(0.5, 0.5))
    look = Look(glass_level=243)
    assert as_learnt(slide, (242, 240, 245), look) is slide
    assert isinstance(as_learnt(slide, (242, 230, 245), look), Relit)
    assert as_learnt(slide, (120, 130, 140), Look()) is slide


def test_a_level_that_is_none_is_refused(rgb):
    with pytest.raises(ValueError, match="grey level of 1 to 255, found 0"):
        relight(rgb, (240, 240, 240), 0)


RED, YELLOW = (0.17, 0.65, 0.74), (0.16, 0.40, 0.90)
WANTED = ((0.12, 0.84, 0.52), (0.20, 0.47, 0.84))


def sirius(dyes, glass, seed=0):
    """A section of 0.6 mm: red bands in yellow tissue, glass around; and where the red is."""
    random = np.random.default_rng(seed)
    rows, cols = np.mgrid[:640, :640]
    red = (cols // 40) % 4 == 0
    unit = [np.array(dye) / np.linalg.norm(dye) for dye in dyes]
    amount = random.uniform(0.5, 0.9, (640, 640, 1))
    density = amount * np.where(red[..., None], unit[0], unit[1])
    outside = (rows < 60) | (rows >= 580)
    density[outside] = 0.0
    return rgb_from_density(density, glass), red & ~outside, ~red & ~outside


def test_the_dyes_of_a_slide_are_found():
    rgb, _, _ = sirius((RED, YELLOW), (230, 225, 220))
    found = slide_dyes(ArraySlide(rgb, 1.0), Stain.PSR, (230, 225, 220))
    for dye, true in zip(found, (RED, YELLOW), strict=True):
        assert dye @ true / np.linalg.norm(true) > np.cos(np.deg2rad(2))


def test_two_batches_of_a_stain_come_to_look_alike():
    look = Look(245, Stain.PSR, WANTED)
    seen = []
    for dyes, glass in (((RED, YELLOW), (230, 225, 220)), (WANTED, (250, 250, 250))):
        rgb, red, yellow = sirius(dyes, glass)
        slide = ArraySlide(rgb, 1.0)
        reader = as_learnt(slide, glass, look)
        pixels = reader.read(Box(0, 0, 640, 640), slide.spacing).astype(float)
        seen.append([pixels[red].mean(axis=0), pixels[yellow].mean(axis=0)])
    np.testing.assert_allclose(seen[0], seen[1], atol=6)
    assert abs(np.subtract(*np.array(seen[0]))).max() > 40


def test_a_slide_of_one_dye_keeps_its_colours_in_an_even_light():
    rgb = np.full((300, 300, 3), (200, 180, 90), np.uint8)
    slide = ArraySlide(rgb, 1.0)
    reader = as_learnt(slide, (200, 200, 200), Look(245, Stain.PSR, WANTED))
    found = reader.read(Box(0, 0, 300, 300), slide.spacing)
    np.testing.assert_array_equal(found, relight(rgb, (200, 200, 200), 245))


def test_the_table_is_close_to_the_formula():
    random = np.random.default_rng(1)
    rgb = random.integers(20, 256, (64, 64, 3)).astype(np.uint8)
    same = Recolouring.of_dyes((245, 245, 245), 245, WANTED, WANTED).apply(rgb)
    assert np.abs(same.astype(int) - rgb).max() <= 1


def test_a_row_of_pixels_beyond_the_view_is_no_field():
    rgb, _, _ = sirius((RED, YELLOW), (230, 225, 220))
    longer = np.concatenate([rgb, rgb])[:1025]  # one row more than two fields
    assert slide_dyes(ArraySlide(longer, 1.0), Stain.PSR, (230, 225, 220)) is not None
