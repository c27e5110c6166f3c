"""Resampling is an exact area average, wherever it is cut."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.slides import ArraySlide, native_spacing
from histo.slides.reading import choose_level
from histo.slides.resample import plan_axis, resample

SCALES = (1.0, 2.0, 3.0, 40.0, 1.004, 1.25, 2.2, 3.7, 17.3)


def dense_weights(start: int, count: int, scale: float, length: int, first: int) -> NDArray:
    """Footprint overlaps in exact fractions, one by one: slow and plainly right."""
    weights = np.zeros((count, length))
    exact = Fraction(scale)
    for row in range(count):
        low, high = (start + row) * exact, (start + row + 1) * exact
        for source in range(length):
            left, right = Fraction(first + source), Fraction(first + source + 1)
            weights[row, source] = float(max(Fraction(0), min(high, right) - max(low, left)))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("scale", SCALES)
def test_a_constant_stays_that_constant(scale: float) -> None:
    for value in (0, 1, 127, 254, 255):
        rows, cols = plan_axis(3, 9, scale), plan_axis(-4, 11, scale)
        pixels = np.full((rows.length, cols.length, 3), value, np.uint8)
        assert (resample(pixels, rows, cols) == value).all()


@pytest.mark.parametrize("scale", SCALES)
def test_it_equals_a_dense_area_average(scale: float) -> None:
    rows, cols = plan_axis(5, 7, scale), plan_axis(-2, 6, scale * 1.01)
    pixels = np.random.default_rng(1).integers(0, 256, (rows.length, cols.length, 3), np.uint8)
    high = dense_weights(5, 7, scale, rows.length, rows.first)
    wide = dense_weights(-2, 6, scale * 1.01, cols.length, cols.first)
    expected = np.einsum("ah,bw,hwc->abc", high, wide, pixels.astype(float))
    assert np.abs(resample(pixels, rows, cols) - expected).max() <= 0.5 + 1e-3


def test_a_case_by_hand() -> None:
    # Two pixels of 1.5: the middle source pixel is shared in halves.
    pixels = np.repeat(np.array([[[0], [100], [200]]], np.uint8), 3, axis=2)
    mean = resample(pixels, plan_axis(0, 1, 1.0), plan_axis(0, 2, 1.5))
    assert mean[0, :, 0].tolist() == [33, 167]


def test_finer_than_the_file_interpolates_linearly_between_pixel_centres() -> None:
    ramp = np.arange(0, 200, 10, dtype=np.uint8)
    slide = ArraySlide(np.broadcast_to(ramp[None, :, None], (20, 20, 3)).copy(), 0.5)
    fine = slide.read(Box(8, 8, 4, 16), 0.25)
    centres = (np.arange(8, 24) + 0.5) / 2 - 0.5
    assert np.abs(fine[0, :, 0] - centres * 10).max() <= 0.5


@pytest.mark.parametrize("um_per_px", [0.1, 0.2499, 0.25, 0.5, 0.55, 0.7321, 2.0, 4.3])
def test_a_pixel_does_not_depend_on_the_box_it_is_read_in(um_per_px: float) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (157, 211, 3), np.uint8)
    slide = ArraySlide(rgb, 0.25)
    height, width = slide.frame_shape(um_per_px)
    whole = slide.read(Box(-3, -2, height + 6, width + 4), um_per_px).astype(int)
    for row, col, high, wide in ((-3, -2, 5, 5), (1, 2, height - 1, 3), (height - 2, 0, 4, width)):
        part = slide.read(Box(row, col, high, wide), um_per_px)
        same = whole[row + 3 : row + 3 + high, col + 2 : col + 2 + wide]
        assert np.abs(part - same).max() <= 1


def test_whole_factors_are_exact_in_any_cut() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (120, 120, 3), np.uint8)
    slide = ArraySlide(rgb, 0.25)
    expected = np.floor(rgb.reshape(40, 3, 40, 3, 3).mean(axis=(1, 3)) + 0.5).astype(np.uint8)
    assert np.array_equal(slide.read(Box(0, 0, 40, 40), 0.75), expected)
    assert np.array_equal(slide.read(Box(7, 11, 20, 9), 0.75), expected[7:27, 11:20])


@pytest.mark.parametrize("factor", [2, 3, 7, 100, 128, 129, 300])
def test_the_box_mean_rounds_half_up_at_every_factor(factor: int) -> None:
    rng = np.random.default_rng(factor)
    pixels = rng.integers(0, 256, (2 * factor, 3 * factor, 3), np.uint8)
    pixels[:, :factor] = rng.integers(254, 256, (2 * factor, factor, 3))
    total = pixels.reshape(2, factor, 3, factor, 3).sum(axis=(1, 3), dtype=np.int64)
    mean = resample(pixels, plan_axis(0, 2, float(factor)), plan_axis(0, 3, float(factor)))
    assert np.array_equal(mean, (2 * total + factor**2) // (2 * factor**2))


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (200, 300, 3), np.uint8)
    slide = ArraySlide(rgb, 0.25)
    box = Box(0, 0, 70, 100)
    whole, exact = slide.read(box, 0.713), slide.read(box, 0.75)
    monkeypatch.setattr("histo.slides.reading._BLOCK_PX", 999)
    assert np.abs(slide.read(box, 0.713).astype(int) - whole).max() <= 1
    assert np.array_equal(slide.read(box, 0.75), exact)


def test_a_pixel_larger_than_a_block_is_the_same_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (256, 256, 3), np.uint8)
    slide = ArraySlide(rgb, 0.25)
    monkeypatch.setattr("histo.slides.reading._BLOCK_PX", 4000)
    mean = slide.read(Box(0, 0, 2, 2), 0.25 * 128)
    expected = rgb.reshape(2, 128, 2, 128, 3).mean(axis=(1, 3))
    assert np.abs(mean - expected).max() <= 1


def test_the_best_level_is_the_coarsest_that_is_not_coarser() -> None:
    rgb = np.zeros((800, 800, 3), np.uint8)
    slide = ArraySlide(rgb, 0.25, levels=[rgb[::4, ::4], rgb[::16, ::16]])
    chosen = {um: choose_level(slide, Spacing(um, um)) for um in (0.1, 0.25, 0.9, 0.992, 1.0, 8.0)}
    assert chosen == {0.1: 0, 0.25: 0, 0.9: 0, 0.992: 1, 1.0: 1, 8.0: 2}


def test_native_spacing_is_a_whole_multiple_where_one_is_near() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    slide = ArraySlide(rgb, Spacing(0.2525, 0.2521))
    near = native_spacing(slide, 0.5)
    assert near.pair == pytest.approx((0.505, 0.5042))
    assert native_spacing(slide, 0.45).pair == (0.45, 0.45)
    assert native_spacing(slide, 0.1).pair == (0.1, 0.1)


def test_no_row_is_gained_by_rounding() -> None:
    slide = ArraySlide(np.zeros((300, 301, 3), np.uint8), 0.1)
    assert slide.frame_shape(0.3) == (100, 101)
    assert slide.thumbnail(0.3)[0].shape == (100, 101, 3)


def test_a_thumbnail_is_a_mean_of_whole_pixels() -> None:
    slide = ArraySlide(np.full((100, 64, 3), 9, np.uint8), 0.249)
    view, spacing = slide.thumbnail(1.0)
    assert spacing.pair == pytest.approx((0.996, 0.996))
    assert view.shape == (25, 16, 3)
    assert (view == 9).all()


def test_an_empty_box_reads_as_nothing() -> None:
    slide = ArraySlide(np.zeros((20, 20, 3), np.uint8), 0.5)
    assert slide.read(Box(2, 2, 0, 5), 1.1).shape == (0, 5, 3)
    assert slide.read_level(0, Box(2, 2, 5, 0)).shape == (5, 0, 3)
