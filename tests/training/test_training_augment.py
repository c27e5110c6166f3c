"""Changes leave image and label one piece, glass pale and masks in range."""

import numpy as np
import pytest
from scipy import ndimage
from training_fakes import drawn_core

from histo.stains import Dye
from histo.training.config import AugmentationConfig

pytest.importorskip("albumentations")

from histo.training.samples.augment import StainJitter, augmentation

CROP_PX = 64
STRONG = AugmentationConfig(elastic_px=3.0)


def augmented(rgb, mask, seed, settings=STRONG):
    change = augmentation(settings, CROP_PX)
    change.set_random_seed(seed)
    out = change(image=rgb, mask=mask)
    return out["image"], out["mask"]


@pytest.mark.parametrize("seed", range(12))
def test_a_dot_stays_under_its_label(seed):
    rows, cols = np.mgrid[:100, :120]
    dot = np.hypot(rows - 45, cols - 66) < 7
    rgb = np.where(dot[..., None], (90, 60, 140), (235, 205, 220)).astype(np.uint8)
    image, mask = augmented(rgb, dot.astype(np.float32)[..., None], seed)
    grey = image.astype(float).sum(axis=2)
    found = grey < (grey.max() + grey.min()) / 2
    label = mask[..., 0] > 0.5
    assert label.sum() > 60, "this crop missed the dot"
    overlap = 2 * (found & label).sum() / (found.sum() + label.sum())
    apart = np.subtract(ndimage.center_of_mass(found), ndimage.center_of_mass(label))
    assert np.hypot(*apart) < 1.0
    assert overlap > 0.9


@pytest.mark.parametrize("seed", range(8))
def test_masks_stay_in_range_and_keep_their_channels(seed):
    rgb, shg = drawn_core(seed)
    mask = np.dstack([shg / np.float32(255), np.ones_like(shg, np.float32)])
    image, changed = augmented(rgb, mask, seed)
    assert (image.shape, image.dtype) == ((CROP_PX, CROP_PX, 3), np.uint8)
    assert (changed.shape, changed.dtype) == ((CROP_PX, CROP_PX, 2), np.float32)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6
    np.testing.assert_allclose(changed[..., 1], 1, atol=1e-6, err_msg="constant in, constant out")


@pytest.mark.parametrize("seed", range(12))
def test_white_stays_whitish(seed):
    white = np.full((100, 100, 3), 255, np.uint8)
    image, _ = augmented(white, np.zeros((100, 100, 1), np.float32), seed)
    colour = np.median(image.reshape(-1, 3), axis=0)
    assert colour.min() > 175
    assert np.ptp(colour) < 45


def test_the_crops_given_are_left_alone():
    rgb, shg = drawn_core(1)
    mask = np.dstack([shg / np.float32(255)] * 2)
    kept = rgb.copy(), mask.copy()
    augmented(rgb, mask, 3)
    np.testing.assert_array_equal(rgb, kept[0])
    np.testing.assert_array_equal(mask, kept[1])


def test_crops_are_drawn_over_the_range_of_scales():
    """A stripe pattern of 8 px comes out between 8 x 0.75 and 8 x 1.35 px long."""
    settings = AugmentationConfig(
        stain_gain=0, stain_vector=0, white_shift=0, blur_px=0, noise=0, jpeg_quality=(95, 95)
    )
    cols = np.mgrid[:160, :160][1]
    rgb = (128 + 100 * np.sin(2 * np.pi * cols / 8))[..., None].repeat(3, axis=2).astype(np.uint8)
    lengths = []
    for seed in range(40):
        image, _ = augmented(rgb, cols[..., None].astype(np.float32), seed, settings)
        grey = image[..., 0].astype(float)
        power = np.abs(np.fft.rfft2(np.pad(grey - grey.mean(), 96)))
        row, col = np.unravel_index(power.argmax(), power.shape)
        lengths.append(256 / max(np.hypot(min(row, 256 - row), col), 1))
    assert 5.5 < min(lengths) < 6.8
    assert 9.8 < max(lengths) < 11.5


def colours():
    """Every colour in steps of 5, as an image."""
    steps = np.arange(0, 256, 5, dtype=np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(52, -1, 3)


def test_a_sharpened_crop_has_steeper_edges():
    plain = {"stain_gain": 0, "stain_vector": 0, "white_shift": 0, "blur_px": 0, "noise": 0}
    image = np.full((64, 64, 3), 200, np.uint8)
    image[:, 32:] = 120
    mask = np.zeros((64, 64, 1), np.float32)
    steepest = []
    for sharpen in (0.0, 1.0):
        changes = augmentation(AugmentationConfig(**plain, sharpen=sharpen, scale=(1, 1)), 64)
        found = []
        for seed in range(30):
            changes.set_random_seed(seed)
            changed = changes(image=image, mask=mask)["image"].astype(int)
            found.append(max(np.abs(np.diff(changed, axis=axis)).max() for axis in (0, 1)))
        steepest.append(max(found))
    assert steepest[1] > steepest[0] + 5


@pytest.mark.parametrize("dyes", [(), (Dye.HAEMATOXYLIN, Dye.EOSIN)])
def test_no_jitter_is_no_change(dyes):
    """Of any colour, also one that is no mixture of the dyes."""
    rgb = colours()
    out = StainJitter(0, 0, 0, dyes=dyes)(image=rgb)["image"]
    assert np.abs(out.astype(int) - rgb).max() <= 1


def test_jitter_changes_within_reason():
    rgb, _ = drawn_core(0)
    change = StainJitter(0.35, 0.06, 0.12)
    shifts = []
    for seed in range(20):
        change.set_random_seed(seed)
        shifts.append(np.abs(change(image=rgb)["image"].astype(int) - rgb).mean())
    assert min(shifts) > 0.5
    assert 5 < np.mean(shifts) < 40


def test_without_dyes_every_colour_may_turn_and_two_stay_apart():
    """Picric yellow and sirius red side by side, as on any section of theirs."""
    change = StainJitter(0.4, 0.12, 0.2, dyes=())
    rgb = np.array([[[214, 176, 70], [190, 40, 70]]], np.uint8)
    seen = []
    for seed in range(30):
        change.set_random_seed(seed)
        seen.append(change(image=rgb)["image"][0].astype(int))
    yellow, red = np.array(seen).transpose(1, 0, 2)
    assert (yellow - red)[:, 1].min() > 40, "green tells them apart whatever the draw"
    for colour in (yellow, red):
        assert (np.ptp(colour, axis=0) > 25).all()


def test_draws_about_dyes_are_those_that_networks_were_taught_with():
    """A bundle trained again from its configuration sees the same crops."""
    change = StainJitter(0.35, 0.06, 0.12)
    change.set_random_seed(3)
    drawn = change.get_params()
    np.testing.assert_allclose(drawn["matrix"].sum(axis=1), [1.3966, 0.7869, 0.5287], atol=1e-4)
    np.testing.assert_allclose(drawn["white"], [230.30, 226.33, 226.82], atol=0.01)


@pytest.mark.parametrize("dyes", [(), (Dye.HAEMATOXYLIN, Dye.EOSIN)])
def test_jitter_leaves_black_dark_and_glass_pale(dyes):
    change = StainJitter(0.35, 0.06, 0.12, dyes=dyes)
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    for seed in range(20):
        change.set_random_seed(seed)
        black, white = change(image=ends)["image"][0]
        assert black.max() < 60
        assert white.min() > 190


def test_the_same_seed_draws_the_same():
    rgb, shg = drawn_core(2)
    mask = np.dstack([shg / np.float32(255)] * 2)
    one, other, third = (augmented(rgb, mask, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert not np.array_equal(one[0], third[0])
