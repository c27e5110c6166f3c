import numpy as np
import pytest
from drawing import GLASS, PINK, absorb, coverage, disc, stained, stroke, to_bytes
from PIL import Image
from scipy import ndimage

from histo.geometry import Spacing
from histo.tissue import Field, exclusion_code, tissue_map
from histo.vocabulary import Exclusion

EIGHT, TWO = Spacing(8.0, 8.0), Spacing(2.0, 2.0)
INKS = {
    "blue": (0.90, 0.68, 0.18),
    "green": (0.95, 0.25, 0.70),
    "red": (0.05, 1.05, 0.80),
    "black": (1.2, 1.2, 1.2),
}


@pytest.fixture(scope="module")
def share():
    """A disc of 7 mm² on a view of 400 x 400 px."""
    return coverage(disc(1500, 1600), 3200, fine_um=4.0)[0]


def is_reason(found, reason):
    return found.exclusion == exclusion_code(reason)


def test_codes_follow_the_vocabulary():
    assert [exclusion_code(reason) for reason in Exclusion] == [1, 2, 3, 4]


@pytest.mark.parametrize("ink", INKS)
def test_pen_on_tissue_is_excluded_and_pen_on_glass_is_no_tissue(share, ink):
    clean = tissue_map(stained(share), EIGHT).tissue
    pen = stroke(share.shape, (12, 12), (12, 388), 14) + stroke(
        share.shape, (40, 60), (200, 190), 40
    )
    found = tissue_map(absorb(stained(share), INKS[ink], np.minimum(pen, 1)), EIGHT)
    inked = pen > 0.5
    assert is_reason(found, Exclusion.PEN)[inked & clean].mean() > 0.9
    assert found.tissue[inked & ~clean].mean() < 0.1
    assert is_reason(found, Exclusion.PEN)[pen < 0.01].mean() < 0.01
    assert found.tissue.sum() == pytest.approx(clean.sum(), rel=0.02)


def test_a_fold_is_excluded_and_a_follicle_of_nuclei_is_not(share):
    rgb = stained(share)
    fold = stroke(share.shape, (120, 100), (280, 300), 20)
    follicle = stroke(share.shape, (300, 130), (300, 190), 20)
    doubled = to_bytes(GLASS * (rgb / GLASS) ** (1 + fold[..., None]))
    found = tissue_map(absorb(doubled, (0.35, 0.38, 0.16), follicle), EIGHT)
    folded = is_reason(found, Exclusion.FOLD)
    assert folded[fold > 0.5].mean() > 0.8
    assert folded[fold < 0.01].mean() < 0.01


def test_strong_brown_ribbons_are_no_folds(share):
    rgb = stained(share, (0.1, 0.2, 0.27))
    ribbon = stroke(share.shape, (120, 100), (280, 300), 20)
    found = tissue_map(absorb(rgb, (0.2, 0.4, 0.55), ribbon), EIGHT)
    assert not is_reason(found, Exclusion.FOLD).any()


def test_a_bubble_on_tissue_is_excluded_and_on_glass_it_is_no_tissue(share):
    wide = np.pad(stained(share), ((0, 0), (0, 200), (0, 0)), mode="edge")
    y, x = np.mgrid[: wide.shape[0], : wide.shape[1]]
    rings = np.zeros(wide.shape[:2])
    for row, col, radius in ((200, 200, 60), (100, 500, 40)):
        rings += np.abs(np.hypot(y - row, x - col) - radius) < 4
    found = tissue_map(absorb(wide, (1.2, 1.2, 1.2), ndimage.gaussian_filter(rings, 1.0)), EIGHT)
    inside = np.hypot(y - 200, x - 200) < 60
    assert is_reason(found, Exclusion.BUBBLE)[inside].mean() > 0.95
    assert not found.tissue[:, 420:].any()


def nuclei(shape, seed=0, od=(0.5, 0.55, 0.25)):
    """Return a section at 2 µm/px, with round nuclei of 8 µm."""
    rng = np.random.default_rng(seed)
    seeds = (rng.random(shape) < 0.02).astype(float)
    dots = np.clip(ndimage.gaussian_filter(seeds, 1.2) * 9, 0, 1)
    return GLASS * 10 ** -(PINK + dots[..., None] * np.asarray(od))


def defocused(light, sigma_px):
    return ndimage.gaussian_filter(light, (sigma_px, sigma_px, 0))


def halves(sigma_px, seed=0):
    """Return a section whose left half is out of focus: the field, and its low-power view."""
    light = nuclei((640, 1280), seed)
    light[:, :640] = defocused(light, sigma_px)[:, :640]
    light += np.random.default_rng(seed).normal(0, 1, light.shape)
    fine = to_bytes(light)
    return fine, np.asarray(Image.fromarray(fine).reduce(4))


def test_defocus_is_found_on_a_finer_view():
    fine, low = halves(2.0)
    blurred = is_reason(tissue_map(low, EIGHT, fields=[Field(fine, TWO, 0.0, 0.0)]), Exclusion.BLUR)
    assert blurred[:, :150].mean() > 0.95
    assert blurred[:, 170:].mean() < 0.02


def test_a_sharp_section_has_no_blur_and_no_verdict_comes_without_fields():
    fine, low = halves(0.01)
    assert not tissue_map(low, EIGHT, fields=[Field(fine, TWO, 0.0, 0.0)]).exclusion.any()
    assert not tissue_map(halves(3.0)[1], EIGHT).exclusion.any()


def test_strips_find_the_same_blur_as_one_field():
    fine, low = halves(2.5)
    strips = (Field(fine[row : row + 128], TWO, 2.0 * row, 0.0) for row in range(0, 640, 128))
    whole = tissue_map(low, EIGHT, fields=[Field(fine, TWO, 0.0, 0.0)])
    both = is_reason(tissue_map(low, EIGHT, fields=strips), Exclusion.BLUR)
    assert (both == is_reason(whole, Exclusion.BLUR)).mean() > 0.97


def test_sampled_fields_speak_for_what_is_near():
    fine, low = halves(2.5)
    samples = [
        Field(fine[r : r + 160, c : c + 160], TWO, 2.0 * r, 2.0 * c)
        for r in (0, 320)
        for c in (0, 240, 640, 960)
    ]
    blurred = is_reason(tissue_map(low, EIGHT, fields=samples), Exclusion.BLUR)
    assert blurred[:, :120].mean() > 0.9
    assert blurred[:, 180:].mean() < 0.02


def test_even_collagen_and_fat_are_not_blurred():
    rng = np.random.default_rng(0)
    even = to_bytes(GLASS * 10**-PINK + rng.normal(0, 1, (640, 640, 3)))
    y, x = np.mgrid[:640, :640]
    walls = defocused(((y % 50 < 2) | (x % 50 < 2))[..., None].astype(float), 0.5)
    fat = to_bytes(GLASS * 10 ** -(walls * PINK) + rng.normal(0, 1, (640, 640, 3)))
    for fine in (even, fat):
        low = np.asarray(Image.fromarray(fine).reduce(4))
        found = tissue_map(low, EIGHT, fields=[Field(fine, TWO, 0.0, 0.0)])
        assert not is_reason(found, Exclusion.BLUR).any()


def test_a_field_too_coarse_to_judge_is_refused():
    fine, low = halves(1.0)
    with pytest.raises(ValueError, match="µm/px"):
        tissue_map(low, EIGHT, fields=[Field(fine, EIGHT, 0.0, 0.0)])


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "um_per_px"),
    [
        ("dab/mucosa_native_pan_05.jpg", 0.5),
        ("dab/control_cd3.jpg", 0.5),
        ("tumour_he/bcss/1008.jpg", 0.25),
        ("collagen_special/liver_psr_1um.jpg", 1.0),
    ],
)
def test_real_sections_are_sharp_until_they_are_blurred(shared_data, file, um_per_px):
    with Image.open(shared_data / file) as image:
        fine = np.asarray(image.convert("RGB").reduce(round(2 / um_per_px)))
    low = np.asarray(Image.fromarray(fine).reduce(4))
    assert not tissue_map(low, EIGHT, fields=[Field(fine, TWO, 0.0, 0.0)]).exclusion.any()
    soft = to_bytes(defocused(fine.astype(float), 2.0))
    found = tissue_map(low, EIGHT, fields=[Field(soft, TWO, 0.0, 0.0)])
    assert is_reason(found, Exclusion.BLUR)[found.tissue].mean() > 0.9
