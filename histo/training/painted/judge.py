"""How well paintings are read: counts that add up, of a network and of the fixed threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Box, Spacing
from histo.scoring.macrophages.cells import CENTRES, Cells, find_cells
from histo.scoring.macrophages.matching import MatchCounts, match_cells
from histo.training.evaluation import Judged
from histo.training.painted.paintings import Painting
from histo.training.painted.rule import rule_cells, rule_positive
from histo.vocabulary import Component

__all__ = [
    "MATCH_UM",
    "Overlap",
    "Tally",
    "cell_threshold",
    "judged_painting",
    "tally_network",
    "tally_rule",
]

MATCH_UM = 7.5
_NEAR_UM = 2.0  # a detection this near to pigment lies on it
_BORDER_UM = 8.0  # cells cut by a painting's border are not judged
_LEVELS = np.arange(0.04, 0.96, 0.02)


@dataclass(frozen=True)
class Overlap:
    """Pixels of a component: found and true, found, true; counts are added with ``+``."""

    both: int = 0
    found: int = 0
    true: int = 0

    def __add__(self, other: "Overlap") -> "Overlap":
        return Overlap(self.both + other.both, self.found + other.found, self.true + other.true)

    @classmethod
    def of(cls, found: NDArray[np.bool_], true: NDArray[np.bool_]) -> "Overlap":
        """Count two masks of one shape."""
        return cls(int((found & true).sum()), int(found.sum()), int(true.sum()))

    @property
    def dice(self) -> float:
        """2 both / (found + true); NaN if there is neither."""
        total = self.found + self.true
        return 2 * self.both / total if total else float("nan")


@dataclass(frozen=True)
class Tally:
    """What was found on some paintings; tallies are added with ``+``.

    Attributes
    ----------
    positive, muscle
        Areas.
    cells
        Counted cells, matched within 7.5 µm.
    on_distractor
        Detected cells that match none and lie on brown that is not stain.
    """

    positive: Overlap = field(default_factory=Overlap)
    muscle: Overlap = field(default_factory=Overlap)
    cells: MatchCounts = field(default_factory=lambda: MatchCounts(0, 0, 0))
    on_distractor: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.positive + other.positive,
            self.muscle + other.muscle,
            self.cells + other.cells,
            self.on_distractor + other.on_distractor,
        )

    @property
    def distractor_share(self) -> float:
        """Share of all detected cells that are brown pigment or edge; NaN if none is detected."""
        return self.on_distractor / self.cells.detected if self.cells.detected else float("nan")


def tally_network(
    painting: Painting,
    probability: NDArray[np.float32],
    components: Sequence[Component],
    thresholds: Mapping[Component, float],
    spacing: Spacing,
) -> Tally:
    """Count what a network's map of one painting finds.

    Parameters
    ----------
    probability
        ndarray of float32, shape (C, H, W).
    components
        Names of the planes, of the map and of the painting's target.
    thresholds
        From which probability a component is there; for ``cell``, the height of a peak.
    spacing
        µm/px of the painting.
    """
    planes = dict(zip(components, probability, strict=True))
    truth = dict(zip(components, painting.target >= 128, strict=True))
    areas = {
        component: Overlap.of(planes[component] >= thresholds[component], truth[component])
        for component in components
        if component != Component.CELL
    }
    tally = Tally(
        positive=areas.get(Component.POSITIVE, Overlap()),
        muscle=areas.get(Component.MUSCLE, Overlap()),
    )
    if Component.CELL not in planes:
        return tally
    settings = replace(CENTRES, threshold=thresholds[Component.CELL])
    found = find_cells(planes[Component.CELL], spacing, settings)
    return _with_cells(tally, painting, found.points, spacing)


def tally_rule(painting: Painting, components: Sequence[Component], spacing: Spacing) -> Tally:
    """Count what the fixed threshold finds; it knows nothing of muscle."""
    found = rule_positive(painting.rgb, painting.glass)
    true = painting.target[list(components).index(Component.POSITIVE)] >= 128
    tally = Tally(positive=Overlap.of(found, true))
    return _with_cells(tally, painting, rule_cells(found, spacing), spacing)


def _with_cells(
    tally: Tally, painting: Painting, points: NDArray[np.float64], spacing: Spacing
) -> Tally:
    inner = _inner(painting, spacing)
    found = points[_is_in(points, inner)]
    true = painting.centres[_is_in(painting.centres, inner)]
    pairs = match_cells(found, true, spacing, MATCH_UM)
    alone = np.delete(found, pairs[:, 0], axis=0)
    gap_um = ndimage.distance_transform_edt(~painting.distractor) * spacing.mean
    if not painting.distractor.any():
        gap_um = np.full_like(gap_um, np.inf)
    row, col = alone.astype(np.intp).T
    return replace(
        tally,
        cells=MatchCounts(len(pairs), len(found), len(true)),
        on_distractor=int((gap_um[row, col] <= _NEAR_UM).sum()),
    )


def _inner(painting: Painting, spacing: Spacing) -> Box:
    height, width = painting.rgb.shape[:2]
    return Box(0, 0, height, width).pad(-round(_BORDER_UM / spacing.mean))


def _is_in(points: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    row, col = points.T
    inside: NDArray[np.bool_] = (
        (row >= box.row) & (row < box.bottom) & (col >= box.col) & (col < box.right)
    )
    return inside


def cell_threshold(
    paintings: Sequence[Painting], maps: Sequence[NDArray[np.float32]], spacing: Spacing
) -> tuple[float, MatchCounts]:
    """Return the height of a peak at which cells are counted best, and the counts there.

    Parameters
    ----------
    paintings
        Of the validation split.
    maps
        Probability of ``cell`` on each, ndarray of float32, shape (H, W).
    spacing
        µm/px.

    Returns
    -------
    float
        The level of highest F1 within 7.5 µm; of several, the middle one.
    MatchCounts
        At that level.
    """
    lowest = replace(CENTRES, threshold=float(_LEVELS[0]))
    counts = [MatchCounts(0, 0, 0)] * len(_LEVELS)
    for painting, plane in zip(paintings, maps, strict=True):
        # Peaks are dropped by higher ones only, so a higher level keeps some of the same.
        peaks = find_cells(plane, spacing, lowest)
        counts = [
            count + _matched(painting, peaks.select(peaks.probability >= level), spacing)
            for count, level in zip(counts, _LEVELS, strict=True)
        ]
    quality = np.nan_to_num(np.array([count.f1 for count in counts]))
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    middle = int(best[len(best) // 2])
    return float(_LEVELS[middle]), counts[middle]


def _matched(painting: Painting, found: Cells, spacing: Spacing) -> MatchCounts:
    return _with_cells(Tally(), painting, found.points, spacing).cells


def judged_painting(
    painting: Painting,
    probability: NDArray[np.float32],
    components: Sequence[Component],
    spacing: Spacing,
) -> Judged:
    """Return a painting and its map as evaluation asks for them; everything is known."""
    present = painting.target >= 128
    return Judged(
        name=painting.background,
        patient=painting.background,
        site="painted",
        organ=painting.organ,
        spacing=spacing,
        components=tuple(components),
        probability=probability,
        present=present,
        known=np.ones_like(present),
    )
