"""The area ledger: every pixel of tissue is on one line, so the lines add up to the tissue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.places.regions import Mask, Regions
from histo.scoring.score import Score
from histo.vocabulary import Exclusion

__all__ = ["AreaLedger", "area_ledger", "ledger_scores"]


@dataclass(frozen=True)
class AreaLedger:
    """Where the pixels of the tissue went; parts of a slide are added with ``+``.

    ``excluded + necrosis + nest + stroma + beyond = tissue``, exactly.

    Attributes
    ----------
    tissue_px
        All tissue.
    excluded_px
        Excluded tissue by reason, in the order of ``tuple(Exclusion)``.
    necrosis_px
        Measurable tissue left out as necrotic.
    nest_px, stroma_px
        Compartments; 0 without a tumour map.
    beyond_px
        Eligible tissue in no tumour region; without a tumour map all of it.
    muscle_px
        Part *of the stroma* that is muscle or vessel wall: left out for α-SMA only.
    region_px
        The tumour region's outline, with the necrosis, glass and excluded tissue inside it.
    margin_px
        Invasive margin: it overlaps nest, stroma and beyond, so it is no line of the sum.
    """

    tissue_px: int
    excluded_px: tuple[int, ...]
    necrosis_px: int
    nest_px: int
    stroma_px: int
    beyond_px: int
    muscle_px: int
    region_px: int
    margin_px: int

    def __add__(self, other: "AreaLedger") -> "AreaLedger":
        excluded = zip(self.excluded_px, other.excluded_px, strict=True)
        return AreaLedger(
            self.tissue_px + other.tissue_px,
            tuple(a + b for a, b in excluded),
            self.necrosis_px + other.necrosis_px,
            self.nest_px + other.nest_px,
            self.stroma_px + other.stroma_px,
            self.beyond_px + other.beyond_px,
            self.muscle_px + other.muscle_px,
            self.region_px + other.region_px,
            self.margin_px + other.margin_px,
        )

    @property
    def accounted_px(self) -> int:
        """Sum of the lines: equal to the tissue."""
        lines = (self.necrosis_px, self.nest_px, self.stroma_px, self.beyond_px)
        return sum(self.excluded_px) + sum(lines)


def area_ledger(regions: Regions, exclusion: NDArray[np.uint8]) -> AreaLedger:
    """Put every pixel of tissue on one line.

    Parameters
    ----------
    regions
        Masks and compartments.
    exclusion : ndarray of uint8, shape (H, W)
        0 = fine, else 1 + index in ``tuple(Exclusion)``; outside tissue it has no effect.

    Raises
    ------
    ValueError
        If the exclusions and the measurable tissue contradict each other: the lines would not
        add up.
    """
    excluded = regions.tissue & ~regions.measurable
    reasons = np.bincount(exclusion[excluded], minlength=len(Exclusion) + 1)
    if reasons[0] or (exclusion[regions.tissue & regions.measurable] > 0).any():
        raise ValueError("tissue is measurable exactly where its exclusion is 0, found otherwise")
    eligible = _count(regions.eligible)
    nest, stroma = _count(regions.nest), _count(regions.stroma)
    muscle = 0
    if regions.muscle is not None and regions.stroma is not None:
        muscle = _count(regions.muscle & regions.stroma)
    return AreaLedger(
        tissue_px=_count(regions.tissue),
        excluded_px=tuple(int(count) for count in reasons[1:]),
        necrosis_px=_count(regions.measurable & regions.tissue) - eligible,
        nest_px=nest,
        stroma_px=stroma,
        beyond_px=eligible - nest - stroma,
        muscle_px=muscle,
        region_px=_count(regions.tumour_region),
        margin_px=_count(regions.margin),
    )


def ledger_scores(ledger: AreaLedger, regions: Regions) -> list[Score]:
    """Return the lines in mm²: NaN with the reason where the class of a line is missing.

    Parameters
    ----------
    ledger
        Counts.
    regions
        What was known: tells an area of 0 from one that could not be measured.

    Returns
    -------
    list of Score
        ``excluded_necrosis_mm2``, ``nest_mm2``, ``stroma_mm2``, ``beyond_tumour_mm2``,
        ``tumour_tissue_mm2``, ``tumour_region_mm2``, ``margin_mm2``, ``muscle_in_stroma_mm2``.
        The lines by reason of exclusion are :func:`histo.scoring.area_scores`'.
    """
    tumour = "" if regions.tumour is not None else regions.reason("nest")
    necrosis = "" if regions.necrosis is not None else "no necrosis class: it is not taken out"
    muscle = tumour or ("" if regions.muscle is not None else "no muscle class")
    front = regions.reason("margin") if regions.margin is None else ""
    both_px = ledger.nest_px + ledger.stroma_px
    lines = (
        ("excluded_necrosis_mm2", ledger.necrosis_px, "measurable tissue, necrotic", necrosis),
        ("nest_mm2", ledger.nest_px, "tumour cells in the tumour region", tumour),
        ("stroma_mm2", ledger.stroma_px, "tissue between nests, in the tumour region", tumour),
        ("beyond_tumour_mm2", ledger.beyond_px, "eligible tissue in no tumour region", tumour),
        ("tumour_tissue_mm2", both_px, "nest and stroma", tumour),
        ("tumour_region_mm2", ledger.region_px, "outline of the tumour region", tumour),
        ("margin_mm2", ledger.margin_px, _margin_words(regions), front),
        ("muscle_in_stroma_mm2", ledger.muscle_px, "muscle and vessel wall in stroma", muscle),
    )
    return [_line(name, pixels, what, why, regions.spacing) for name, pixels, what, why in lines]


def _line(name: str, pixels: int, what: str, why: str, spacing: Spacing) -> Score:
    value = float("nan") if why else spacing.area_mm2(pixels)
    what = f"{what}, at {spacing.mean:.3g} µm/px"
    return Score(name, value, "mm2", what, note=f"undefined: {why}" if why else "")


def _margin_words(regions: Regions) -> str:
    return f"eligible tissue within {regions.settings.margin_um:g} µm of the invasive front"


def _count(mask: Mask | None) -> int:
    return 0 if mask is None else int(np.count_nonzero(mask))
