from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from histo.stains import Dye, optical_density, rgb_from_density, stain_matrix
from histo.stains.chroma import chroma_plane
from histo.stains.simulate import (
    Chromogen,
    Scene,
    SimulationSpec,
    brown_share,
    simulate_dab,
    unmixed_tissue,
)
from histo.stains.simulate.nuclei import find_nuclei, nuclear_shapes

UM = 0.5
GLASS = (240, 240, 240)


def he_drawn(side: int = 192, seed: int = 0) -> np.ndarray:
    """Eosin with nuclei of 6 µm on the left three quarters, glass on the right."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:side, :side]
    dots = np.zeros((side, side))
    for r, c in rng.uniform(0, side, (110, 2)):
        dots = np.maximum(dots, np.clip(6.5 - np.hypot(row - r, col - c), 0, 1))
    eosin = 0.35 * (1 + 0.2 * ndimage.gaussian_filter(rng.standard_normal(dots.shape), 2))
    amounts = np.stack([0.7 * dots, eosin], axis=-1) * (col < 0.75 * side)[..., None]
    return rgb_from_density(amounts @ stain_matrix(Dye.HAEMATOXYLIN, Dye.EOSIN), GLASS)


@pytest.fixture(scope="module")
def tissue():
    return unmixed_tissue(he_drawn(), UM, "he", GLASS)


def only(scene: Scene, **changes) -> SimulationSpec:
    quiet = {"distractor_chance": 0.0, "edge_chance": 0.0, "defocus_chance": 0.0}
    return SimulationSpec(scenes={scene: 1.0}, **(quiet | changes))


def painted(tissue, scene, seed=0, **changes):
    return simulate_dab(tissue, np.random.default_rng(seed), only(scene, **changes))


def test_the_same_seed_paints_the_same_patch(tissue):
    first, second = (simulate_dab(tissue, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.positive, second.positive)
    other = simulate_dab(tissue, np.random.default_rng(4))
    assert (first.rgb != other.rgb).any()


def test_painting_leaves_the_tissue_as_it_was(tissue):
    before = tissue.haematoxylin.copy(), tissue.ground.copy(), tissue.cover.copy()
    simulate_dab(tissue, np.random.default_rng(0))
    for was, now in zip(before, (tissue.haematoxylin, tissue.ground, tissue.cover), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize(
    ("scene", "low", "high"), [(Scene.MACROPHAGES, 60, 500), (Scene.LYMPHOCYTES, 40, 100)]
)
def test_areas_of_cells_stay_in_their_range(tissue, scene, low, high):
    areas = np.concatenate([painted(tissue, scene, seed).areas_um2 for seed in range(6)])
    assert len(areas) > 10
    assert areas.min() >= low
    assert areas.max() <= high


def test_each_counted_cell_has_one_profile_one_peak_and_its_area(tissue):
    patch = painted(tissue, Scene.MACROPHAGES, 1, positive_share=(0.2, 0.3))
    count = len(patch.centres_px)
    assert count > 5
    assert patch.cells.max() == count
    measured = np.bincount(patch.cells.ravel(), minlength=count + 1)[1:] * UM**2
    np.testing.assert_allclose(measured, patch.areas_um2)
    row, col = np.rint(patch.centres_px).astype(int).T
    assert (patch.cell[row, col] > 0.9).all()
    assert all(ndimage.label(patch.cells == k)[1] == 1 for k in range(1, count + 1))


@pytest.mark.parametrize("scene", [s for s in Scene if s is not Scene.NOTHING])
def test_positive_is_where_enough_chromogen_was_painted(tissue, scene):
    patch = painted(tissue, scene, 2, positive_od=0.2)
    assert patch.positive.any()
    np.testing.assert_array_equal(patch.positive, patch.chromogen >= 0.2)
    assert patch.chromogen.max() <= SimulationSpec().clip_od


def test_positive_pixels_look_brown(tissue):
    patch = painted(tissue, Scene.MACROPHAGES, 5, chromogen=Chromogen(hue_sd=0.0))
    strong = patch.chromogen > 0.5
    plane, _ = chroma_plane(optical_density(patch.rgb[strong], (245, 245, 245)))
    assert np.median(plane[:, 0]) < -0.25
    assert np.median(plane[:, 1]) < -0.05


@pytest.mark.parametrize("scene", list(Scene))
def test_nothing_is_painted_off_tissue(tissue, scene):
    spec = replace(only(scene), distractor_chance=1.0, edge_chance=1.0)
    patch = simulate_dab(tissue, np.random.default_rng(6), spec)
    glass = tissue.cover < 0.5
    assert not patch.positive[glass].any()
    assert not patch.muscle[glass].any()
    assert not (patch.cells[glass] > 0).any()
    assert not patch.distractor[glass].any()
    far = ndimage.binary_erosion(glass, iterations=12)
    assert np.ptp(patch.rgb[far].astype(int), axis=0).max() < 25


def test_brown_that_is_not_stain_is_never_positive(tissue):
    for seed in range(8):
        spec = only(Scene.NOTHING, distractor_chance=1.0, edge_chance=1.0)
        patch = simulate_dab(tissue, np.random.default_rng(seed), spec)
        assert patch.distractor.any()
        assert not patch.positive.any()
        assert not patch.cell.any()
        assert len(patch.centres_px) == 0


def test_brown_that_is_not_stain_and_positive_exclude_each_other(tissue):
    spec = only(Scene.MACROPHAGES, distractor_chance=1.0, edge_chance=1.0)
    patch = simulate_dab(tissue, np.random.default_rng(1), spec)
    assert patch.positive.any()
    assert patch.distractor.any()
    assert not (patch.positive & patch.distractor).any()


def test_muscle_comes_with_fibres_only(tissue):
    fibres = [painted(tissue, Scene.FIBRES, seed) for seed in range(4)]
    assert any(patch.muscle.any() for patch in fibres)
    assert all(len(patch.centres_px) == 0 for patch in fibres)
    assert not painted(tissue, Scene.MACROPHAGES).muscle.any()


def test_a_patch_of_glass_stays_glass():
    blank = unmixed_tissue(np.full((64, 64, 3), 240, np.uint8), UM, "he", GLASS)
    for scene in Scene:
        patch = painted(blank, scene)
        assert not patch.positive.any()
        assert patch.rgb.min() > 190


def test_old_brown_is_removed_from_an_immunostain():
    rgb = he_drawn()
    brown = rgb_from_density(
        optical_density(rgb, GLASS) * 0.3 + 0.8 * stain_matrix(Dye.DAB)[0] * 1.0, GLASS
    )
    assert brown_share(brown, GLASS) > 0.5
    clean = painted(unmixed_tissue(brown, UM, "hdab", GLASS), Scene.NOTHING, background_od=(0, 0))
    assert brown_share(clean.rgb, (245, 245, 245)) < 0.01


def test_nuclei_are_found_with_their_size_and_place():
    row, col = np.mgrid[:80, :80]
    disc = np.hypot(row - 30, col - 44) < 6
    dark = np.where(disc, 0.6, 0.05).astype(np.float32)
    nuclei = find_nuclei(dark, np.ones(disc.shape, bool), UM)
    assert nuclei.max() == 1
    assert (nuclei > 0).sum() == pytest.approx(disc.sum(), rel=0.3)
    centres, _, elongations = nuclear_shapes(nuclei)
    np.testing.assert_allclose(centres, [[30, 44]], atol=0.5)
    assert elongations[0] == pytest.approx(1, abs=0.1)


def test_direction_of_a_nucleus_is_its_long_axis():
    labels = np.zeros((20, 40), np.int32)
    labels[9:12, 5:35] = 1
    _, direction, elongation = nuclear_shapes(labels)
    assert direction[0] == pytest.approx(0)
    assert elongation[0] == pytest.approx(10, rel=0.05)
    _, turned, _ = nuclear_shapes(labels.T.copy())
    assert abs(turned[0]) == pytest.approx(np.pi / 2)


def test_wrong_spacing_and_source_are_refused():
    rgb = he_drawn(32)
    with pytest.raises(ValueError, match="µm/px"):
        unmixed_tissue(rgb, 2.3, "he", GLASS)
    with pytest.raises(ValueError, match="source"):
        unmixed_tissue(rgb, UM, "psr", GLASS)
