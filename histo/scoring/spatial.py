"""Spread of a ratio over the slide: its within-slide interval and its heterogeneity on tiles."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.score import Score, joined_notes
from histo.scoring.space.heterogeneity import heterogeneity, heterogeneity_scores
from histo.scoring.space.interval import SpatialIntervals
from histo.scoring.space.nearest import nearest_neighbours, nearest_scores
from histo.scoring.space.ripley import RipleySettings, ripley_l, ripley_scores
from histo.scoring.space.tiles import tile_grid

__all__ = ["SpatialSpread", "with_interval"]

TILE_UM = 1000.0  # intervals of finer tiles cover too little (benchmarks/interval_coverage.py)
INTENSITY_BANDWIDTH_UM = 200.0  # a wider one takes slopes of density for clusters


class SpatialSpread:
    """Tiles over one denominator, such as stroma, for every numerator in it.

    Parameters
    ----------
    inside : ndarray of bool, shape (H, W)
        The denominator.
    spacing
        µm/px of the mask.
    where
        What the denominator is called.
    """

    def __init__(self, inside: NDArray[np.bool_], spacing: Spacing, where: str) -> None:
        self.where, self.spacing, self.inside = where, spacing, inside
        self._tiles = tile_grid(inside, spacing, TILE_UM)
        self._intervals = SpatialIntervals(self._tiles.eligible_mm2, TILE_UM)

    def of_area(self, positive: NDArray[np.bool_]) -> tuple[float, float, str]:
        """Return (low, high, note) of the fraction that is positive; the mask lies inside."""
        found = self._intervals.of(
            self._tiles.sums(positive) * self.spacing.area_mm2(1), bounded=True
        )
        return found.low, found.high, found.note

    def of_points(self, points: NDArray[np.float64]) -> tuple[float, float, str]:
        """Return (low, high, note) of the density per mm² of points that lie inside."""
        found = self._intervals.of(self._tiles.counts(points))
        return found.low, found.high, found.note

    def area_heterogeneity(self, name: str, positive: NDArray[np.bool_]) -> list[Score]:
        """Return how the positive fraction varies over tiles of 1 mm²."""
        numerator = self._tiles.sums(positive) * self.spacing.area_mm2(1)
        found = heterogeneity(numerator, self._tiles.eligible_mm2, self._tiles)
        what = f"{name} fraction of {self.where}"
        scores = heterogeneity_scores(name, what, found, TILE_UM)
        return [score for score in scores if not score.name.endswith("excess_cv2")]

    def point_heterogeneity(self, name: str, points: NDArray[np.float64]) -> list[Score]:
        """Return how the density of points varies over tiles of 1 mm²."""
        numerator = self._tiles.counts(points)
        found = heterogeneity(numerator, self._tiles.eligible_mm2, self._tiles, counted=True)
        what = f"{name} profiles per mm² of {self.where}"
        return heterogeneity_scores(name, what, found, TILE_UM)

    def pattern(self, name: str, points: NDArray[np.float64]) -> list[Score]:
        """Return how points lie to each other: the nearest one, and L against their intensity.

        The null follows the local density at 200 µm, so neither the shape of the tissue nor a
        slope across it looks like clustering.
        """
        what = f"{name} profiles in {self.where}"
        nearest = nearest_neighbours(points, self.inside, self.spacing)
        settings = RipleySettings(bandwidth_um=INTENSITY_BANDWIDTH_UM)
        found = ripley_l(points, self.inside, self.spacing, settings)
        return nearest_scores(name, what, nearest) + ripley_scores(name, what, found)


def with_interval(
    scores: Sequence[Score], name: str, interval: tuple[float, float, str]
) -> list[Score]:
    """Return the scores, the named one with its interval, or with the reason for none."""
    low, high, why = interval
    return [
        replace(score, low=low, high=high, note=joined_notes(score.note, why))
        if score.name == name
        else score
        for score in scores
    ]
