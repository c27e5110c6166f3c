"""Areas and their fractions: pixels are counted in strips, added up, and divided last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.scoring.frame import (
    ComponentProbabilities,
    TissueMasks,
    masks_in_frame,
    uint8_threshold,
)
from histo.scoring.score import Score
from histo.vocabulary import Component, Exclusion

__all__ = ["AreaCounts", "area_counts", "area_scores", "count_strip"]

_STRIP_BYTES = 4 << 20


@dataclass(frozen=True)
class AreaCounts:
    """Pixels counted in part of a frame; parts that do not overlap are added with ``+``.

    Attributes
    ----------
    tissue_px
        All tissue, the excluded part too.
    excluded_px
        Excluded tissue by reason, in the order of ``tuple(Exclusion)``.
    positive_px
        Measurable tissue at or above the threshold, one number a component.
    """

    tissue_px: int
    excluded_px: tuple[int, ...]
    positive_px: tuple[int, ...] = ()

    def __add__(self, other: "AreaCounts") -> "AreaCounts":
        return AreaCounts(
            self.tissue_px + other.tissue_px,
            _added(self.excluded_px, other.excluded_px),
            _added(self.positive_px, other.positive_px),
        )

    @property
    def excluded_total_px(self) -> int:
        """Excluded tissue for any reason; a pixel has one reason only."""
        return sum(self.excluded_px)

    @property
    def measurable_px(self) -> int:
        """Tissue that is not excluded: the denominator."""
        return self.tissue_px - self.excluded_total_px


def _added(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))


def count_strip(
    tissue: NDArray[np.bool_],
    exclusion: NDArray[np.uint8],
    probability: NDArray[np.uint8],
    thresholds: Sequence[float],
) -> AreaCounts:
    """Count the pixels of one strip; every array is in the same frame.

    Parameters
    ----------
    tissue : ndarray of bool, shape (H, W)
        All tissue, the excluded part too.
    exclusion : ndarray of uint8, shape (H, W)
        0 = fine, else 1 + index in ``tuple(Exclusion)``; outside tissue it has no effect.
    probability : ndarray of uint8, shape (C, H, W)
        255 = 1.0.
    thresholds
        C probabilities in (0, 1].
    """
    excluded = tissue & (exclusion > 0)
    measurable = tissue & ~excluded
    reasons = np.bincount(exclusion[excluded], minlength=len(Exclusion) + 1)
    positive = tuple(
        int(np.count_nonzero((plane >= uint8_threshold(threshold)) & measurable))
        for plane, threshold in zip(probability, thresholds, strict=True)
    )
    return AreaCounts(
        int(np.count_nonzero(tissue)), tuple(int(count) for count in reasons[1:]), positive
    )


def area_counts(
    tissue_map: TissueMasks,
    component_map: ComponentProbabilities | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> AreaCounts:
    """Count tissue, exclusions and components over a whole slide, a strip of rows at a time.

    The frame is the component map's (without one, the tissue map's); masks at another spacing
    are looked up under its pixel centres. Memory is one strip, whatever the size of the map.

    Raises
    ------
    ValueError
        If a component has no threshold, or one outside (0, 1].
    """
    if component_map is None:
        empty = np.empty((0, *tissue_map.tissue.shape), np.uint8)
        return count_strip(tissue_map.tissue, tissue_map.exclusion, empty, ())
    cuts = _thresholds(component_map.components, thresholds or {})
    probability, spacing = component_map.probability, component_map.spacing
    height, width = probability.shape[1:]
    total = AreaCounts(0, (0,) * len(Exclusion), (0,) * len(cuts))
    for strip in Box(0, 0, height, width).strips(max(1, _STRIP_BYTES // max(1, width))):
        tissue, exclusion = masks_in_frame(tissue_map, spacing, strip)
        planes = probability[:, strip.row : strip.bottom]
        total += count_strip(tissue, exclusion, planes, cuts)
    return total


def _thresholds(components: Sequence[str], thresholds: Mapping[str, float]) -> tuple[float, ...]:
    missing = [name for name in components if name not in thresholds]
    if missing:
        raise ValueError(f"every component needs a threshold, {', '.join(missing)} has none")
    return tuple(thresholds[name] for name in components)


def area_scores(
    tissue_map: TissueMasks,
    component_map: ComponentProbabilities | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> list[Score]:
    """Return tissue, the ledger of excluded tissue, and each component's area and fraction.

    ``fraction = positive pixels / measurable pixels``; both are counted in measurable tissue
    (tissue without blur, pen, fold and bubble). Areas are mm². A fraction of nothing is NaN
    with the reason in its note.

    Parameters
    ----------
    tissue_map
        Masks of tissue and exclusion, at any spacing.
    component_map
        Probability of each component; None where nothing answered.
    thresholds
        For each component the probability, in (0, 1], from which a pixel counts.

    Returns
    -------
    list of Score
        ``tissue_mm2``, ``measurable_tissue_mm2``, then for each component
        (but ``cell``, which holds centres) ``<component>_mm2`` and
        ``<component>_fraction_of_tissue``, then
        ``excluded_<reason>_mm2``, ``excluded_total_mm2``, ``excluded_fraction_of_tissue``.

    Raises
    ------
    ValueError
        If a component has no threshold, or one outside (0, 1].
    """
    counts = area_counts(tissue_map, component_map, thresholds)
    spacing = tissue_map.spacing if component_map is None else component_map.spacing
    names = () if component_map is None else component_map.components
    cuts = _thresholds(names, thresholds or {})
    scores = [
        _amount("tissue_mm2", counts.tissue_px, spacing, "all tissue, excluded tissue too"),
        _amount("measurable_tissue_mm2", counts.measurable_px, spacing, _MEASURABLE),
    ]
    for name, cut, pixels in zip(names, cuts, counts.positive_px, strict=True):
        if name == Component.CELL:
            continue
        what = f"{name} at probability >= {cut:.3g} in measurable tissue"
        scores += _component_scores(name, what, pixels, counts, spacing)
    return scores + _ledger(counts, spacing)


_MEASURABLE = f"tissue without {', '.join(Exclusion)}"


def _component_scores(
    name: str, what: str, pixels: int, counts: AreaCounts, spacing: Spacing
) -> list[Score]:
    why = "every tissue pixel is excluded" if counts.tissue_px else "there is no tissue"
    ratio = _ratio(pixels, counts.measurable_px)
    return [
        _amount(f"{name}_mm2", pixels, spacing, what),
        Score(
            f"{name}_fraction_of_tissue",
            ratio,
            "1",
            f"{what}, at {spacing.mean:.3g} µm/px",
            f"measurable tissue ({_MEASURABLE})",
            "" if counts.measurable_px else f"undefined: {why}",
        ),
    ]


def _ledger(counts: AreaCounts, spacing: Spacing) -> list[Score]:
    scores = [
        _amount(f"excluded_{reason}_mm2", pixels, spacing, f"tissue excluded as {reason}")
        for reason, pixels in zip(Exclusion, counts.excluded_px, strict=True)
    ]
    total, what = counts.excluded_total_px, "tissue excluded for any reason"
    scores.append(_amount("excluded_total_mm2", total, spacing, what))
    note = "" if counts.tissue_px else "undefined: there is no tissue"
    ratio = _ratio(total, counts.tissue_px)
    scores.append(Score("excluded_fraction_of_tissue", ratio, "1", what, "all tissue", note))
    return scores


def _amount(name: str, pixels: int, spacing: Spacing, what: str) -> Score:
    return Score(name, spacing.area_mm2(pixels), "mm2", f"{what}, at {spacing.mean:.3g} µm/px")


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
