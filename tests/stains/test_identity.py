import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from histo.geometry import Spacing
from histo.stains import CLASH_CONFIDENCE, Dye, identify_stain, rgb_from_density, stain_matrix
from histo.stains.chroma import FEATURES, chroma_plane, stain_features
from histo.tissue import tissue_map
from histo.vocabulary import Stain

GLASS = np.array([242, 240, 241], np.uint8)
MANIFEST = Path(__file__).parents[2] / "data_manifests" / "stain_identity.csv"


def painted(*dyes, shape=(120, 120), seed=0):
    """Return a section with nuclei, and a second dye in patches of changing strength."""
    rng = np.random.default_rng(seed)
    nuclei = rng.random(shape) < 0.15
    patches = np.kron(rng.random((shape[0] // 10, shape[1] // 10)), np.ones((10, 10)))
    amounts = np.stack([0.1 + 0.5 * nuclei, 0.1 + 0.6 * patches], axis=-1)[..., : len(dyes)]
    return rgb_from_density(amounts @ stain_matrix(*dyes), GLASS)


def everywhere(rgb):
    return np.ones(rgb.shape[:2], bool)


def guess(rgb):
    return identify_stain(rgb, everywhere(rgb), GLASS)


def test_a_dye_keeps_its_place_in_the_plane_however_strong():
    vector = stain_matrix(Dye.DAB)[0]
    plane, density = chroma_plane(np.outer([0.1, 0.5, 1.5], vector))
    np.testing.assert_allclose(plane, plane[:1].repeat(3, axis=0), atol=1e-6)
    np.testing.assert_allclose(density, np.array([0.1, 0.5, 1.5]) * vector.mean(), rtol=1e-6)


def test_grey_lies_at_the_origin_of_the_plane():
    np.testing.assert_allclose(chroma_plane(np.full((1, 3), 0.4))[0], 0, atol=1e-6)


def test_nothing_stained_has_no_features():
    assert np.isnan(stain_features(np.zeros((10, 3)))).all()
    assert len(stain_features(np.full((10, 3), 0.3))) == len(FEATURES)


@pytest.mark.parametrize(
    ("dyes", "stain"),
    [((Dye.HAEMATOXYLIN, Dye.EOSIN), Stain.HE), ((Dye.HAEMATOXYLIN, Dye.DAB), Stain.HDAB)],
)
def test_painted_sections_are_recognised(dyes, stain):
    assert guess(painted(*dyes)).stain is stain


def test_haematoxylin_alone_is_never_a_confident_verdict():
    for seed in range(5):
        assert guess(painted(Dye.HAEMATOXYLIN, seed=seed)).confidence < CLASH_CONFIDENCE


def test_probabilities_add_up_and_the_best_is_the_guess():
    found = guess(painted(Dye.HAEMATOXYLIN, Dye.EOSIN))
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.confidence == max(found.probabilities.values())
    assert set(found.probabilities) == set(Stain)


def test_no_tissue_and_bare_glass_are_other_without_confidence():
    glass = np.tile(GLASS, (20, 20, 1))
    assert identify_stain(glass, np.zeros((20, 20), bool), GLASS).stain is Stain.OTHER
    assert guess(glass).confidence == pytest.approx(1 / len(Stain))


def test_a_few_pixels_prove_nothing():
    rgb = painted(Dye.HAEMATOXYLIN, Dye.EOSIN)
    few = np.zeros(rgb.shape[:2], bool)
    few[:4, :5] = True
    assert identify_stain(rgb, few, GLASS).confidence < CLASH_CONFIDENCE


def test_grey_blue_and_inverted_pictures_are_no_known_stain_with_confidence():
    section = painted(Dye.HAEMATOXYLIN, Dye.EOSIN)
    grey = section.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    one_colour = np.tile(np.array([40, 60, 200], np.uint8), (60, 60, 1))
    for picture in (grey, 255 - section, one_colour):
        found = guess(picture)
        assert found.stain is Stain.OTHER or found.confidence < CLASH_CONFIDENCE


def test_quarter_turns_and_mirrors_change_nothing():
    rgb = painted(Dye.HAEMATOXYLIN, Dye.EOSIN)
    upright = guess(rgb).probabilities
    for turned in (np.rot90(rgb), rgb[::-1]):
        assert guess(turned).probabilities == pytest.approx(upright, abs=1e-5)


def test_pixels_outside_the_tissue_have_no_say():
    rgb = painted(Dye.HAEMATOXYLIN, Dye.EOSIN)
    tissue = everywhere(rgb)
    tissue[:60] = False
    other = rgb.copy()
    other[:60] = (20, 30, 200)
    assert identify_stain(other, tissue, GLASS) == identify_stain(rgb, tissue, GLASS)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        identify_stain(painted(Dye.DAB), np.ones((3, 3), bool), GLASS)


@pytest.mark.shared_data
def test_no_real_section_gets_a_confident_wrong_verdict_and_most_are_right(shared_data):
    with MANIFEST.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].endswith((".jpg", ".png"))]
    rows = [row for row in rows if "glas" not in row["file"] and row["use"] == "fit"][::7]
    right = 0
    for row in rows:
        um = float(row["um_per_px"])
        with Image.open(shared_data / row["file"]) as picture:
            image = picture.convert("RGB").reduce(max(1, round(4 / um)))
        rgb = np.asarray(image)
        spacing = Spacing(um * max(1, round(4 / um)), um * max(1, round(4 / um)))
        tissue = tissue_map(rgb, spacing)
        found = identify_stain(rgb, tissue.measurable, tissue.white_point)
        right += found.stain == row["stain"]
        assert found.stain == row["stain"] or found.confidence < CLASH_CONFIDENCE, row["file"]
    assert right >= 0.9 * len(rows)
