import numpy as np
import pytest
from skimage.color import separate_stains

from histo.stains import Dye, optical_density, stain_matrix, unmix
from histo.stains.vectors import STAIN_VECTORS

HDAB = stain_matrix(Dye.HAEMATOXYLIN, Dye.DAB)


def test_golden_mixture_of_haematoxylin_and_dab():
    od = np.array([0.2, 0.4]) @ HDAB
    np.testing.assert_allclose(255 * 10**-od, [147.45, 109.40, 108.99], atol=0.005)
    np.testing.assert_allclose(unmix(od, HDAB), [0.2, 0.4], atol=1e-6)


def test_golden_mixture_survives_eight_bits():
    pixel = np.array([[147, 109, 109]], np.uint8)
    amounts = unmix(optical_density(pixel, (255, 255, 255)), HDAB)
    np.testing.assert_allclose(amounts, [[0.2, 0.4]], atol=0.005)


def test_three_stains_agree_with_scikit_image():
    rng = np.random.default_rng(0)
    vectors = stain_matrix(Dye.HAEMATOXYLIN, Dye.EOSIN, Dye.DAB)
    rgb = rng.integers(1, 255, (16, 16, 3), dtype=np.uint8)
    # scikit-image: I0 = 1, amounts clipped at 0, density in units of log(1e-6).
    reference = separate_stains(rgb / 255.0, np.linalg.inv(vectors)) * -np.log10(1e-6)
    ours = unmix(optical_density(rgb, (255, 255, 255)), vectors)
    np.testing.assert_allclose(np.maximum(ours, 0), reference, atol=1e-4)


def test_length_of_the_vectors_does_not_matter():
    od = np.random.default_rng(1).random((5, 3))
    np.testing.assert_allclose(unmix(od, HDAB * [[3.0], [0.2]]), unmix(od, HDAB), atol=1e-6)


def test_one_stain_is_the_projection():
    od = np.array([[0.3, 0.1, 0.2]])
    unit = stain_matrix(Dye.DAB)
    np.testing.assert_allclose(unmix(od, unit), od @ unit.T, atol=1e-6)


def test_noise_around_glass_averages_to_nothing():
    od = np.random.default_rng(2).normal(0, 0.02, (20000, 3))
    np.testing.assert_allclose(unmix(od, HDAB).mean(axis=0), 0, atol=1e-3)


@pytest.mark.parametrize(
    "vectors",
    [np.ones((2, 3)), np.zeros((1, 3)), np.ones((2, 2)), np.vstack([HDAB, HDAB.sum(0)])],
)
def test_vectors_that_cannot_be_told_apart_are_refused(vectors):
    with pytest.raises(ValueError, match="vector"):
        unmix(np.zeros((1, 3)), vectors)


def test_every_tabulated_vector_has_length_one_and_a_source():
    for entry in STAIN_VECTORS.values():
        assert np.linalg.norm(entry.unit) == pytest.approx(1)
        assert entry.source


def test_no_dye_gives_no_matrix():
    with pytest.raises(ValueError, match="dye"):
        stain_matrix()
