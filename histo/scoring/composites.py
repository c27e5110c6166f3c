"""Composites of α-SMA and collagen: the activated stroma index, and patterns within a cohort."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from histo.scoring.places.amounts import AmountCounts
from histo.scoring.score import Score, joined_notes

__all__ = [
    "CohortPatterns",
    "Pattern",
    "StainedArea",
    "activated_stroma_index",
    "asi_score",
    "cohort_patterns",
]


@dataclass(frozen=True)
class StainedArea:
    """How much of a region is stained, mm²: the two sections of a case each have their own.

    Attributes
    ----------
    positive_mm2, region_mm2
        Stained area, and the area it was looked for in.
    """

    positive_mm2: float
    region_mm2: float

    @property
    def fraction(self) -> float:
        """Stained share, 0 to 1; NaN of nothing."""
        return self.positive_mm2 / self.region_mm2 if self.region_mm2 > 0 else math.nan

    @classmethod
    def of(cls, counts: AmountCounts, area_px_mm2: float) -> "StainedArea":
        """Return the area of counted pixels of a size in mm²."""
        return cls(counts.positive_px * area_px_mm2, counts.eligible_px * area_px_mm2)


def activated_stroma_index(
    asma: StainedArea, collagen: StainedArea, *, least_collagen: float = 0.01
) -> float:
    """Return α-SMA⁺ area over collagen⁺ area (Erkan 2008, 10.1016/j.cgh.2008.05.006).

    Each area is taken as its share of its own region. On one region that is the plain ratio of
    areas; on two sections a larger region on one of them then does not shift the index.

    Parameters
    ----------
    asma, collagen
        Both in tumour stroma.
    least_collagen
        Below this share of the region the quotient is noise.

    Returns
    -------
    float
        At least 0; NaN if a region is empty or has too little collagen.

    Examples
    --------
    >>> activated_stroma_index(StainedArea(0.3, 2.0), StainedArea(0.6, 2.0))
    0.5
    """
    if not collagen.fraction >= least_collagen or collagen.fraction == 0:
        return math.nan
    return asma.fraction / collagen.fraction


def asi_score(
    asma: StainedArea | None,
    collagen: StainedArea | None,
    *,
    pseudo: bool = False,
    least_collagen: float = 0.01,
    note: str = "",
) -> Score:
    """Return the activated stroma index with its reason where it is undefined.

    Parameters
    ----------
    asma, collagen
        Areas in tumour stroma; None where not measured.
    pseudo
        Whether both come from one H&E slide: the score is then named
        ``pseudo_activated_stroma_index`` and is experimental.
    least_collagen
        Least collagen share of the region.
    note
        What to keep in mind, such as "unregistered sections: areas, not overlap".
    """
    name = "pseudo_activated_stroma_index" if pseudo else "activated_stroma_index"
    value = math.nan
    if asma is not None and collagen is not None:
        value = activated_stroma_index(asma, collagen, least_collagen=least_collagen)
    if math.isnan(value):
        note = f"undefined: {_why_undefined(asma, collagen, least_collagen)}"
    elif pseudo:
        note = joined_notes("inferred from H&E, experimental", note)
    return Score(name, value, "1", "α-SMA⁺ share of stroma", "collagen⁺ share of stroma", note)


def _why_undefined(
    asma: StainedArea | None, collagen: StainedArea | None, least_collagen: float
) -> str:
    for part, what in ((asma, "α-SMA"), (collagen, "collagen")):
        if part is None:
            return f"{what} was not measured"
        if math.isnan(part.fraction):
            return f"there is no stroma to look for {what} in"
    share = collagen.fraction if collagen is not None else math.nan
    return f"collagen is {share:.2%} of the stroma (needs {least_collagen:.2%})"


class Pattern(StrEnum):
    """Amount of α-SMA and collagen against the medians of a cohort."""

    FIBROLYTIC = "fibrolytic"
    DORMANT = "dormant"
    FIBROGENIC = "fibrogenic"
    INERT = "inert"


_PATTERN = {
    (True, False): Pattern.FIBROLYTIC,
    (False, True): Pattern.DORMANT,
    (True, True): Pattern.FIBROGENIC,
    (False, False): Pattern.INERT,
}


@dataclass(frozen=True)
class CohortPatterns:
    """Pattern of each case of a cohort, and the medians it was read against.

    Attributes
    ----------
    patterns
        One a case; None where a value is NaN or the cohort is too small.
    median_asma, median_collagen
        Of the cases with both values; NaN where the cohort is too small.
    cases
        Cases with both values.
    note
        Why there is no pattern.
    """

    patterns: tuple[Pattern | None, ...]
    median_asma: float
    median_collagen: float
    cases: int
    note: str = ""


def cohort_patterns(
    asma: Sequence[float], collagen: Sequence[float], *, least_cases: int = 10
) -> CohortPatterns:
    """Sort the cases of a cohort by α-SMA and collagen, each against the cohort's own median.

    High is above the median. A pattern belongs to its cohort: there is no general cut-off, and
    the same slide may read otherwise in another.

    Parameters
    ----------
    asma, collagen
        One value a case: fractions of stroma, one stain each for the whole cohort; NaN if missing.
    least_cases
        Cases with both values below which a median means nothing.

    Raises
    ------
    ValueError
        If the two differ in length.
    """
    if len(asma) != len(collagen):
        raise ValueError(
            f"one α-SMA and one collagen value a case, found {len(asma)} and {len(collagen)}"
        )
    pairs = np.array([asma, collagen], np.float64).reshape(2, -1)
    known = np.isfinite(pairs[0]) & np.isfinite(pairs[1])
    cases = int(known.sum())
    if cases < least_cases:
        note = f"{cases} cases have both values, a pattern needs {least_cases}"
        return CohortPatterns((None,) * len(asma), math.nan, math.nan, cases, note)
    medians = np.median(pairs[:, known], axis=1)
    high = pairs > medians[:, None]
    patterns = tuple(
        _PATTERN[bool(high[0, case]), bool(high[1, case])] if known[case] else None
        for case in range(len(asma))
    )
    return CohortPatterns(patterns, float(medians[0]), float(medians[1]), cases)
