"""Fibres are measured in fields spread over the tissue, at the slide's own fine pixels."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from histo.geometry import Spacing
from histo.pipeline.fibres import collagen_architecture, sampled_fields
from histo.scoring import by_name
from histo.slides import ArraySlide
from histo.tissue import TissueMap
from histo.vocabulary import Stain

HALF_UM = Spacing(0.5, 0.5)
WHITE = np.full(3, 245, np.uint8)


def striped(side_px, angle_deg):
    """Pink stripes 8 µm apart on glass, running at an angle counter-clockwise from the columns."""
    rows, cols = np.mgrid[:side_px, :side_px] * 0.5
    angle = math.radians(angle_deg)
    across = rows * math.cos(angle) + cols * math.sin(angle)
    pink = np.array([225, 120, 170]) - 0.0
    share = (0.5 + 0.5 * np.sin(2 * np.pi * across / 8))[..., None]
    return np.rint(WHITE + share * (pink - WHITE)).astype(np.uint8)


def tissue_of(side_um, spacing=8.0):
    side = math.ceil(side_um / spacing)
    mask = np.ones((side, side), bool)
    return TissueMap(mask, np.zeros(mask.shape, np.uint8), Spacing(spacing, spacing), WHITE)


def collagen_map(side_um, value=255):
    side = math.ceil(side_um / 2)
    return SimpleNamespace(
        probability=np.full((1, side, side), value, np.uint8),
        components=("collagen",),
        spacing=Spacing(2.0, 2.0),
    )


@pytest.mark.parametrize("angle_deg", [0, 30, 90])
def test_stripes_have_their_direction(angle_deg):
    slide = ArraySlide(striped(1200, angle_deg), HALF_UM)
    scores = by_name(
        collagen_architecture(
            slide,
            tissue_of(600),
            collagen_map(600),
            Stain.HE,
            thresholds={"collagen": 0.5},
            fields=2,
        )
    )
    assert scores["collagen_direction_deg"].value % 180 == pytest.approx(angle_deg, abs=1)
    assert scores["collagen_alignment"].value > 0.95
    assert "2 fields" in scores["collagen_alignment"].numerator


def test_fields_are_spread_and_stay_in_tissue():
    slide = ArraySlide(np.full((4096, 4096, 3), 240, np.uint8), HALF_UM)
    tissue = tissue_of(2048)
    tissue.tissue[:, :128] = False  # the left half is glass
    boxes = list(sampled_fields(tissue, slide, HALF_UM, 8))
    assert len(boxes) == len(set(boxes)) == 8
    assert all(box.shape == (512, 512) and box.col >= 2048 for box in boxes)
    assert len({box.row for box in boxes}) == 8
    assert len(list(sampled_fields(tissue, slide, HALF_UM, 1000))) == 32
    assert list(sampled_fields(tissue, slide, HALF_UM, 0)) == []


@pytest.mark.parametrize(("spacing", "value", "why"), [(1.0, 255, "0.5 µm/px"), (0.5, 0, "field")])
def test_without_fine_pixels_or_collagen_there_is_a_reason(spacing, value, why):
    slide = ArraySlide(np.full((1200, 1200, 3), 240, np.uint8), Spacing(spacing, spacing))
    side_um = 1200 * spacing
    scores = collagen_architecture(
        slide,
        tissue_of(side_um),
        collagen_map(side_um, value),
        Stain.HE,
        thresholds={"collagen": 0.5},
        fields=2,
    )
    assert scores
    assert all(math.isnan(score.value) and why in score.note for score in scores)
