"""Signed distances: half-planes exact, discs to half a pixel, blocks without a seam."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from histo.geometry import Spacing
from histo.scoring.places.distances import distance_blocks, signed_distance_um

TWO_UM = Spacing(2.0, 2.0)


def centres(size: int) -> tuple[np.ndarray, np.ndarray]:
    rows, cols = np.mgrid[:size, :size] + 0.5
    return rows, cols


@pytest.mark.parametrize("pixel", [(2.0, 2.0), (0.5, 3.0)])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_half_plane_is_exact_also_with_oblong_pixels(pixel, axis: int) -> None:
    inside = np.zeros((40, 40), bool)
    inside[:15] = True
    place = (np.arange(40) + 0.5 - 15) * pixel[axis]
    truth = np.broadcast_to(place[:, None], (40, 40))
    if axis:
        inside, truth = inside.T, truth.T
    found = signed_distance_um(inside, Spacing(*pixel), reach_um=500)
    assert np.allclose(found, truth, atol=1e-4)


def test_a_diagonal_half_plane_is_right_to_half_a_pixel() -> None:
    rows, cols = centres(80)
    inside = rows + cols <= 80
    truth = (rows + cols - 80.5) / np.sqrt(2) * 2
    found = signed_distance_um(inside, TWO_UM)
    middle = (np.abs(rows - cols) < 30) & (np.abs(truth) < 30)
    assert np.abs(found - truth)[middle].max() <= 1.0


def test_a_disc_is_right_to_a_pixel_and_on_average_to_a_tenth() -> None:
    rows, cols = centres(300)
    truth = (np.hypot(rows - 150.2, cols - 149.7) - 90) * 2
    error = signed_distance_um(truth < 0, TWO_UM) - truth
    assert np.abs(error).max() < 2.0
    assert abs(error.mean()) < 0.2


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999))
def test_it_agrees_with_scipy_to_half_a_pixel_and_turns_with_the_picture(seed: int) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((60, 60)), 4)
    inside = field > 0
    found = signed_distance_um(inside, TWO_UM)
    far = 2 * ndimage.distance_transform_edt(~inside) - 1
    near = 1 - 2 * ndimage.distance_transform_edt(inside)
    assert np.abs(found - np.where(inside, near, far)).max() < 1.5
    assert np.allclose(np.rot90(found), signed_distance_um(np.rot90(inside), TWO_UM), atol=1e-3)
    assert np.allclose(-found, signed_distance_um(~inside, TWO_UM), atol=1e-3)


def test_blocks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((150, 170)), 6)
    whole = signed_distance_um(field > 0.5 * field.std(), TWO_UM, reach_um=40)
    monkeypatch.setattr("histo.scoring.places.distances._BLOCK_PX", 37)
    cut = signed_distance_um(field > 0.5 * field.std(), TWO_UM, reach_um=40)
    assert np.allclose(whole, cut, atol=1e-3)


def test_beyond_the_reach_is_infinity_with_its_sign() -> None:
    inside = np.zeros((1, 100), bool)
    inside[:, :50] = True
    found = signed_distance_um(inside, TWO_UM, reach_um=10)[0]
    assert np.isneginf(found[:45]).all()
    assert np.isposinf(found[55:]).all()
    assert found[45:55].tolist() == [-9, -7, -5, -3, -1, 1, 3, 5, 7, 9]


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (20, 30)])
def test_without_a_boundary_there_is_no_distance(full: bool, shape: tuple[int, int]) -> None:
    assert np.isnan(signed_distance_um(np.full(shape, full), TWO_UM)).all()


def test_glass_beside_the_inside_makes_no_boundary() -> None:
    inside, outside = np.zeros((20, 60), bool), np.zeros((20, 60), bool)
    inside[:, 20:40] = True
    outside[:, 40:] = True  # the columns left of 20 are glass
    found = signed_distance_um(inside, TWO_UM, outside=outside)
    assert found[5, [20, 39, 40]].tolist() == [-39, -1, 1]


def test_blocks_without_wanted_pixels_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("histo.scoring.places.distances._BLOCK_PX", 10)
    inside, wanted = np.eye(30, dtype=bool), np.zeros((30, 30), bool)
    wanted[25, 3] = True
    boxes = [box for box, _ in distance_blocks(inside, TWO_UM, wanted=wanted)]
    assert [(box.row, box.col) for box in boxes] == [(20, 0)]


def test_memory_is_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("histo.scoring.places.distances._BLOCK_PX", 256)
    inside = np.zeros((2048, 2048), bool)
    inside[:, :1000] = True
    tracemalloc.start()
    for _ in distance_blocks(inside, TWO_UM, reach_um=60):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # a whole map takes 33 bytes for each of 4.2 million pixels


def test_a_reach_of_nothing_is_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match="above 0"):
        signed_distance_um(np.ones((2, 2), bool), TWO_UM, reach_um=0)
