"""What one row adds to every figure: counts, never ratios, so that rows add up in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.scoring.macrophages.matching import MatchCounts
from histo.training.evaluation.cells import count_cells, count_peaks
from histo.training.evaluation.judged import Judged
from histo.training.evaluation.levels import LEVELS, count_levels, to_levels
from histo.vocabulary import Component

__all__ = ["ComponentCounts", "RowCounts", "added", "count_row"]


@dataclass(frozen=True, eq=False)
class ComponentCounts:
    """Counts of one component; those of rows are added with ``+``.

    Attributes
    ----------
    levels
        ndarray of int64, shape (2, 256): known pixels without and with the component at each
        level of probability.
    cells
        Matched, detected and true cells at each of ``MATCH_RADII_UM``; None where no cell was
        annotated.
    peaks
        ndarray of int64, shape (47, 3): the same within 7.5 µm at each of ``PEAK_LEVELS``, for
        choosing a threshold; None where no cell was annotated.
    """

    levels: NDArray[np.int64]
    cells: tuple[MatchCounts, ...] | None = None
    peaks: NDArray[np.int64] | None = None

    def __add__(self, other: "ComponentCounts") -> "ComponentCounts":
        levels = self.levels + other.levels
        if self.cells is None or self.peaks is None:
            return ComponentCounts(levels, other.cells, other.peaks)
        if other.cells is None or other.peaks is None:
            return ComponentCounts(levels, self.cells, self.peaks)
        cells = tuple(a + b for a, b in zip(self.cells, other.cells, strict=True))
        return ComponentCounts(levels, cells, self.peaks + other.peaks)


@dataclass(frozen=True, eq=False)
class RowCounts:
    """The counts of a row, and whose it is; see `Judged`.

    Attributes
    ----------
    name, patient, site, organ
        As in `Judged`.
    pixel_mm2
        Area of a pixel.
    components
        Counts of each component of which anything is known.
    """

    name: str
    patient: str
    site: str
    organ: str
    pixel_mm2: float
    components: Mapping[Component, ComponentCounts]


def count_row(judged: Judged, thresholds: Mapping[Component, float]) -> RowCounts:
    """Count one row; the thresholds only serve to find cells.

    Detected and annotated cells count where the component is known.

    Raises
    ------
    ValueError
        If a component with annotated cells has no threshold.
    """
    found = {}
    for index, component in enumerate(judged.components):
        known = judged.known[index]
        if not known.any():
            continue
        levels = count_levels(to_levels(judged.probability[index]), judged.present[index], known)
        if component not in (judged.cells or {}):
            found[component] = ComponentCounts(levels)
            continue
        source = judged.cells_from(component)
        if source not in thresholds:
            raise ValueError(f"{source} has annotated cells and no threshold")
        cells = count_cells(judged, component, thresholds[source])
        found[component] = ComponentCounts(levels, cells, count_peaks(judged, component))
    return RowCounts(
        judged.name,
        judged.patient,
        judged.site,
        judged.organ,
        judged.spacing.area_mm2(1),
        found,
    )


def added(rows: Iterable[RowCounts], component: Component) -> ComponentCounts:
    """Return the sum over rows that know the component; zero if none does."""
    total = ComponentCounts(np.zeros((2, LEVELS), np.int64))
    for row in rows:
        if component in row.components:
            total += row.components[component]
    return total
