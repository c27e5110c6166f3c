"""The phantom slide: the same from its seed, however it is cut, and true to its truth."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely

from histo.geometry import Box
from histo.slides.phantom import Phantom, PhantomSpec, PhantomTruth
from histo.slides.phantom.truth import Tally

SPEC = PhantomSpec(seed=4, width_mm=0.7, height_mm=0.5)
WHOLE = Box(0, 0, *SPEC.shape)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return Phantom(SPEC)


@pytest.fixture(scope="module")
def picture(phantom):
    return phantom.render(WHOLE)


@pytest.fixture(scope="module")
def truth(phantom) -> PhantomTruth:
    return phantom.truth


def test_the_same_seed_gives_the_same_pixels(picture):
    assert np.array_equal(Phantom(SPEC).render(WHOLE), picture)


def test_another_seed_gives_another_slide(picture):
    other = Phantom(replace(SPEC, seed=5))
    assert (other.render(WHOLE) != picture).mean() > 0.3


@pytest.mark.parametrize(
    "box",
    [Box(0, 0, 1, 1), Box(255, 255, 2, 2), Box(301, 17, 333, 513), Box(900, 1300, 100, 100)],
    ids=str,
)
def test_any_cut_gives_the_same_pixels(phantom, picture, box):
    assert np.array_equal(phantom.render(box), picture[box.slices])


def test_past_the_edge_there_is_glass(phantom):
    beyond = phantom.render(Box(-70, -50, 60, 40))
    assert np.abs(beyond.reshape(-1, 3).mean(axis=0) - SPEC.glass).max() < 0.3


def test_an_empty_box_has_no_pixels(phantom):
    assert phantom.render(Box(10, 10, 0, 5)).shape == (0, 5, 3)


@pytest.mark.parametrize("component", ["tissue", "tumour", "stroma", "collagen"])
def test_areas_are_the_count_of_the_masks(phantom, truth, component):
    pixels = np.count_nonzero(phantom.truth_mask(component, WHOLE))
    assert getattr(truth, f"{component}_mm2") == pytest.approx(pixels * 0.25e-6)


def test_tumour_and_collagen_are_separate_parts_of_tissue(phantom):
    tissue, tumour, collagen = (
        phantom.truth_mask(name, WHOLE) for name in ("tissue", "tumour", "collagen")
    )
    assert not (tumour & collagen).any()
    assert not ((tumour | collagen) & ~tissue).any()


def test_the_truth_picture_shows_the_masks(phantom):
    box = Box(300, 400, 100, 200)
    picture = phantom.render_truth(box)
    for channel, component in enumerate(("collagen", "tumour", "tissue")):
        assert np.array_equal(picture[..., channel] == 255, phantom.truth_mask(component, box))


def test_an_unknown_component_is_refused_with_the_known_ones(phantom):
    with pytest.raises(ValueError, match="stroma"):
        phantom.truth_mask("muscle", WHOLE)


@pytest.mark.parametrize("seed", range(3))
def test_default_proportions_are_sensible(seed):
    truth = Phantom(PhantomSpec(seed=seed, width_mm=2, height_mm=1.5)).truth
    assert 0.4 < truth.tissue_mm2 / 3.0 < 0.75
    assert 0.1 < truth.fractions_of_tissue["tumour"] < 0.45
    assert 0.6 < truth.collagen_mm2 / truth.stroma_mm2 < 0.75


@pytest.mark.parametrize("angle_deg", [0.0, 60.0, 135.0])
def test_fibres_run_as_asked(angle_deg):
    truth = Phantom(PhantomSpec(width_mm=1.5, height_mm=1.5, fibre_angle_deg=angle_deg)).truth
    away = (truth.fibre_angle_deg - angle_deg + 90) % 180 - 90
    assert abs(away) < 12
    assert 0.5 < truth.fibre_alignment < 1


def test_the_fibre_angle_of_the_truth_is_that_of_the_pixels():
    """Independent reference: the structure tensor of the collagen's own mask."""
    phantom = Phantom(PhantomSpec(seed=2, width_mm=1.2, height_mm=1.0, fibre_angle_deg=30))
    whole = Box(0, 0, *phantom.shape)
    eosin = 255.0 - phantom.render(whole)[..., 1]
    by_row, by_col = np.gradient(eosin)
    stroma = phantom.truth_mask("collagen", whole)
    cos = (by_col**2 - by_row**2)[stroma].sum()
    sin = (2 * by_row * by_col)[stroma].sum()
    across_deg = np.rad2deg(np.arctan2(sin, cos)) / 2
    away = (across_deg + 90 - phantom.truth.fibre_angle_deg + 90) % 180 - 90
    assert abs(away) < 10


def test_nuclei_lie_where_they_belong(phantom, truth):
    tumour, stroma = (phantom.truth_mask(name, WHOLE) for name in ("tumour", "stroma"))
    for centres_um, home in (
        (truth.tumour_nuclei_um, tumour),
        (truth.fibroblast_nuclei_um, stroma),
    ):
        assert len(centres_um) > 50
        rows, cols = (centres_um / SPEC.um_per_px).astype(int).T
        assert home[rows, cols].all()


def test_nuclei_are_dark_where_the_truth_says_so(picture, truth):
    rows, cols = (truth.tumour_nuclei_um / SPEC.um_per_px).astype(int).T
    assert np.median(picture[rows, cols, 0]) < 120


def test_every_nest_lies_within_the_tumour_outline(phantom, truth):
    outline = shapely.Polygon(truth.tumour_outline_um).buffer(2.0)
    rows, cols = np.nonzero(phantom.truth_mask("tumour", WHOLE))
    inside = shapely.contains_xy(
        outline, (rows[::97] + 0.5) * SPEC.um_per_px, (cols[::97] + 0.5) * SPEC.um_per_px
    )
    assert inside.all()


def test_a_phantom_without_bed_has_no_tumour():
    truth = Phantom(replace(SPEC, bed_radius=0.0)).truth
    assert truth.tumour_mm2 == 0
    assert truth.tumour_nuclei_um.shape == (0, 2)


def test_finer_pixels_show_the_same_drawing(truth):
    finer = Phantom(replace(SPEC, um_per_px=0.25)).truth
    assert finer.tissue_mm2 == pytest.approx(truth.tissue_mm2, rel=0.002)
    assert finer.collagen_mm2 == pytest.approx(truth.collagen_mm2, rel=0.01)
    assert np.array_equal(
        np.sort(finer.tumour_nuclei_um, axis=0), np.sort(truth.tumour_nuclei_um, axis=0)
    )


def test_the_glass_has_its_own_colour(phantom, picture):
    glass = picture[~phantom.truth_mask("tissue", WHOLE)]
    assert np.array_equal(np.median(glass, axis=0), SPEC.glass)


def test_collagen_is_pink_and_nests_are_purple(phantom, picture):
    density = -np.log10(np.maximum(picture, 1) / np.array(SPEC.glass))
    collagen = np.median(density[phantom.truth_mask("collagen", WHOLE)], axis=0)
    tumour = np.median(density[phantom.truth_mask("tumour", WHOLE)], axis=0)
    # Real collagen at its own glass: about (.05 to .11, .30, .20); see histo.slides.phantom.colour.
    assert collagen == pytest.approx([0.08, 0.33, 0.22], abs=0.06)
    assert tumour[0] > 2 * collagen[0]


def test_the_truth_goes_into_json(truth):
    content = json.loads(truth.to_json())
    assert content["area_mm2"]["collagen"] == truth.collagen_mm2
    assert len(content["nuclei_row_col_um"]["tumour"]) == len(truth.tumour_nuclei_um)
    assert content["spec"]["seed"] == SPEC.seed


def test_without_collagen_the_angle_is_undefined_and_null_in_json():
    truth = Tally(SPEC).truth(np.zeros((0, 2)))
    assert np.isnan(truth.fibre_angle_deg)
    assert np.isnan(truth.fractions_of_tissue["tumour"])
    content = json.loads(truth.to_json())
    assert content["fibre_angle_deg"] is None
    assert content["fraction_of_tissue"]["collagen"] is None


def test_blocks_leave_no_seam(picture):
    """Steps between neighbouring pixels are no larger where the drawing is cut internally."""
    for axis in (0, 1):
        steps = np.abs(np.diff(picture.astype(int), axis=axis)).mean(axis=(1 - axis, 2))
        seams = steps[255::256]
        beside = np.concatenate([steps[253::256], steps[257::256]])
        assert seams.mean() == pytest.approx(beside.mean(), rel=0.1)


def test_the_drawing_of_a_seed_does_not_drift(truth):
    """Figures published for a seed stay true; change them knowingly and say so in the changelog."""
    assert truth.tissue_mm2 == pytest.approx(0.192714, rel=1e-4)
    assert truth.collagen_mm2 == pytest.approx(0.075824, rel=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"um_per_px": 0.0}, {"width_mm": 0.0}, {"nest_fraction": 1.5}],
    ids=str,
)
def test_an_impossible_recipe_is_refused(wrong):
    with pytest.raises(ValueError, match="found"):
        PhantomSpec(**wrong)
