"""Cells found in a map against annotated ones, at the threshold in use and at many others."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from histo.errors import ConfigError
from histo.scoring.agreement.estimate import ratio
from histo.scoring.macrophages.cells import CENTRES, Cells, CellSettings, find_cells
from histo.scoring.macrophages.matching import MATCH_RADII_UM, MatchCounts, match_counts
from histo.scoring.space.windows import points_inside
from histo.training.evaluation.judged import Judged
from histo.vocabulary import Component

__all__ = [
    "PEAK_LEVELS",
    "cell_threshold_of",
    "choose_cell_threshold",
    "count_cells",
    "count_peaks",
    "f1_of",
]

PEAK_LEVELS = np.arange(1, 48) / 48
"""Thresholds among which that of a map of cells is chosen."""


def count_cells(
    judged: Judged, component: Component, threshold: float
) -> tuple[MatchCounts, ...] | None:
    """Find cells as scoring does and match them with the annotated ones.

    Returns
    -------
    tuple of MatchCounts or None
        At each of ``MATCH_RADII_UM``; cells count where the component is known. None where no
        cell was annotated.
    """
    found = _cells(judged, component, threshold)
    if found is None:
        return None
    detected, true = found
    return tuple(
        match_counts(detected.points, true, judged.spacing, radius) for radius in MATCH_RADII_UM
    )


def count_peaks(judged: Judged, component: Component) -> NDArray[np.int64] | None:
    """Count matched, detected and true cells within 7.5 µm at each of ``PEAK_LEVELS``.

    Peaks are dropped by higher ones only, so a higher threshold keeps some of the same.

    Returns
    -------
    ndarray of int64, shape (47, 3), or None
        None where no cell was annotated.
    """
    found = _cells(judged, component, float(PEAK_LEVELS[0]))
    if found is None:
        return None
    detected, true = found
    counts = []
    for level in PEAK_LEVELS:
        kept = detected.select(detected.probability >= level - 1e-9).points
        one = match_counts(kept, true, judged.spacing, MATCH_RADII_UM[0])
        counts.append((one.matched, one.detected, one.true))
    return np.array(counts, np.int64)


def f1_of(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Return 2 matched / (detected + true) of counts, shape (..., 3); NaN without any cell."""
    return ratio(2 * counts[..., 0], counts[..., 1] + counts[..., 2])


def choose_cell_threshold(judged: Sequence[Judged], component: Component) -> float:
    """Return the threshold of highest F1 within 7.5 µm over the cells of all rows.

    Among ``PEAK_LEVELS``; of several that are equally good, the middle one.

    Parameters
    ----------
    judged
        Rows of the validation split.
    component
        One that is annotated cell by cell.

    Raises
    ------
    ConfigError
        If no cell of it is annotated.
    """
    counts = [
        peaks
        for one in judged
        if component in one.components and (peaks := count_peaks(one, component)) is not None
    ]
    return cell_threshold_of(np.sum(counts, axis=0) if counts else None, component)


def cell_threshold_of(peaks: NDArray[np.integer] | None, component: Component) -> float:
    """Return the threshold for counts of `count_peaks`; see `choose_cell_threshold`."""
    if peaks is None or not peaks[0, 2]:
        raise ConfigError(
            f"no threshold can be chosen for {component}: no validation row has a cell of it; "
            "add such rows, or keep the threshold of the card."
        )
    quality = np.nan_to_num(f1_of(peaks))
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    return float(PEAK_LEVELS[best[len(best) // 2]])


def _cells(
    judged: Judged, component: Component, threshold: float
) -> tuple[Cells, NDArray[np.float64]] | None:
    """Return detected and annotated cells where the component is known; None without any."""
    true = (judged.cells or {}).get(component)
    if true is None:
        return None
    plane = judged.components.index(component)
    known = judged.known[plane]
    probability = (judged.centres or {}).get(component, judged.probability[plane])
    how = CENTRES if judged.cells_from(component) == Component.CELL else CellSettings()
    detected = find_cells(probability, judged.spacing, replace(how, threshold=threshold))
    inside = points_inside(detected.points, known)
    return detected.select(inside), true[points_inside(true, known)]
