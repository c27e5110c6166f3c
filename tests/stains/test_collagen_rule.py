import numpy as np
import pytest
from PIL import Image

from histo.stains import Dye, rgb_from_density, stain_matrix
from histo.stains.collagen_rule import collagen_label
from histo.tissue import white_point
from histo.vocabulary import Stain

GLASS = (244, 243, 245)
SIRIUS = (0.12, 0.83, 0.55)
PICRIC = (0.10, 0.40, 0.91)


def bands(*ods, seed=0):
    """Stripes of 24 px of the given optical densities, with some noise."""
    field = np.repeat(np.array(ods), 24, axis=0)[:, None, :] * np.ones((1, 96, 1))
    noise = 1 + 0.1 * np.random.default_rng(seed).standard_normal((*field.shape[:2], 1))
    return rgb_from_density(field * noise, GLASS)


def middle(array, band):
    return array[24 * band + 6 : 24 * band + 18, 6:-6]


def psr(strength=1.0):
    return bands(0.6 * strength * np.array(SIRIUS), 0.4 * strength * np.array(PICRIC), np.zeros(3))


def masson(nuclei=1.4):
    blue, red, nucleus = stain_matrix(Dye.MASSON_BLUE, Dye.MASSON_RED, Dye.HAEMATOXYLIN)
    return bands(0.5 * blue, 0.7 * red, 0.5 * blue, nuclei * nucleus)


@pytest.mark.parametrize("strength", [0.6, 1.0, 1.8])
def test_sirius_red_is_collagen_however_strong_the_stain(strength):
    label = collagen_label(psr(strength), Stain.PSR, GLASS)
    assert middle(label.probability, 0).min() > 0.9
    assert middle(label.probability, 1).max() < 0.1
    assert middle(label.known, 0).mean() > 0.95
    assert middle(label.known, 1).mean() > 0.95


def test_glass_is_known_to_hold_none():
    label = collagen_label(psr(), Stain.PSR, GLASS)
    assert middle(label.probability, 2).max() == 0
    assert middle(label.known, 2).all()


def test_vectors_of_the_image_are_found():
    label = collagen_label(psr(), Stain.PSR, GLASS)
    for found, drawn in ((label.collagen_od, SIRIUS), (label.other_od, PICRIC)):
        unit = np.array(drawn) / np.linalg.norm(drawn)
        assert found @ unit > np.cos(np.deg2rad(4))


def test_methyl_blue_is_collagen_and_ponceau_is_not():
    label = collagen_label(masson(), Stain.MASSON, GLASS)
    for band in (0, 2):
        assert middle(label.probability, band).min() > 0.9
        assert middle(label.known, band).mean() > 0.9
    assert middle(label.probability, 1).max() < 0.1


def test_nuclei_of_a_trichrome_are_never_known_as_collagen():
    for nuclei in (0.9, 1.4, 1.8):
        label = collagen_label(masson(nuclei), Stain.MASSON, GLASS)
        as_collagen = label.known & (label.probability > 0.5)
        assert middle(as_collagen, 3).mean() < 0.02


def test_between_the_dyes_lies_a_band_of_which_nothing_is_known():
    shares = np.linspace(0, 1, 15)
    ods = [
        share * 0.6 * np.array(SIRIUS) + (1 - share) * 0.4 * np.array(PICRIC) for share in shares
    ]
    label = collagen_label(bands(*ods), Stain.PSR, GLASS)
    known = [middle(label.known, k).mean() for k in range(len(shares))]
    probability = [middle(label.probability, k).mean() for k in range(len(shares))]
    assert known[0] > 0.95
    assert known[-1] > 0.95
    assert min(known) < 0.1
    assert (np.diff(probability) > -0.01).all()
    unknown = int(np.argmin(known))
    assert 0.1 < probability[unknown] < 0.9


def test_an_image_of_the_other_stain_teaches_nothing():
    assert not collagen_label(psr(), Stain.MASSON, GLASS).known.any()
    assert not collagen_label(masson(), Stain.PSR, GLASS).known.any()


def test_blank_glass_is_all_known_and_has_no_vector():
    label = collagen_label(np.full((40, 40, 3), 244, np.uint8), Stain.MASSON, GLASS)
    assert label.known.all()
    assert not label.probability.any()
    assert np.isnan(label.collagen_od).all()


def test_other_stains_are_refused():
    with pytest.raises(ValueError, match="PSR and Masson"):
        collagen_label(psr(), Stain.HE, GLASS)


@pytest.mark.shared_data
def test_agrees_with_an_independent_mask_of_liver(shared_data):
    folder = shared_data / "collagen_special"
    view = (slice(0, 900), slice(0, 900))
    rgb = np.asarray(Image.open(folder / "liver_psr_1um.jpg").convert("RGB"))
    mask = (np.asarray(Image.open(folder / "liver_psr_1um_mask.jpg").convert("L")) > 127)[view]
    label = collagen_label(rgb[view], Stain.PSR, white_point(rgb))
    called = (label.probability > 0.5) & label.known
    truth = mask & label.known
    assert 2 * (called & truth).sum() / (called.sum() + truth.sum()) > 0.88
