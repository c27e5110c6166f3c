"""Regions: discs and stripes of known area, what they ignore, and the ledger that adds up."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.geometry import Spacing
from histo.scoring.places.ledger import area_ledger, ledger_scores
from histo.scoring.places.regions import COMPARTMENTS, Regions, RegionSettings, find_regions
from histo.scoring.score import by_name
from histo.vocabulary import Exclusion

FOUR_UM = Spacing(4.0, 4.0)
EIGHT_UM = Spacing(8.0, 8.0)


def radius_um(size: int, um_per_px: float = 4.0) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] + 0.5 - size / 2
    return np.hypot(rows, cols) * um_per_px


def slide(tumour: np.ndarray, spacing: Spacing = FOUR_UM, **masks) -> Regions:
    tissue = masks.pop("tissue", np.ones_like(tumour))
    return Regions(spacing, tissue, masks.pop("measurable", tissue), tumour, **masks)


def area_mm2(regions: Regions, mask: np.ndarray | None) -> float:
    assert mask is not None
    return regions.spacing.area_mm2(np.count_nonzero(mask))


def nests(seed: int = 0, size: int = 200) -> Regions:
    rng = np.random.default_rng(seed)
    tumour = rng.random((size // 5, size // 5)).repeat(5, 0).repeat(5, 1) < 0.15
    tumour &= radius_um(size) < 250
    tissue = radius_um(size) < 380
    measurable = tissue & (rng.random((size, size)) < 0.97)
    necrosis, muscle = radius_um(size) < 40, np.arange(size) < size // 2
    return slide(
        tumour, tissue=tissue, measurable=measurable, necrosis=necrosis,
        muscle=np.broadcast_to(muscle, tumour.shape).copy(),
    )  # fmt: skip


def test_stroma_between_two_nests_belongs_to_the_tumour() -> None:
    tumour = np.zeros((200, 300), bool)
    tumour[:, :100] = tumour[:, 140:200] = True  # 40 px = 160 µm between, 400 µm beyond
    regions = slide(tumour)
    assert regions.stroma is not None
    assert regions.stroma[:, 100:140].all()
    assert np.count_nonzero(regions.stroma) == 200 * 40
    assert np.array_equal(regions.nest, tumour)
    assert np.array_equal(regions.tumour_region, regions.tumour_tissue)


def test_nests_too_far_apart_are_two_tumours() -> None:
    tumour = np.zeros((200, 300), bool)
    tumour[:, :100] = tumour[:, 155:] = True  # 220 µm
    assert not slide(tumour).stroma.any()
    wider = replace(slide(tumour), settings=RegionSettings(closing_um=120))
    assert wider.stroma[:, 100:155].all()


@pytest.mark.parametrize("um_per_px", [1.0, 2.0, 4.0])
def test_disc_and_margin_have_their_analytic_areas(um_per_px: float) -> None:
    size, r, half = int(1040 / um_per_px), 300.0, 200.0
    tumour = radius_um(size, um_per_px) < r
    regions = Regions(
        Spacing(um_per_px, um_per_px), np.ones_like(tumour), np.ones_like(tumour), tumour,
        settings=RegionSettings(margin_um=half),
    )  # fmt: skip
    assert area_mm2(regions, regions.nest) == pytest.approx(math.pi * r**2 * 1e-6, rel=0.01)
    assert area_mm2(regions, regions.tumour_region) == pytest.approx(
        math.pi * r**2 * 1e-6, rel=0.01
    )
    truth = math.pi * ((r + half) ** 2 - (r - half) ** 2) * 1e-6
    assert area_mm2(regions, regions.margin) == pytest.approx(truth, rel=0.01)


def test_a_lake_within_the_tumour_makes_no_front() -> None:
    distance = radius_um(500)
    tumour = (distance < 900) & (distance > 400)
    regions = slide(tumour)
    assert regions.tumour_region[250, 250]
    assert not regions.margin[250, 250]
    lake = replace(regions, settings=RegionSettings(hole_mm2=0.1))
    assert lake.margin[250, 250]


def test_specks_are_no_tumour_and_make_no_front() -> None:
    tumour = np.zeros((300, 300), bool)
    tumour[:, :100] = True
    tumour[150, 250] = tumour[20:24, 250:254] = True
    regions = slide(tumour)
    assert not regions.tumour_region[:, 200:].any()
    assert not regions.nest[:, 200:].any()
    assert not regions.margin[:, 250:].any()


def test_necrosis_in_the_tumour_is_left_out_and_makes_no_front() -> None:
    distance = radius_um(500)
    necrosis = distance < 700
    regions = slide((distance < 900) & ~necrosis, necrosis=necrosis)
    assert regions.tumour_region[250, 250]
    for mask in regions.compartments().values():
        assert not (mask & necrosis).any()
    assert not regions.margin[distance < 350].any()


def test_necrosis_alone_is_no_tumour() -> None:
    necrosis = radius_um(200) < 300
    regions = slide(np.zeros_like(necrosis), necrosis=necrosis)
    assert not regions.tumour_region.any()
    assert "no tumour found" in regions.reason("nest")


def test_glass_a_fold_and_a_thin_rim_make_no_front() -> None:
    tumour = np.zeros((200, 300), bool)
    tumour[:, 100:150] = True
    tissue = np.zeros_like(tumour)
    tissue[:, 80:300] = True  # 80 µm of rim left of the tumour, then glass
    fold = np.zeros_like(tissue)
    fold[:, 150:160] = True
    regions = slide(tumour, tissue=tissue, measurable=tissue & ~fold)
    assert regions.margin is None
    assert "no invasive front" in regions.reason("margin")
    assert regions.reason("nest") == ""


def test_without_a_tumour_map_every_compartment_is_unknown() -> None:
    tissue = np.ones((20, 20), bool)
    regions = Regions(FOUR_UM, tissue, tissue)
    assert dict(regions.compartments()) == dict.fromkeys(COMPARTMENTS)
    assert all("no tumour class" in regions.reason(name) for name in COMPARTMENTS)


def test_an_empty_tumour_map_is_no_tumour_found() -> None:
    regions = slide(np.zeros((30, 30), bool))
    assert regions.nest is not None
    assert not regions.nest.any()
    assert regions.margin is None
    assert all("no tumour found" in regions.reason(name) for name in COMPARTMENTS)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (0, 0)])
def test_the_smallest_frames(shape: tuple[int, int]) -> None:
    regions = replace(slide(np.ones(shape, bool)), settings=RegionSettings(least_tumour_mm2=0))
    assert np.array_equal(regions.nest, np.ones(shape, bool))
    assert regions.margin is None


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 99), turns=st.integers(0, 3), mirror=st.booleans())
def test_a_turn_a_mirror_and_a_shift_of_whole_blocks_change_no_area(seed, turns, mirror) -> None:
    def move(mask: np.ndarray) -> np.ndarray:
        moved = np.rot90(mask, turns)
        return np.pad(moved[::-1] if mirror else moved, ((8, 12), (20, 4)))

    regions = nests(seed)
    moved = Regions(
        FOUR_UM,
        *(
            move(getattr(regions, name))
            for name in ("tissue", "measurable", "tumour", "necrosis", "muscle")
        ),
    )
    for name, mask in regions.compartments().items():
        other = moved.compartments()[name]
        assert np.count_nonzero(mask) == np.count_nonzero(other), name


def test_half_the_pixel_size_gives_the_same_areas() -> None:
    coarse = nests(3)

    def finer(mask: np.ndarray) -> np.ndarray:
        return mask.repeat(2, 0).repeat(2, 1)

    names = ("tissue", "measurable", "tumour", "necrosis", "muscle")
    fine = Regions(Spacing(2.0, 2.0), *(finer(getattr(coarse, name)) for name in names))
    for name, mask in coarse.compartments().items():
        assert area_mm2(fine, fine.compartments()[name]) == pytest.approx(
            area_mm2(coarse, mask), rel=0.01
        ), name


def test_what_lies_outside_measurable_tissue_changes_nothing() -> None:
    regions = nests(1)
    changed = replace(
        regions,
        tumour=regions.tumour | ~regions.measurable,
        necrosis=regions.necrosis & regions.measurable,
    )
    for name, mask in regions.compartments().items():
        assert np.array_equal(mask, changed.compartments()[name]), name


def exclusion_of(regions: Regions) -> np.ndarray:
    reason = np.random.default_rng(0).integers(1, 1 + len(Exclusion), regions.tissue.shape)
    return np.where(regions.measurable, 0, reason).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_the_ledger_adds_up_to_the_tissue_exactly(seed: int) -> None:
    regions = nests(seed)
    ledger = area_ledger(regions, exclusion_of(regions))
    assert ledger.accounted_px == ledger.tissue_px == np.count_nonzero(regions.tissue)
    lines = by_name(ledger_scores(ledger, regions))
    assert lines["tumour_tissue_mm2"].value == pytest.approx(
        lines["nest_mm2"].value + lines["stroma_mm2"].value
    )
    assert 0 < lines["muscle_in_stroma_mm2"].value < lines["stroma_mm2"].value
    assert all(math.isfinite(line.value) for line in lines.values())
    doubled = ledger + ledger
    assert doubled.accounted_px == doubled.tissue_px == 2 * ledger.tissue_px


def test_a_line_whose_class_is_missing_is_nan_and_says_so() -> None:
    tissue = np.ones((20, 20), bool)
    regions = Regions(FOUR_UM, tissue, tissue)
    ledger = area_ledger(regions, np.zeros((20, 20), np.uint8))
    assert ledger.accounted_px == 400
    for line in ledger_scores(ledger, regions):
        assert math.isnan(line.value)
        assert line.note.startswith("undefined: no ")


def test_exclusions_that_contradict_the_tissue_are_a_wrong_argument() -> None:
    regions = nests()
    with pytest.raises(ValueError, match="exclusion is 0"):
        area_ledger(regions, np.zeros(regions.tissue.shape, np.uint8))


def test_masks_of_another_shape_or_kind_are_a_wrong_argument() -> None:
    tissue = np.ones((4, 4), bool)
    with pytest.raises(ValueError, match="tumour is a mask"):
        Regions(FOUR_UM, tissue, tissue, np.ones((4, 5), bool))
    with pytest.raises(ValueError, match="found uint8"):
        Regions(FOUR_UM, tissue, tissue.astype(np.uint8))
    with pytest.raises(ValueError, match="closing_um"):
        RegionSettings(closing_um=0)
    with pytest.raises(ValueError, match="hole_mm2"):
        RegionSettings(hole_mm2=-1)


@dataclass(frozen=True)
class Map:
    probability: np.ndarray
    components: tuple[str, ...]
    spacing: Spacing = FOUR_UM


@dataclass(frozen=True)
class Masks:
    tissue: np.ndarray
    exclusion: np.ndarray
    spacing: Spacing = EIGHT_UM


def test_regions_are_read_from_the_maps_of_a_slide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("histo.scoring.places.regions._STRIP_ROWS", 33)
    exclusion = np.zeros((50, 60), np.uint8)
    exclusion[:2] = 1
    planes = np.zeros((3, 100, 120), np.uint8)
    planes[2, :, :50] = 128
    planes[0, :, 20:] = 127
    found = find_regions(
        Masks(np.ones((50, 60), bool), exclusion),
        Map(planes, ("necrosis", "collagen", "tumour")),
        {"tumour": 0.5, "necrosis": 0.5},
    )
    assert np.count_nonzero(found.measurable) == 96 * 120
    assert np.count_nonzero(found.nest) == 96 * 50
    assert found.muscle is None
    assert not found.necrosis.any()
    with pytest.raises(ValueError, match="tumour has none"):
        find_regions(Masks(np.ones((50, 60), bool), exclusion), Map(planes[2:], ("tumour",)), {})
