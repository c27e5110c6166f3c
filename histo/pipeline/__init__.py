"""One slide, from its path to a folder of results."""

from histo.pipeline.answering import choose_bundles
from histo.pipeline.options import ScoreOptions
from histo.pipeline.recipe import ScoredSlide, score_slide
from histo.pipeline.survey import TISSUE_UM_PER_PX, SlideSurvey, survey_slide

__all__ = [
    "TISSUE_UM_PER_PX",
    "ScoreOptions",
    "ScoredSlide",
    "SlideSurvey",
    "choose_bundles",
    "score_slide",
    "survey_slide",
]
