"""Scores on phantoms whose truth is known in closed form.

Every module here has ``truths() -> list[Truth]``. They are imported as ``benchmarks.truths.<room>``
with the repository's root on the path: ``python -m benchmarks.score_truth`` prints them all.
"""

import math
from dataclasses import dataclass

__all__ = ["Truth"]


@dataclass(frozen=True)
class Truth:
    """One score on one phantom, beside what it must be.

    Attributes
    ----------
    score
        Name of the score, or of the public function that was asked.
    case
        The phantom in a few words, with its sizes.
    value
        What was measured.
    truth
        What it must be; NaN where the score must decline.
    tolerance
        Largest difference allowed, in the unit of the score.
    reference
        Where the truth comes from: a formula, a paper, another implementation.
    """

    score: str
    case: str
    value: float
    truth: float
    tolerance: float
    reference: str

    @property
    def holds(self) -> bool:
        """Whether the value lies within the tolerance of the truth; NaN is true to NaN only."""
        if math.isnan(self.truth):
            return math.isnan(self.value)
        return abs(self.value - self.truth) <= self.tolerance
