import numpy as np
import pytest
from drawing import GLASS, PINK, blob, coverage, disc, stained
from PIL import Image

from histo.errors import TissueError
from histo.geometry import Spacing
from histo.tissue import tissue_map

EIGHT = Spacing(8.0, 8.0)
BROWN, RED, BLUE = (0.27, 0.57, 0.78), (0.1, 0.74, 0.67), (0.8, 0.59, 0.1)


@pytest.fixture(scope="module")
def islet():
    """A disc of 0.785 mm² and its coverage."""
    return coverage(disc(500, 800), 1600, fine_um=2.0)[0]


def area_mm2(found):
    return found.spacing.area_mm2(np.count_nonzero(found.tissue))


@pytest.mark.parametrize("outline", [disc, blob])
def test_areas_are_within_a_hundredth_however_strong_the_stain(outline):
    share, truth = coverage(outline(950, 1500), 3000)
    for strength in (0.3, 1.0, 2.5):
        found = tissue_map(stained(share, PINK * strength), EIGHT)
        assert area_mm2(found) == pytest.approx(truth, rel=0.01), strength


def test_area_does_not_depend_on_the_spacing_of_the_view():
    for um in (4.0, 16.0):
        share, truth = coverage(disc(950, 1504), 3008, um, fine_um=1.0)
        assert area_mm2(tissue_map(stained(share), Spacing(um, um))) == pytest.approx(
            truth, rel=0.01
        )


@pytest.mark.parametrize("od", [PINK, BROWN, RED, BLUE])
def test_every_stain_is_tissue(islet, od):
    found = tissue_map(stained(islet, np.asarray(od) * 0.4), EIGHT)
    assert area_mm2(found) == pytest.approx(0.785, rel=0.01)


def test_pale_walls_of_fat_are_tissue_and_their_lumina_are_not():
    y, x = np.mgrid[:150, :150]
    walls = ((y % 12 == 0) | (x % 12 == 0)).astype(np.float32) * 0.5
    found = tissue_map(stained(walls, PINK, texture=0), EIGHT).tissue
    assert found[walls > 0].mean() > 0.95
    assert found[walls == 0].mean() < 0.02


def test_cracks_are_filled_and_lumina_stay_open(islet):
    rgb = stained(islet)
    rgb[90:92, 90:92] = GLASS  # 256 µm²
    rgb[110:122, 110:122] = GLASS  # 9216 µm²
    found = tissue_map(rgb, EIGHT).tissue
    assert found[90:92, 90:92].all()
    assert not found[111:121, 111:121].any()


def test_dust_hairs_and_cover_slip_edges_are_no_tissue(islet):
    clean = tissue_map(stained(islet), EIGHT)
    rgb = stained(islet)
    rng = np.random.default_rng(0)
    for row, col in rng.integers(3, 23, (12, 2)):
        rgb[row : row + 4, col : col + 4] = (95, 93, 90)
    rgb[5:8, 30:190] = (170, 170, 172)
    rgb[30:34, 4:9] = (200, 120, 170)  # a stained speck of 0.0013 mm²
    np.testing.assert_array_equal(tissue_map(rgb, EIGHT).tissue, clean.tissue)


def test_black_borders_and_white_padding_are_no_tissue(islet):
    rng = np.random.default_rng(0)
    rgb = np.pad(stained(islet), ((0, 0), (0, 60), (0, 0)), constant_values=255)
    rgb = np.pad(rgb, ((40, 0), (50, 0), (0, 0)))
    rgb[:40] = rng.integers(0, 9, rgb[:40].shape)
    found = tissue_map(rgb, EIGHT)
    assert area_mm2(found) == pytest.approx(0.785, rel=0.01)
    assert not found.tissue[:43].any()
    assert not found.tissue[:, :53].any()


def test_all_white_all_black_and_one_pixel_are_refused_in_a_sentence():
    for value, reason in ((255, "glass"), (240, "glass"), (0, "black")):
        for size in (1, 50):
            with pytest.raises(TissueError, match=reason):
                tissue_map(np.full((size, size, 3), value, np.uint8), EIGHT)
    with pytest.raises(TissueError, match="mm²"):
        tissue_map(np.full((1, 1, 3), (200, 100, 150), np.uint8), EIGHT)


def test_a_crop_full_of_tissue_is_all_tissue():
    assert tissue_map(stained(np.ones((80, 80), np.float32)), EIGHT).tissue.all()


def test_grey_pictures_have_tissue_too(islet):
    found = tissue_map(stained(islet, (0.3, 0.3, 0.3)), EIGHT)
    assert area_mm2(found) == pytest.approx(0.785, rel=0.01)


def test_quarter_turns_and_mirrors_turn_the_map(islet):
    rgb = stained(islet)
    upright = tissue_map(rgb, EIGHT)
    for turn in (np.rot90, np.flipud, np.fliplr):
        turned = tissue_map(np.ascontiguousarray(turn(rgb)), EIGHT)
        np.testing.assert_array_equal(turned.tissue, turn(upright.tissue))


def test_the_view_is_left_alone_and_clean_tissue_is_measurable(islet):
    rgb = stained(islet)
    before = rgb.copy()
    found = tissue_map(rgb, EIGHT)
    np.testing.assert_array_equal(rgb, before)
    np.testing.assert_array_equal(found.measurable, found.tissue)
    assert found.exclusion.dtype == np.uint8


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "um_per_px", "low", "high"),
    [
        ("collagen_he_shg/X01Y05_he.png", 2.3, 0.40, 0.55),
        ("collagen_he_shg/1B_A1_he.png", 2.3, 0.70, 0.90),
        ("registration/Rat-Kidney_PanCytokeratin.jpg", 5.0, 0.50, 0.70),
        ("collagen_special/masson/masson_050.jpg", 8.0, 0.10, 0.25),
        ("collagen_special/psr/psr_037.jpg", 8.0, 0.45, 0.80),
        ("tumour_he/bcss/1008.jpg", 0.25, 0.95, 1.0),
    ],
)
def test_share_of_tissue_of_real_sections(shared_data, file, um_per_px, low, high):
    step = max(1, round(8 / um_per_px))
    with Image.open(shared_data / file) as image:
        rgb = np.asarray(image.convert("RGB").reduce(step))
    found = tissue_map(rgb, Spacing(um_per_px * step, um_per_px * step))
    assert low <= found.tissue.mean() <= high
    assert found.measurable.sum() >= 0.99 * found.tissue.sum()
