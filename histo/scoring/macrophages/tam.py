"""Macrophages (TAM): how many profiles there are per mm² of a compartment, and how sure that is.

Counts and areas of blocks add up; densities divide last. What is counted are profiles of a
section, not cells of a volume.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.macrophages.poisson import poisson_interval
from histo.scoring.space.windows import points_inside

__all__ = ["TamCounts", "TamDensity", "count_tam", "count_tam_zones", "tam_density"]


@dataclass(frozen=True)
class TamCounts:
    """What was counted in one compartment or part of it; parts are added with ``+``.

    Attributes
    ----------
    profiles
        Macrophages whose centre lies inside.
    area_px
        Pixels of the compartment.
    positive_px
        Pixels of it that are macrophage; None where no area was asked.
    hidden
        Brown profiles too dark to show a nucleus; not among ``profiles``.
    """

    profiles: int
    area_px: int
    positive_px: int | None = None
    hidden: int = 0

    def __add__(self, other: "TamCounts") -> "TamCounts":
        parts = (self.positive_px, other.positive_px)
        return TamCounts(
            self.profiles + other.profiles,
            self.area_px + other.area_px,
            None if parts[0] is None or parts[1] is None else parts[0] + parts[1],
            self.hidden + other.hidden,
        )


@dataclass(frozen=True)
class TamDensity:
    """Plain numbers of one compartment; NaN where undefined.

    Attributes
    ----------
    profiles, area_mm2
        Count, and the area it was made in.
    count_low, count_high
        Exact 95 % Poisson interval of the count.
    per_mm2, low, high
        Density and its interval.
    area_fraction
        Macrophage pixels / pixels of the compartment.
    profile_um2
        Implied size of one profile: area fraction * 1e6 / density.
    """

    profiles: int
    area_mm2: float
    count_low: float
    count_high: float
    per_mm2: float
    low: float
    high: float
    area_fraction: float
    profile_um2: float


def count_tam(
    points: NDArray[np.float64],
    inside: NDArray[np.bool_],
    positive: NDArray[np.bool_] | None = None,
    *,
    hidden: NDArray[np.float64] | None = None,
) -> TamCounts:
    """Count macrophages and area in a compartment.

    Parameters
    ----------
    points
        ndarray of float64, shape (N, 2): centres, (row, col) in pixels of the mask. A profile
        belongs where its centre lies, so compartments that tile share none.
    inside
        ndarray of bool, shape (H, W): the compartment.
    positive
        ndarray of bool, shape (H, W): macrophage pixels; None leaves the area fraction out.
    hidden
        Centres of profiles too dark to show a nucleus, shape (M, 2).
    """
    return TamCounts(
        int(np.count_nonzero(points_inside(points, inside))),
        int(np.count_nonzero(inside)),
        None if positive is None else int(np.count_nonzero(positive & inside)),
        0 if hidden is None else int(np.count_nonzero(points_inside(hidden, inside))),
    )


def count_tam_zones(
    points: NDArray[np.float64],
    zones: NDArray[np.integer],
    names: Mapping[int, str],
    positive: NDArray[np.bool_] | None = None,
) -> dict[str, TamCounts]:
    """Count macrophages and area in every zone of a label mask in one pass.

    Parameters
    ----------
    points
        As in :func:`count_tam`.
    zones
        ndarray of int, shape (H, W): the zone of each pixel; labels not named are passed over.
    names
        Label (0 or more) to name, such as ``{1: "0_20_um_of_nest"}``.
    positive
        ndarray of bool, shape (H, W), or None.

    Returns
    -------
    dict of str to TamCounts
        In the order of ``names``; a zone without pixels has zero area, and so no density.
    """
    bins = max(names, default=0) + 1
    at = np.floor(points).astype(np.intp)[points_inside(points, np.ones(zones.shape, bool))]
    cells = _counted(zones[at[:, 0], at[:, 1]], bins)
    area = np.zeros(bins, np.int64)
    stained = np.zeros(bins, np.int64)
    for row, line in enumerate(zones):
        area += _counted(line, bins)
        if positive is not None:
            stained += _counted(line[positive[row]], bins)
    return {
        name: TamCounts(
            int(cells[label]), int(area[label]), None if positive is None else int(stained[label])
        )
        for label, name in names.items()
    }


def _counted(labels: NDArray[np.integer], bins: int) -> NDArray[np.intp]:
    known = labels[(labels >= 0) & (labels < bins)]
    counts: NDArray[np.intp] = np.bincount(known, minlength=bins)
    return counts


def tam_density(counts: TamCounts, spacing: Spacing) -> TamDensity:
    """Divide: density with its exact Poisson interval, area fraction, implied profile size.

    Parameters
    ----------
    counts
        Of the whole compartment.
    spacing
        µm/px of the mask it was counted in.
    """
    nan = float("nan")
    area = spacing.area_mm2(counts.area_px)
    low, high = poisson_interval(counts.profiles)
    per_mm2, per_low, per_high = (
        (counts.profiles / area, low / area, high / area) if area else (nan, nan, nan)
    )
    fraction = nan
    if counts.positive_px is not None and counts.area_px:
        fraction = counts.positive_px / counts.area_px
    size = fraction * 1e6 / per_mm2 if counts.profiles and area else nan
    return TamDensity(counts.profiles, area, low, high, per_mm2, per_low, per_high, fraction, size)
