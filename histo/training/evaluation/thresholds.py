"""The probability from which a component counts as present, chosen on validation rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from histo.errors import ConfigError
from histo.training.evaluation.calibration import pooled_levels
from histo.training.evaluation.judged import Judged
from histo.training.evaluation.levels import LEVELS, dice_by_level
from histo.vocabulary import Component

__all__ = ["choose_threshold", "threshold_of"]


def choose_threshold(judged: Sequence[Judged], component: Component) -> float:
    """Return the threshold of highest Dice over the pixels of all rows together.

    It lies half-way between two levels of the map, so that rounding it changes nothing; of
    several levels that are equally good, the middle one.

    Parameters
    ----------
    judged
        Rows of the validation split, never those the figures are reported on.
    component
        Of which component.

    Returns
    -------
    float
        In (0, 1).

    Raises
    ------
    ConfigError
        If no row shows the component, or none shows where it is absent.
    """
    return threshold_of(pooled_levels(judged, component), component)


def threshold_of(levels: NDArray[np.integer], component: Component) -> float:
    """Return the threshold for counts of pixels, shape (2, 256); see `choose_threshold`."""
    absent, present = levels.sum(axis=-1)
    if not (absent and present):
        lacking = "is annotated" if not present else "is known to be absent"
        raise ConfigError(
            f"no threshold can be chosen for {component}: in no validation row a pixel {lacking}; "
            "add such rows, or keep the threshold of the card."
        )
    quality = dice_by_level(levels)
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    level = int(best[len(best) // 2]) + 1
    return (level - 0.5) / (LEVELS - 1)
