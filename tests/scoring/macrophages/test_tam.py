"""Macrophages: exact densities, and when count and area contradict each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring import by_name
from histo.scoring.limits import warnings_for
from histo.scoring.macrophages.tam import TamCounts, count_tam, count_tam_zones, tam_density
from histo.scoring.macrophages.tam_scores import tam_scores

TWO_UM = Spacing(2.0, 2.0)


def field(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (60, 90)
    return rng.random((200, 2)) * shape, rng.integers(-1, 4, shape), rng.random(shape) < 0.3


def test_a_compartment_counted_by_hand() -> None:
    inside = np.zeros((1000, 1000), bool)
    inside[:, :250] = True  # 250,000 px of 4 µm² = 1 mm²
    positive = np.zeros_like(inside)
    positive[:10, :50] = True  # 500 px = 2,000 µm²
    positive[500:, 500:] = True  # elsewhere
    points = np.array([[r + 0.5, 249.99] for r in range(10)] + [[5.0, 250.0]])
    counts = count_tam(points, inside, positive)
    assert counts == TamCounts(10, 250_000, 500)
    scores = by_name(tam_scores("stroma", counts, TWO_UM))
    assert scores["tam_count_stroma"].value == 10
    assert scores["tam_density_stroma_per_mm2"].value == 10.0
    assert "4.8 to 18.4" in scores["tam_density_stroma_per_mm2"].note
    assert scores["tam_area_fraction_of_stroma"].value == 0.002
    assert scores["tam_profile_size_stroma_um2"].value == pytest.approx(200.0)
    assert not warnings_for(list(scores.values()))


def test_the_interval_of_the_density_is_that_of_the_count_over_the_area() -> None:
    found = tam_density(TamCounts(5, 500_000), TWO_UM)
    assert (round(found.count_low, 2), round(found.count_high, 2)) == (1.62, 11.67)
    assert (found.per_mm2, found.area_mm2) == (2.5, 2.0)
    assert (found.low, found.high) == (found.count_low / 2, found.count_high / 2)


@pytest.mark.parametrize(("positive_px", "limit"), [(100, 60.0), (5000, 500.0)])
def test_a_size_no_macrophage_has_is_warned_of_with_its_number(
    positive_px: int, limit: float
) -> None:
    scores = tam_scores("nest", TamCounts(10, 10_000, positive_px), TWO_UM)
    (warning,) = warnings_for(scores)
    assert warning.code == "tam_profile_size"
    assert warning.score == "tam_profile_size_nest_um2"
    assert warning.value == pytest.approx(positive_px * 4 / 10)
    assert warning.limit == limit
    assert f"{warning.value:.3g}" in warning.message
    assert "disagree" in by_name(scores)[warning.score].note


def test_without_area_nothing_is_zero() -> None:
    scores = tam_scores("margin", TamCounts(0, 0, 0), TWO_UM)
    assert all(math.isnan(score.value) for score in scores)
    assert all("there is no margin" in score.note for score in scores)
    assert not warnings_for(scores)


def test_a_compartment_that_cannot_be_known_says_why() -> None:
    scores = tam_scores("stroma", None, TWO_UM, reason="no tumour map")
    assert all(math.isnan(score.value) for score in scores)
    assert {score.note for score in scores} == {"undefined: no tumour map"}


def test_no_profile_in_an_area_is_a_density_of_zero_with_its_interval() -> None:
    scores = by_name(tam_scores("nest", TamCounts(0, 250_000, 40), TWO_UM))
    assert scores["tam_density_nest_per_mm2"].value == 0
    assert "0 to 3.69" in scores["tam_density_nest_per_mm2"].note
    assert math.isnan(scores["tam_profile_size_nest_um2"].value)
    assert "no profile" in scores["tam_profile_size_nest_um2"].note


def test_without_a_map_of_area_only_the_area_is_missing() -> None:
    scores = by_name(tam_scores("nest", TamCounts(3, 250_000), TWO_UM))
    assert scores["tam_density_nest_per_mm2"].value == 3
    assert math.isnan(scores["tam_area_fraction_of_nest"].value)
    assert "no macrophage area" in scores["tam_profile_size_nest_um2"].note


def test_hidden_nuclei_and_inference_from_he_are_said() -> None:
    points, zones, _ = field()
    counts = count_tam(points, zones >= 0, hidden=points[:7])
    said = by_name(tam_scores("stroma", counts, TWO_UM, from_he=True))
    note = said["tam_density_stroma_per_mm2"].note
    assert f"{counts.hidden} more are too dark" in note
    assert all("inferred from H&E, experimental" in score.note for score in said.values())


def test_zones_count_what_their_masks_count() -> None:
    points, zones, positive = field()
    names = {0: "0_20_um_of_nest", 1: "20_50_um_of_nest", 3: "100_200_um_of_nest"}
    found = count_tam_zones(points, zones, names, positive)
    assert list(found) == list(names.values())
    for label, name in names.items():
        assert found[name] == count_tam(points, zones == label, positive)
    assert count_tam_zones(points, zones, {9: "nowhere"})["nowhere"] == TamCounts(0, 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 60), st.integers(0, 90))
def test_blocks_add_up_and_what_lies_outside_changes_nothing(seed: int, row: int, col: int) -> None:
    points, zones, positive = field(seed)
    inside = zones > 0
    whole = count_tam(points, inside, positive)
    rows, cols = np.mgrid[:60, :90]
    quarters = [
        count_tam(points, inside & up & left, positive)
        for up in (rows < row, rows >= row)
        for left in (cols < col, cols >= col)
    ]
    assert sum(quarters[1:], quarters[0]) == whole
    outside = np.argwhere(~inside) + 0.5
    assert count_tam(np.concatenate([points, outside]), inside, positive | ~inside) == whole


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_turns_mirrors_and_finer_pixels_change_nothing(seed: int) -> None:
    points, zones, positive = field(seed)
    inside = zones > 0
    whole = tam_density(count_tam(points, inside, positive), TWO_UM)
    turned = np.column_stack([90 - points[:, 1], points[:, 0]])
    counts = count_tam(turned, np.rot90(inside), np.rot90(positive))
    assert tam_density(counts, TWO_UM) == whole
    flipped = (60, 0) + points * (-1, 1)
    assert tam_density(count_tam(flipped, inside[::-1], positive[::-1]), TWO_UM) == whole
    twice = [mask.repeat(2, 0).repeat(2, 1) for mask in (inside, positive)]
    fine = tam_density(count_tam(points * 2, *twice), Spacing(1.0, 1.0))
    assert fine == whole


def test_parts_with_and_without_an_area_map_have_none_together() -> None:
    assert TamCounts(1, 2, 3, 4) + TamCounts(5, 6, None, 1) == TamCounts(6, 8, None, 5)
