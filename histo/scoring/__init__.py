"""Scores: pure numerics on maps and masks. No torch, no slide, no file."""

from histo.scoring.areas import AreaCounts, area_counts, area_scores, count_strip
from histo.scoring.frame import (
    ComponentProbabilities,
    TissueMasks,
    masks_in_frame,
    measurable_in_frame,
    plane_in_frame,
    uint8_threshold,
)
from histo.scoring.limits import ScoreWarning, WarningLimits, warnings_for
from histo.scoring.missing import not_measured
from histo.scoring.score import NotMeasured, Score, by_name

__all__ = [
    "AreaCounts",
    "ComponentProbabilities",
    "NotMeasured",
    "Score",
    "ScoreWarning",
    "TissueMasks",
    "WarningLimits",
    "area_counts",
    "area_scores",
    "by_name",
    "count_strip",
    "masks_in_frame",
    "measurable_in_frame",
    "not_measured",
    "plane_in_frame",
    "uint8_threshold",
    "warnings_for",
]
