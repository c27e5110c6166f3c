"""Discs: by hand, at the frame's edge, and against a Euclidean distance map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from histo.geometry import Spacing
from histo.scoring.places.discs import closed, dilated, opened

ONE = Spacing(1.0, 1.0)


def noise(seed: int, shape: tuple[int, int] = (40, 50), share: float = 0.04) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    radius=st.sampled_from([0.0, 1.0, 2.5, 7.0, 60.0]),
    pixel=st.sampled_from([(1.0, 1.0), (2.0, 0.5), (0.7, 1.9)]),
)
def test_growing_is_a_threshold_of_the_euclidean_distance(seed, radius, pixel) -> None:
    mask = noise(seed)
    truth = ndimage.distance_transform_edt(~mask, sampling=pixel) <= radius + 1e-9
    grown = dilated(mask, radius, Spacing(*pixel))
    assert np.array_equal(grown, truth if mask.any() else mask)


def test_a_closed_gap_is_narrower_than_the_disc() -> None:
    mask = np.ones((30, 60), bool)
    mask[:, 10:19] = False  # 9 px
    mask[:, 40:52] = False  # 12 px
    joined = closed(mask, 5.0, ONE)
    assert joined[:, 10:19].all()
    assert np.array_equal(joined[:, 30:], mask[:, 30:])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), radius=st.floats(0.5, 6))
def test_closing_adds_opening_removes_and_twice_is_once(seed: int, radius: float) -> None:
    mask = np.pad(noise(seed, share=0.3), 12)
    joined, thin_gone = closed(mask, radius, ONE), opened(mask, radius, ONE)
    assert not (mask & ~joined).any()
    assert not (thin_gone & ~mask).any()
    assert np.array_equal(closed(joined, radius, ONE), joined)


def test_the_frame_neither_draws_a_mask_out_nor_eats_it() -> None:
    half = np.zeros((20, 30), bool)
    half[:, :28] = True  # two columns short of the edge
    assert np.array_equal(closed(half, 6.0, ONE), half)
    assert np.array_equal(opened(half, 6.0, ONE), half)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 9)])
def test_empty_frames_and_single_pixels(shape: tuple[int, int]) -> None:
    assert not dilated(np.zeros(shape, bool), 3.0, ONE).any()
    assert dilated(np.ones(shape, bool), 3.0, ONE).all()
    assert closed(np.ones(shape, bool), 3.0, ONE).all()


def test_a_radius_below_zero_is_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        dilated(np.ones((2, 2), bool), -1.0, ONE)


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = noise(5)
    whole = dilated(mask, 4.0, ONE)
    monkeypatch.setattr("histo.scoring.places.discs._STRIP_BYTES", 150)
    assert np.array_equal(dilated(mask, 4.0, ONE), whole)
