"""Profiles: each positive pixel has one cell, and blocks agree."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from histo.geometry import Box, Spacing
from histo.scoring.macrophages.cells import Cells, CellSettings, find_cells
from histo.scoring.macrophages.profiles import label_profiles, profile_areas_um2

ONE_UM = Spacing(1.0, 1.0)


def discs(centres: list[tuple[float, float]], radius: float, size: int = 80) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] + 0.5
    gap = np.min([np.hypot(rows - r, cols - c) for r, c in centres], axis=0)
    return np.clip(1.0 - 0.5 * gap / radius, 0, 1)  # 0.5 at the rim


def test_a_disc_has_its_area() -> None:
    field = discs([(40.0, 40.0)], 10.0)
    cells = find_cells(field, ONE_UM)
    assert profile_areas_um2(field, cells, ONE_UM).tolist() == pytest.approx(
        [math.pi * 100], rel=0.02
    )
    oblong = Spacing(1.0, 0.5)
    area = profile_areas_um2(field, find_cells(field, oblong), oblong)
    assert area.tolist() == pytest.approx([math.pi * 50], rel=0.02)


def test_touching_cells_are_parted_at_their_waist() -> None:
    field = discs([(40.0, 32.0), (40.0, 48.0)], 9.0)
    cells = find_cells(field, ONE_UM)
    areas = profile_areas_um2(field, cells, ONE_UM)
    assert areas[0] == pytest.approx(areas[1], rel=0.05)
    assert areas.sum() == np.count_nonzero(field >= 0.5)
    labels = label_profiles(field, Box(0, 0, 80, 80), cells, ONE_UM)
    assert set(np.unique(labels[:, :39])) == {0, 1}
    assert set(np.unique(labels[:, 41:])) == {0, 2}


def test_stain_beyond_reach_belongs_to_no_cell() -> None:
    field = np.ones((80, 80))
    cells = find_cells(field, ONE_UM)
    area = profile_areas_um2(field, cells, ONE_UM, CellSettings(reach_um=15.0))
    assert area.tolist() == pytest.approx([math.pi * 225], rel=0.02)


def test_blocks_and_boxes_agree_with_the_whole() -> None:
    noise = gaussian_filter(np.random.default_rng(1).normal(size=(150, 150)), 2.5)
    field = (np.clip(0.5 + 0.35 * noise / noise.std(), 0, 1) * 255).astype(np.uint8)
    choice = CellSettings(reach_um=10.0)
    cells = find_cells(field, ONE_UM, choice)
    whole = label_profiles(field, Box(0, 0, 150, 150), cells, ONE_UM, choice)
    part = label_profiles(field, Box(40, 31, 60, 50), cells, ONE_UM, choice)
    np.testing.assert_array_equal(part, whole[40:100, 31:81])
    areas = profile_areas_um2(field, cells, ONE_UM, choice, block_px=41)
    np.testing.assert_array_equal(
        areas, np.bincount(whole[whole > 0], minlength=len(cells) + 1)[1:]
    )
    assert areas.min() >= 1


def test_without_cells_there_are_no_areas() -> None:
    none = Cells(np.empty((0, 2)), np.empty(0))
    assert profile_areas_um2(np.ones((9, 9)), none, ONE_UM).shape == (0,)
    assert not label_profiles(np.ones((9, 9)), Box(0, 0, 9, 9), none, ONE_UM).any()
