"""How much of a component lies in a part of the slide: counted, added up, divided last."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.places.regions import Regions
from histo.scoring.score import Score

__all__ = ["AmountCounts", "amount_counts", "amount_scores", "compartment_scores"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class AmountCounts:
    """Pixels of a component and of the place it was looked for; parts are added with ``+``.

    Attributes
    ----------
    positive_px
        Pixels of the component in that place.
    eligible_px
        Pixels of the place: the denominator.
    """

    positive_px: int = 0
    eligible_px: int = 0

    def __add__(self, other: "AmountCounts") -> "AmountCounts":
        return AmountCounts(
            self.positive_px + other.positive_px, self.eligible_px + other.eligible_px
        )

    @property
    def fraction(self) -> float:
        """Positive share, 0 to 1; NaN of nothing."""
        return self.positive_px / self.eligible_px if self.eligible_px else float("nan")


def amount_counts(positive: Mask, eligible: Mask) -> AmountCounts:
    """Count a component in a place; both masks are bool of shape (H, W)."""
    return AmountCounts(int(np.count_nonzero(positive & eligible)), int(np.count_nonzero(eligible)))


def amount_scores(
    component: str, where: str, counts: AmountCounts | None, spacing: Spacing, reason: str = ""
) -> list[Score]:
    """Return area and fraction of a component in a place.

    Parameters
    ----------
    component, where
        Names of what was counted and of the place; they make the names of the scores.
    counts
        None where the place cannot be known.
    spacing
        µm/px.
    reason
        Why the place is unknown or empty.

    Returns
    -------
    list of Score
        ``<component>_<where>_mm2`` and ``<component>_fraction_of_<where>``. Without a place both
        are NaN; in an empty place the fraction is.
    """
    what, place = f"{component} in the {_words(where)}", f"the {_words(where)}"
    what += f", at {spacing.mean:.3g} µm/px"
    area = math.nan if counts is None else spacing.area_mm2(counts.positive_px)
    share = math.nan if counts is None else counts.fraction
    why = f"undefined: {reason or f'there is no {_words(where)}'}"
    area_note, share_note = (why if math.isnan(value) else "" for value in (area, share))
    return [
        Score(f"{component}_{where}_mm2", area, "mm2", what, note=area_note),
        Score(f"{component}_fraction_of_{where}", share, "1", what, place, share_note),
    ]


def compartment_scores(positive: Mapping[str, Mask], regions: Regions) -> list[Score]:
    """Return area and fraction of each component in each compartment.

    Parameters
    ----------
    positive
        For each component a mask of bool, shape (H, W), in the frame of the regions.
    regions
        Compartments; where one is None or empty, its scores are NaN with the reason.

    Returns
    -------
    list of Score
        For nest, stroma, margin and tumour_tissue ``<component>_<compartment>_mm2`` and
        ``<component>_fraction_of_<compartment>``.
    """
    scores = []
    for where, mask in regions.compartments().items():
        reason = regions.reason(where)
        for component, found in positive.items():
            counts = None if reason or mask is None else amount_counts(found, mask)
            scores += amount_scores(component, where, counts, regions.spacing, reason)
    return scores


def _words(name: str) -> str:
    return name.replace("_", " ")
