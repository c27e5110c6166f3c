"""What one row adds to every figure: counts, never ratios, so that rows add up in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from histo.scoring.macrophages.cells import CENTRES, CellSettings, find_cells
from histo.scoring.macrophages.matching import MATCH_RADII_UM, MatchCounts, match_counts
from histo.scoring.space.windows import points_inside
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
    """

    levels: NDArray[np.int64]
    cells: tuple[MatchCounts, ...] | None = None

    def __add__(self, other: "ComponentCounts") -> "ComponentCounts":
        if self.cells is None or other.cells is None:
            cells = self.cells or other.cells
        else:
            cells = tuple(a + b for a, b in zip(self.cells, other.cells, strict=True))
        return ComponentCounts(self.levels + other.levels, cells)


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
        points = (judged.cells or {}).get(component)
        if not known.any():
            continue
        counted = count_levels(to_levels(judged.probability[index]), judged.present[index], known)
        cells = None
        if points is not None:
            if component not in thresholds:
                raise ValueError(f"{component} has annotated cells and no threshold")
            cells = _count_cells(judged, index, points, thresholds[component])
        found[component] = ComponentCounts(counted, cells)
    return RowCounts(
        judged.name,
        judged.patient,
        judged.site,
        judged.organ,
        judged.spacing.area_mm2(1),
        found,
    )


def _count_cells(
    judged: Judged, index: int, true: NDArray[np.float64], threshold: float
) -> tuple[MatchCounts, ...]:
    """Find cells in the map as scoring does, and match them with the annotated ones."""
    known = judged.known[index]
    how = CENTRES if judged.components[index] == Component.CELL else CellSettings()
    detected = find_cells(
        judged.probability[index], judged.spacing, replace(how, threshold=threshold)
    )
    points = detected.points[points_inside(detected.points, known)]
    annotated = true[points_inside(true, known)]
    return tuple(
        match_counts(points, annotated, judged.spacing, radius) for radius in MATCH_RADII_UM
    )


def added(rows: Iterable[RowCounts], component: Component) -> ComponentCounts:
    """Return the sum over rows that know the component; zero if none does."""
    total = ComponentCounts(np.zeros((2, LEVELS), np.int64))
    for row in rows:
        if component in row.components:
            total += row.components[component]
    return total
