"""A small scored slide of known truth, made in code."""

from dataclasses import dataclass

import numpy as np
import pytest

from histo.geometry import Spacing
from histo.outputs import SlideDescription, SlideResults
from histo.scoring import area_scores, not_measured, warnings_for
from histo.vocabulary import Exclusion

CANVAS_SPACING, TISSUE_SPACING = Spacing(2.0, 2.0), Spacing(8.0, 8.0)
SLIDE_PX_PER_CANVAS_PX = 4


@dataclass(frozen=True)
class Masks:
    tissue: np.ndarray
    exclusion: np.ndarray
    spacing: Spacing = TISSUE_SPACING


@dataclass(frozen=True)
class Map:
    probability: np.ndarray
    components: tuple[str, ...] = ("collagen", "tumour")
    spacing: Spacing = CANVAS_SPACING


class Run:
    def as_dict(self) -> dict[str, object]:
        return {"versions": {"histo": "0"}, "timings_s": {"read": 0.1}}


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return (rows + 0.5 - centre[0]) ** 2 + (cols + 0.5 - centre[1]) ** 2 < radius**2


def make_results(canvas: tuple[int, int] = (600, 800), *, components: bool = True) -> SlideResults:
    """Tissue is an ellipse-like disc, a strip of it under pen; collagen and tumour are discs."""
    low = (-(-canvas[0] // 4), -(-canvas[1] // 4))
    tissue = disc(low, (low[0] / 2, low[1] / 2), 0.45 * min(low))
    exclusion = np.zeros(low, np.uint8)
    exclusion[:, : int(0.35 * low[1])] = 1 + tuple(Exclusion).index(Exclusion.PEN)
    masks = Masks(tissue, exclusion)
    found = Map(np.zeros((2, *canvas), np.uint8))
    middle, size = (canvas[0] / 2, canvas[1] / 2), min(canvas)
    found.probability[0][disc(canvas, middle, 0.3 * size)] = 200
    found.probability[0][disc(canvas, middle, 0.1 * size)] = 100
    found.probability[1][disc(canvas, middle, 0.1 * size)] = 255
    found.probability[1, :10] = 255  # outside tissue
    thresholds = {"collagen": 0.5, "tumour": 0.5}
    scores = area_scores(masks, found if components else None, thresholds)
    thumbnail = np.full((*low, 3), 240, np.uint8)
    thumbnail[tissue] = (220, 150, 190)
    shape = (canvas[0] * SLIDE_PX_PER_CANVAS_PX, canvas[1] * SLIDE_PX_PER_CANVAS_PX)
    return SlideResults(
        slide=SlideDescription("ab" * 32, shape, Spacing(0.5, 0.5, "slide"), "H&E", 0.97),
        scores=scores,
        tissue_map=masks,
        thumbnail=thumbnail,
        component_map=found if components else None,
        thresholds=thresholds if components else {},
        not_measured=not_measured(found.components if components else ()),
        warnings=warnings_for(scores),
        bundles=[{"name": "he-collagen", "version": "0.1.0", "sha256": "cd" * 32}],
        run=Run(),
    )


@pytest.fixture(scope="session")
def results() -> SlideResults:
    return make_results()


@pytest.fixture(scope="session")
def make():
    return make_results
