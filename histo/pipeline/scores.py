"""From a component map to scores: areas and places first, then fibres in sampled fields."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from histo.inference import ComponentMap
from histo.pipeline.dab import dab_density
from histo.pipeline.fibres import collagen_architecture
from histo.pipeline.options import Run
from histo.pipeline.survey import SlideSurvey
from histo.scoring import Score
from histo.scoring.specification import specification
from histo.vocabulary import Component, Stain

if TYPE_CHECKING:
    from histo.scoring.slide_scores import SlideScores

__all__ = ["score_map"]


def score_map(
    run: Run, seen: SlideSurvey, found: ComponentMap, thresholds: Mapping[str, float]
) -> "SlideScores":
    """Return every score of a slide, and the cells that were counted.

    Parameters
    ----------
    run
        The slide and what the user said of it.
    seen
        Its tissue and stain.
    found
        What the networks found.
    thresholds
        For each component the probability from which a pixel counts.
    """
    # Imported here: SciPy's trees and transforms are not needed to reach the first tile.
    from histo.scoring.slide_scores import SlideScores, slide_scores
    from histo.scoring.sma import h_score_scores

    stain = run.options.stain or seen.stain.stain
    placed = slide_scores(seen.tissue, found, thresholds, from_he=stain == Stain.HE)
    scores = placed.scores
    if stain == Stain.HDAB and Component.MYOFIBROBLAST in found.components and placed.regions:
        density = dab_density(run.slide, seen.tissue, found.spacing, found.shape)
        scores = scores + h_score_scores(density, placed.regions)
    _check(run, scores, found.spacing.mean)
    fields = run.options.fibre_fields
    if Component.COLLAGEN in found.components and fields:
        scores = scores + collagen_architecture(
            run.slide, seen.tissue, found, stain, thresholds=thresholds, fields=fields
        )
    return SlideScores(scores, cells=placed.cells)


def _check(run: Run, scores: list[Score], um_per_px: float) -> None:
    """Warn of values no slide has, and of scores that need finer pixels than the canvas has."""
    rules = specification()
    for fault in rules.faults(scores):
        run.record.warn(f"{fault}.")
    coarse = rules.too_coarse(scores, um_per_px)
    if coarse:
        finest = min(limit for name in coarse if (limit := rules.of(name).max_um_per_px))
        run.record.warn(
            f"{len(coarse)} scores need a canvas of {finest:g} µm/px or finer, found "
            f"{um_per_px:.3g} ({coarse[0]} and others); use a bundle with a finer canvas."
        )
