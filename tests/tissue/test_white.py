import numpy as np
import pytest
from drawing import GLASS, coverage, disc, stained

from histo.tissue import white_point
from histo.tissue.white import DEFAULT_GLASS


@pytest.fixture
def section():
    return stained(coverage(disc(500, 800), 1600, fine_um=2.0)[0])


def off(rgb):
    return np.abs(white_point(rgb).astype(int) - GLASS).max()


def test_the_glass_around_tissue_is_found(section):
    assert off(section) <= 1


def test_one_colour_is_its_own_glass():
    assert white_point(np.full((9, 9, 3), 240, np.uint8)).tolist() == [240, 240, 240]
    assert white_point(np.full((9, 9, 3), 255, np.uint8)).tolist() == [255, 255, 255]


def test_black_borders_and_white_padding_are_no_glass(section):
    padded = np.pad(section, ((0, 0), (0, 120), (0, 0)), constant_values=255)
    assert off(np.pad(padded, ((80, 0), (0, 0), (0, 0)))) <= 1


def test_dim_and_tinted_glass_is_found_if_nothing_is_brighter(section):
    dim = (section * np.array([0.55, 0.6, 0.68])).astype(np.uint8)
    assert np.abs(white_point(dim) - GLASS * np.array([0.55, 0.6, 0.68])).max() <= 2


def test_a_crop_full_of_tissue_answers_with_the_usual_glass():
    full = stained(np.ones((60, 60), np.float32))
    assert white_point(full).tolist() == list(DEFAULT_GLASS)


def test_white_gaps_in_a_crop_full_of_tissue_serve():
    full = stained(np.ones((60, 60), np.float32))
    full[::10, ::10] = GLASS
    assert off(full) <= 2


def test_a_black_or_single_pixel_does_not_break_it():
    assert white_point(np.zeros((1, 1, 3), np.uint8)).tolist() == list(DEFAULT_GLASS)
    assert white_point(np.full((1, 1, 3), 235, np.uint8)).tolist() == [235, 235, 235]


def test_quarter_turns_and_mirrors_change_nothing(section):
    for turned in (np.rot90(section), section[::-1], section[:, ::-1]):
        np.testing.assert_array_equal(white_point(turned), white_point(section))


def test_something_else_than_eight_bit_colour_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        white_point(np.zeros((4, 4), np.uint8))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "glass"),
    [
        ("collagen_he_shg/X01Y05_he.png", (242, 241, 241)),  # beside 20 % pure white padding
        ("collagen_he_shg/1B_A1_he.png", (134, 145, 166)),  # dim and bluish
        ("dab/control_cd3.jpg", (220, 220, 220)),
        ("registration/Rat-Kidney_HE.jpg", (243, 243, 243)),
    ],
)
def test_glass_of_real_slides(shared_data, file, glass):
    from PIL import Image

    with Image.open(shared_data / file) as image:
        found = white_point(np.asarray(image.convert("RGB")))
    assert np.abs(found.astype(int) - glass).max() <= 2
