"""Every score of a slide: named once, specified, and never 0 for lack of data."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from histo.geometry import Spacing
from histo.scoring import by_name
from histo.scoring.slide_scores import slide_scores
from histo.scoring.specification import specification

TWO_UM = Spacing(2.0, 2.0)
SIDE = 700


@pytest.fixture(scope="module")
def maps():
    """A tumour of stripes with collagen between them, some α-SMA, and cells."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    radius = np.hypot(rows - SIDE / 2, cols - SIDE / 2)
    nests = (radius < 250) & (cols % 50 < 30)
    between = (radius < 250) & ~nests
    cells = np.zeros((SIDE, SIDE), bool)
    for row, col in rng.integers(20, SIDE - 20, (300, 2)):
        cells[row - 2 : row + 3, col - 2 : col + 3] = True
    planes = {
        "tumour": nests,
        "collagen": between & (rows % 20 < 10),
        "myofibroblast": between & (rows % 20 < 2),
        "macrophage": cells,
    }
    tissue = radius < 340
    return tissue, {name: plane.astype(np.uint8) * 255 for name, plane in planes.items()}


def scored(maps, *names, **options):
    tissue, planes = maps
    masks = SimpleNamespace(
        tissue=tissue, exclusion=np.zeros(tissue.shape, np.uint8), spacing=TWO_UM
    )
    found = SimpleNamespace(
        probability=np.stack([planes[name] for name in names]), components=names, spacing=TWO_UM
    )
    return slide_scores(masks, found, dict.fromkeys(names, 0.5), **options)


@pytest.fixture(scope="module")
def everything(maps):
    return scored(maps, "tumour", "collagen", "myofibroblast", "macrophage")


def test_each_score_has_one_name_and_agrees_with_its_specification(everything):
    by_name(everything.scores)
    assert specification().faults(everything.scores) == []
    assert len(everything.scores) > 100


def test_collagen_between_the_nests_is_half_of_the_stroma(everything):
    values = {score.name: score.value for score in everything.scores}
    assert values["collagen_fraction_of_stroma"] == pytest.approx(0.5, abs=0.02)
    assert values["collagen_fraction_of_nest"] == 0
    assert values["asma_fraction_of_stroma"] == pytest.approx(0.1, abs=0.01)
    assert values["activated_stroma_index"] == pytest.approx(0.2, abs=0.02)
    assert values["tumour_stroma_ratio"] == pytest.approx(0.4, abs=0.02)


def test_what_is_undefined_says_why(everything):
    undefined = [score for score in everything.scores if math.isnan(score.value)]
    assert undefined
    assert all(score.note.startswith("undefined: ") for score in undefined)


def test_without_a_tumour_class_the_stroma_is_unknown_not_empty(maps):
    values = by_name(scored(maps, "collagen").scores)
    stroma = values["collagen_fraction_of_stroma"]
    assert math.isnan(stroma.value)
    assert "no tumour class" in stroma.note
    assert values["collagen_fraction_of_tissue"].value > 0
    assert not any("zone" in name for name in values)


def test_from_one_h_and_e_slide_macrophages_and_asma_are_experimental(maps):
    names = ("tumour", "collagen", "myofibroblast", "macrophage")
    values = by_name(scored(maps, *names, from_he=True).scores)
    for name in ("asma_fraction_of_stroma", "tam_density_stroma_per_mm2"):
        assert "inferred from H&E, experimental" in values[name].note
    assert "pseudo_activated_stroma_index" in values
    assert "activated_stroma_index" not in values


def test_without_a_tumour_class_macrophages_are_counted_in_all_tissue(maps):
    found = scored(maps, "macrophage")
    values = by_name(found.scores)
    area = values["tissue_mm2"].value
    assert values["tam_density_tissue_per_mm2"].value == pytest.approx(len(found.cells) / area)
    assert values["tam_hotspot_region_density_per_mm2"].value == pytest.approx(
        len(found.cells) / area, rel=0.01
    )


def test_outside_the_tissue_nothing_changes(maps, everything):
    tissue, planes = maps
    noisy = {name: np.where(tissue, plane, 255).astype(np.uint8) for name, plane in planes.items()}
    again = scored((tissue, noisy), "tumour", "collagen", "myofibroblast")
    before = {score.name: score.value for score in everything.scores}
    for score in again.scores:
        assert score.value == pytest.approx(before[score.name], nan_ok=True), score.name
