"""Areas: by hand, at their edges, invariant, and bounded in memory."""

import math
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from histo.geometry import Box, Spacing
from histo.scoring import area_counts, area_scores, by_name, count_strip, masks_in_frame
from histo.vocabulary import Exclusion

TWO_UM = Spacing(2.0, 2.0)


@dataclass(frozen=True)
class Masks:
    tissue: np.ndarray
    exclusion: np.ndarray
    spacing: Spacing = TWO_UM


@dataclass(frozen=True)
class Map:
    probability: np.ndarray
    components: tuple[str, ...] = ("collagen",)
    spacing: Spacing = TWO_UM


def disc(size: int, radius: float) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] + 0.5
    return (rows - size / 2) ** 2 + (cols - size / 2) ** 2 < radius**2


def random_slide(seed: int = 0, shape: tuple[int, int] = (60, 70)) -> tuple[Masks, Map]:
    rng = np.random.default_rng(seed)
    masks = Masks(rng.random(shape) < 0.6, rng.integers(0, 5, shape).astype(np.uint8))
    planes = rng.integers(0, 256, (2, *shape)).astype(np.uint8)
    return masks, Map(planes, ("collagen", "tumour"))


HALF = {"collagen": 0.5, "tumour": 0.5}


def values(masks: Masks, found: Map | None = None, thresholds=HALF) -> dict[str, float]:
    return {name: s.value for name, s in by_name(area_scores(masks, found, thresholds)).items()}


def test_a_slide_counted_by_hand() -> None:
    tissue = np.zeros((10, 10), bool)
    tissue[:5] = True  # 50 px of 4 µm² = 200 µm²
    exclusion = np.zeros((10, 10), np.uint8)
    exclusion[0, :4] = 1 + tuple(Exclusion).index(Exclusion.PEN)
    exclusion[9] = 1  # blurred glass is not excluded tissue
    probability = np.zeros((1, 10, 10), np.uint8)
    probability[0, :2] = 128  # 20 px, 4 of them under pen
    probability[0, 2] = 127  # just below the threshold
    found = values(Masks(tissue, exclusion), Map(probability))
    assert found["tissue_mm2"] == pytest.approx(200e-6)
    assert found["measurable_tissue_mm2"] == pytest.approx(184e-6)
    assert found["collagen_mm2"] == pytest.approx(64e-6)
    assert found["collagen_fraction_of_tissue"] == pytest.approx(16 / 46)
    assert found["excluded_pen_mm2"] == pytest.approx(16e-6)
    assert found["excluded_blur_mm2"] == found["excluded_fold_mm2"] == 0
    assert found["excluded_total_mm2"] == pytest.approx(16e-6)
    assert found["excluded_fraction_of_tissue"] == pytest.approx(0.08)


def test_a_disc_has_its_analytic_area() -> None:
    tissue = np.ones((1000, 1000), bool)
    probability = np.where(disc(1000, 300), 255, 0).astype(np.uint8)[None]
    found = values(Masks(tissue, np.zeros_like(tissue, np.uint8)), Map(probability))
    assert found["collagen_mm2"] == pytest.approx(math.pi * 0.6**2, rel=1e-3)


@pytest.mark.parametrize("tissue_everywhere", [True, False])
def test_a_fraction_of_nothing_is_nan_with_its_reason(tissue_everywhere: bool) -> None:
    tissue = np.full((8, 8), tissue_everywhere)
    masks = Masks(tissue, np.ones((8, 8), np.uint8))
    scores = by_name(area_scores(masks, Map(np.full((1, 8, 8), 255, np.uint8)), HALF))
    fraction = scores["collagen_fraction_of_tissue"]
    assert math.isnan(fraction.value)
    assert "excluded" in fraction.note if tissue_everywhere else "no tissue" in fraction.note
    assert scores["collagen_mm2"].value == 0


def test_without_a_component_map_the_ledger_still_stands() -> None:
    masks, _ = random_slide()
    found = values(masks)
    assert "collagen_mm2" not in found
    assert found["measurable_tissue_mm2"] + found["excluded_total_mm2"] == pytest.approx(
        found["tissue_mm2"]
    )


def test_strips_added_up_count_what_the_whole_counts() -> None:
    masks, found = random_slide()
    whole = area_counts(masks, found, HALF)
    parts = [
        count_strip(masks.tissue[r], masks.exclusion[r], found.probability[:, r], (0.5, 0.5))
        for r in (slice(0, 7), slice(7, 8), slice(8, 60))
    ]
    assert parts[0] + parts[1] + parts[2] == whole


def test_strips_of_few_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    masks, found = random_slide()
    whole = area_scores(masks, found, HALF)
    monkeypatch.setattr("histo.scoring.areas._STRIP_BYTES", 200)
    assert area_scores(masks, found, HALF) == whole


def test_what_lies_outside_tissue_changes_nothing() -> None:
    masks, found = random_slide()
    probability = np.where(masks.tissue, found.probability, 255).astype(np.uint8)
    changed = Map(probability, found.components)
    assert area_scores(masks, changed, HALF) == area_scores(masks, found, HALF)


def test_a_quarter_turn_and_a_mirror_change_nothing() -> None:
    masks, found = random_slide()
    turned = Masks(np.rot90(masks.tissue), np.rot90(masks.exclusion))
    turned_map = Map(np.rot90(found.probability, axes=(1, 2))[:, ::-1], found.components)
    turned = Masks(turned.tissue[::-1], turned.exclusion[::-1])
    assert area_scores(turned, turned_map, HALF) == area_scores(masks, found, HALF)


def test_masks_four_times_as_coarse_give_the_same_areas() -> None:
    coarse, _ = random_slide(shape=(15, 20))
    fine = Masks(
        coarse.tissue.repeat(4, 0).repeat(4, 1), coarse.exclusion.repeat(4, 0).repeat(4, 1)
    )
    coarse = Masks(coarse.tissue, coarse.exclusion, Spacing(8.0, 8.0))
    found = Map(np.random.default_rng(1).integers(0, 256, (1, 60, 80)).astype(np.uint8))
    assert area_scores(coarse, found, HALF) == area_scores(fine, found, HALF)


def test_masks_are_read_under_pixel_centres_and_never_past_the_edge() -> None:
    tissue = np.array([[True, False]])
    masks = Masks(tissue, np.full((1, 2), 2, np.uint8), Spacing(4.0, 4.0))
    seen, exclusion = masks_in_frame(masks, TWO_UM, Box(0, 0, 3, 5))
    assert seen.tolist() == [[True, True, False, False, False]] * 3
    assert exclusion.tolist() == [[2, 2, 0, 0, 0]] * 3


def test_one_pixel_and_an_oblong_pixel() -> None:
    one = Spacing(1.0, 3.0)
    masks = Masks(np.ones((1, 1), bool), np.zeros((1, 1), np.uint8), one)
    found = values(masks, Map(np.full((1, 1, 1), 255, np.uint8), spacing=one))
    assert found["collagen_mm2"] == pytest.approx(3e-6)
    assert found["collagen_fraction_of_tissue"] == 1


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.1, math.nan])
def test_a_threshold_outside_its_range_is_a_wrong_argument(threshold: float) -> None:
    masks, found = random_slide()
    with pytest.raises(ValueError, match="above 0"):
        area_scores(masks, found, {"collagen": threshold, "tumour": 0.5})


def test_a_component_without_threshold_is_a_wrong_argument() -> None:
    masks, found = random_slide()
    with pytest.raises(ValueError, match="tumour has none"):
        area_scores(masks, found, {"collagen": 0.5})


def test_counts_of_different_components_do_not_add() -> None:
    masks, found = random_slide()
    with pytest.raises(ValueError, match="zip"):
        _ = area_counts(masks) + area_counts(masks, found, HALF)


def test_memory_is_a_strip_however_tall_the_map(tmp_path) -> None:
    shape = (1, 60_000, 2_000)
    planes = np.memmap(tmp_path / "map", np.uint8, "w+", shape=shape)
    masks = Masks(np.ones((600, 20), bool), np.zeros((600, 20), np.uint8), Spacing(200.0, 200.0))
    tracemalloc.start()
    area_scores(masks, Map(planes), HALF)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
