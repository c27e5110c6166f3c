"""Hot spots: the densest high-power fields, beside what chance alone would give.

The best of many fields lies above the mean even where cells fall at random, the more so the
fewer cells a field holds and the more fields there are to choose from. So a hot spot is never
given alone: the density of the whole region stands beside it, and the hot spot of homogeneous
Poisson processes of that density, simulated on the same mask and chosen in the same way.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.macrophages.fields import FieldGrid, Fields, field_grid, hpf_area_mm2
from histo.scoring.space.windows import points_inside

__all__ = [
    "ChanceTop",
    "HotSpotSettings",
    "HotSpots",
    "find_hot_spots",
]


@dataclass(frozen=True)
class HotSpotSettings:
    """How fields are chosen.

    Attributes
    ----------
    field_number
        Field number of the eyepiece, mm; 22 gives fields of 0.238 mm² at 40x.
    top
        For each number k of fields one mean.
    least_fraction
        Share of a field that must be eligible.
    runs
        Simulated Poisson processes; 0 leaves the comparison out.
    seed
        Of the simulation; the same seed gives the same answer.
    """

    field_number: float = 22.0
    top: tuple[int, ...] = (5, 10)
    least_fraction: float = 0.5
    runs: int = 99
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.top or min(self.top) < 1:
            raise ValueError(f"a hot spot is the mean of 1 field or more, found {self.top}")
        if not 0 < self.least_fraction <= 1 or self.runs < 0:
            raise ValueError("a share is above 0 and at most 1, and runs are 0 or more")


@dataclass(frozen=True)
class ChanceTop:
    """The mean of the top k fields, observed and by chance; densities per mm².

    Attributes
    ----------
    k
        Number of fields.
    observed
        Mean density of the k fields; NaN if fewer were found.
    expected
        Mean over the simulated processes.
    high
        Their 95 % quantile.
    p
        (1 + runs as high as observed) / (1 + runs).
    """

    k: int
    observed: float
    expected: float
    high: float
    p: float

    @property
    def compatible_with_chance(self) -> bool:
        """Whether more than one in twenty random processes reach as high (p > 0.05).

        Every value at or below the expectation is.
        """
        return self.observed <= self.expected or self.p > 0.05


@dataclass(frozen=True, eq=False)
class HotSpots:
    """The chosen fields and their comparison.

    Attributes
    ----------
    fields
        As many as the largest k, or as fit.
    top
        One entry for each k.
    per_mm2
        Density of the whole eligible region; NaN without area.
    area_mm2
        Its area.
    hpf_mm2
        Area of a whole field.
    """

    fields: Fields
    top: tuple[ChanceTop, ...]
    per_mm2: float
    area_mm2: float
    hpf_mm2: float


def find_hot_spots(
    points: NDArray[np.float64],
    eligible: NDArray[np.bool_],
    spacing: Spacing,
    settings: HotSpotSettings | None = None,
) -> HotSpots:
    """Choose the densest fields and simulate what chance gives.

    Density is cells / eligible area within the field. Fields do not overlap; each has at least
    the given share of its area eligible. They are chosen greedily on a grid of about an eighth of
    their radius, so a field may lie some 17 µm beside the best position.

    Parameters
    ----------
    points
        ndarray of float64, shape (N, 2): (row, col) in pixels; those outside are passed over.
    eligible
        ndarray of bool, shape (H, W): tumour tissue, stroma, or another region.
    spacing
        µm/px of the mask.
    settings
        Field number, numbers of fields, simulation; None takes the defaults.
    """
    settings = settings or HotSpotSettings()
    grid = field_grid(eligible, spacing, settings.field_number, settings.least_fraction)
    cells_um = points[points_inside(points, eligible)] * spacing.pair
    fields = _fields(grid, cells_um, eligible, spacing, max(settings.top))
    density = len(cells_um) / grid.total_mm2 if grid.total_mm2 else float("nan")
    chance = _by_chance(grid, density, settings)
    top = tuple(
        _compared(k, fields.mean_of_top(k), chance[:, i]) for i, k in enumerate(settings.top)
    )
    return HotSpots(fields, top, density, grid.total_mm2, hpf_area_mm2(settings.field_number))


def _fields(
    grid: FieldGrid,
    cells_um: NDArray[np.float64],
    eligible: NDArray[np.bool_],
    spacing: Spacing,
    k: int,
) -> Fields:
    centres = grid.choose(grid.binned(cells_um), k)
    area = np.array([_area_mm2(eligible, spacing, each, grid.radius_um) for each in centres])
    fields = Fields(centres, grid.counted(centres, cells_um), area)
    order = np.argsort(-fields.per_mm2, kind="stable")
    return Fields(centres[order], fields.counts[order], area[order])


def _area_mm2(
    eligible: NDArray[np.bool_], spacing: Spacing, centre_um: NDArray[np.float64], radius: float
) -> float:
    """Eligible pixels whose centre is within the field."""
    axes = []
    for middle, um, count in zip(centre_um, spacing.pair, eligible.shape, strict=True):
        first = max(0, int((middle - radius) / um))
        last = min(count, math.ceil((middle + radius) / um))
        axes.append(np.arange(first, last))
    row, col = ((axis + 0.5) * um for axis, um in zip(axes, spacing.pair, strict=True))
    inside = np.hypot((row - centre_um[0])[:, None], (col - centre_um[1])[None, :]) <= radius
    part = eligible[axes[0][0] : axes[0][-1] + 1, axes[1][0] : axes[1][-1] + 1]
    return spacing.area_mm2(int(np.count_nonzero(part & inside)))


def _by_chance(grid: FieldGrid, per_mm2: float, settings: HotSpotSettings) -> NDArray[np.float64]:
    """Means of the top k fields of random cells, shape (runs, numbers of fields)."""
    rng = np.random.default_rng(settings.seed)
    found = np.full((settings.runs, len(settings.top)), np.nan)
    if not per_mm2 > 0 or not grid.allowed.any():
        return found
    for run in range(settings.runs):
        counts = rng.poisson(per_mm2 * grid.area_mm2)
        cells_um = _scattered(counts, grid, rng)
        centres = grid.choose(counts.astype(np.float64), max(settings.top))
        at = np.floor(centres / grid.step_um).astype(np.intp)
        area = grid.field_mm2[at[:, 0], at[:, 1]]
        fields = Fields(centres, grid.counted(centres, cells_um), area)
        order = np.argsort(-fields.per_mm2, kind="stable")
        fields = Fields(centres[order], fields.counts[order], area[order])
        found[run] = [fields.mean_of_top(k) for k in settings.top]
    return found


def _scattered(
    counts: NDArray[np.int64], grid: FieldGrid, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Place each cell uniformly within its grid cell, (row, col) in µm."""
    flat = np.repeat(np.arange(counts.size), counts.ravel())
    corner = np.column_stack(np.divmod(flat, counts.shape[1]))
    scattered: NDArray[np.float64] = (corner + rng.random((len(flat), 2))) * grid.step_um
    return scattered


def _compared(k: int, observed: float, chance: NDArray[np.float64]) -> ChanceTop:
    known = chance[~np.isnan(chance)]
    if not len(known) or math.isnan(observed):
        return ChanceTop(k, observed, float("nan"), float("nan"), float("nan"))
    # A hair below: sums of the same cells in another order are the same number.
    reached = int(np.count_nonzero(known >= observed * (1 - 1e-9)))
    p = (1 + reached) / (1 + len(known))
    return ChanceTop(k, observed, float(known.mean()), float(np.quantile(known, 0.95)), p)
