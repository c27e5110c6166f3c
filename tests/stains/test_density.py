import numpy as np
import pytest

from histo.stains import optical_density, rgb_from_density


def test_glass_has_no_density_and_a_tenth_of_its_light_has_one():
    rgb = np.array([[[240, 230, 220], [24, 23, 22]]], np.uint8)
    od = optical_density(rgb, (240, 230, 220))
    assert od.dtype == np.float32
    np.testing.assert_allclose(od, [[[0, 0, 0], [1, 1, 1]]], atol=1e-6)


def test_black_counts_as_grey_level_one():
    od = optical_density(np.zeros((1, 3), np.uint8), (240, 240, 240))
    np.testing.assert_allclose(od, np.log10(240), rtol=1e-6)


def test_brighter_than_glass_is_negative_not_clipped():
    assert (optical_density(np.full((1, 3), 255, np.uint8), (240, 240, 240)) < 0).all()


def test_a_wrong_glass_fakes_stain():
    od = optical_density(np.array([[240, 238, 235]], np.uint8), (255, 255, 255))
    assert od[0, 2] == pytest.approx(0.0355, abs=1e-4)


def test_every_colour_survives_the_way_there_and_back():
    rgb = np.stack(np.meshgrid(*[np.arange(1, 256, 6)] * 3), axis=-1).astype(np.uint8)
    glass = (243, 238, 240)
    np.testing.assert_array_equal(rgb_from_density(optical_density(rgb, glass), glass), rgb)


def test_the_input_is_left_alone():
    rgb = np.full((2, 2, 3), 100, np.uint8)
    optical_density(rgb, (240, 240, 240))
    assert (rgb == 100).all()


@pytest.mark.parametrize("rgb", [np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8)])
def test_other_than_eight_bit_colour_is_refused(rgb):
    with pytest.raises(ValueError, match="uint8"):
        optical_density(rgb, (240, 240, 240))


@pytest.mark.parametrize("glass", [(0, 240, 240), (240, 240), (256, 1, 1)])
def test_a_white_point_that_is_none_is_refused(glass):
    with pytest.raises(ValueError, match="white point"):
        optical_density(np.zeros((1, 3), np.uint8), glass)


def test_density_of_two_channels_is_refused():
    with pytest.raises(ValueError, match="shape"):
        rgb_from_density(np.zeros((4, 2)), (240, 240, 240))
