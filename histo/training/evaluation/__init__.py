"""How well maps and cells agree with annotations: counts first, figures last; no torch.

::

    evaluation = evaluate(judged, thresholds)
    evaluation.metrics("BCSS, patients left out")  # for the card
"""

from histo.training.evaluation.calibration import temperature
from histo.training.evaluation.cells import choose_cell_threshold
from histo.training.evaluation.counts import RowCounts, count_row
from histo.training.evaluation.evaluation import Evaluation, Group, evaluate
from histo.training.evaluation.judged import Judged
from histo.training.evaluation.thresholds import choose_threshold

__all__ = [
    "Evaluation",
    "Group",
    "Judged",
    "RowCounts",
    "choose_cell_threshold",
    "choose_threshold",
    "count_row",
    "evaluate",
    "temperature",
]
