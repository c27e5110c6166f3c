"""How unevenly a quantity lies over 1 mm² tiles, above what counting noise alone gives."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.scoring.score import Score
from histo.scoring.space.tiles import TileGrid

__all__ = [
    "Heterogeneity",
    "excess_cv2",
    "gini",
    "heterogeneity",
    "heterogeneity_scores",
    "moran_i",
]

LEAST_TILES = 20
LEAST_MM2 = 1.0
_ROOK = ((1, 0), (0, 1))
_QUEEN = (*_ROOK, (1, 1), (1, -1))


@dataclass(frozen=True)
class Heterogeneity:
    """Spread of a ratio over the eligible tiles; every number is NaN where ``note`` says why.

    Attributes
    ----------
    tiles
        Eligible tiles with something in the denominator.
    cv
        Sample standard deviation of the tiles' ratios over their mean.
    gini
        Gini coefficient of the tiles' ratios: 0 all alike, towards 1 all in one tile.
    moran_i, moran_expected, moran_z
        Moran's I, what it is without any spatial order, and its standard score.
    excess_cv2
        Squared coefficient of variation of counts beyond Poisson noise; NaN for areas.
    note
        Why there is no number; "" where there is one.
    """

    tiles: int
    cv: float = math.nan
    gini: float = math.nan
    moran_i: float = math.nan
    moran_expected: float = math.nan
    moran_z: float = math.nan
    excess_cv2: float = math.nan
    note: str = ""


def heterogeneity(
    numerator: NDArray[np.floating],
    denominator: NDArray[np.floating],
    grid: TileGrid,
    *,
    counted: bool = False,
    queen: bool = False,
) -> Heterogeneity:
    """Measure how a ratio varies over tiles of which at least half is eligible.

    Parameters
    ----------
    numerator, denominator : ndarray of float, shape (R, C)
        Sums per tile on the grid, such as macrophages and mm² of stroma.
    grid
        Tiles over the eligible area.
    counted
        Whether the numerator counts objects, so that a Poisson floor exists.
    queen
        Neighbours of Moran's I: the 8 around a tile instead of the 4 beside it (rook).

    Returns
    -------
    Heterogeneity
        NaN with the reason under 20 tiles, under 1 mm² of eligible area, or if the numerator
        is zero everywhere.
    """
    used = grid.eligible() & (np.asarray(denominator) > 0)
    tiles, area_mm2 = int(used.sum()), float(grid.eligible_mm2.sum())
    if area_mm2 < LEAST_MM2:
        return Heterogeneity(
            tiles, note=f"undefined: {area_mm2:.2g} mm² is under {LEAST_MM2:g} mm²"
        )
    if tiles < LEAST_TILES:
        return Heterogeneity(tiles, note=f"undefined: {tiles} tiles are under {LEAST_TILES}")
    if not numerator[used].any():
        return Heterogeneity(tiles, note="undefined: the numerator is zero in every tile")
    ratio = np.divide(numerator, denominator, out=np.zeros(used.shape), where=used)
    observed, expected, z_score = moran_i(ratio, used, queen=queen)
    return Heterogeneity(
        tiles,
        float(ratio[used].std(ddof=1) / ratio[used].mean()),
        gini(ratio[used]),
        observed,
        expected,
        z_score,
        excess_cv2(numerator[used], denominator[used]) if counted else math.nan,
    )


def gini(values: NDArray[np.floating]) -> float:
    """Return the Gini coefficient of non-negative values: mean |x - y| / (2 mean).

    NaN where there is no value or all are zero.

    Examples
    --------
    >>> gini(np.array([0.0, 0.0, 0.0, 1.0]))
    0.75
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=None)
    total = ordered.sum()
    if not total > 0:
        return math.nan
    ranks = 2 * np.arange(1, len(ordered) + 1) - len(ordered) - 1
    return float(ranks @ ordered / (len(ordered) * total))


def excess_cv2(counts: NDArray[np.floating], exposures: NDArray[np.floating]) -> float:
    """Return the squared coefficient of variation of a density beyond Poisson noise.

    For tiles of equal area it is (s² - m) / m² with mean m and sample variance s² of the
    counts. For unequal areas a_t and density λ = Σn / Σa it is the moment estimate
    (N/(N-1) Σ(n - λa)² - Σλa) / (λ² Σa²), the same where areas are equal. 0 is what a
    homogeneous Poisson process gives on average; below 0 the points are regular.

    Parameters
    ----------
    counts, exposures : ndarray of float, shape (N,)
        Objects in each tile and the area they were counted in.

    Returns
    -------
    float
        NaN under two tiles or without any object.
    """
    counts, exposures = np.asarray(counts, np.float64), np.asarray(exposures, np.float64)
    tiles, total = len(counts), counts.sum()
    if tiles < 2 or not total > 0:
        return math.nan
    expected = exposures * (total / exposures.sum())
    spread = tiles / (tiles - 1) * np.sum((counts - expected) ** 2)
    return float((spread - total) / np.sum(expected**2))


def moran_i(
    values: NDArray[np.floating], used: NDArray[np.bool_], *, queen: bool = False
) -> tuple[float, float, float]:
    """Return Moran's I of tiles, its expectation -1/(N-1), and its standard score.

    Weights are binary and symmetric: 1 for tiles that share an edge (rook), or also a corner
    (queen). The standard score takes the variance under normality (Cliff and Ord 1981,
    Spatial Processes). All NaN where no two used tiles touch or all values are equal.

    Parameters
    ----------
    values : ndarray of float, shape (R, C)
        Value of each tile.
    used : ndarray of bool, shape (R, C)
        Tiles that count.

    Examples
    --------
    >>> board = np.indices((4, 4)).sum(axis=0) % 2
    >>> moran_i(board, np.ones((4, 4), bool))[0]
    -1.0
    """
    tiles = int(used.sum())
    deviation = np.where(used, values - (values[used].mean() if tiles else 0.0), 0.0)
    pairs, product, degree = 0.0, 0.0, np.zeros(used.shape)
    for lag in _QUEEN if queen else _ROOK:
        here, there = _overlap(used.shape, lag)
        joined = used[here] & used[there]
        pairs += joined.sum()
        product += np.sum(deviation[here] * deviation[there])
        degree[here] += joined
        degree[there] += joined
    energy = np.sum(deviation**2)
    if tiles < 2 or not pairs or energy <= 1e-24 * np.sum(values[used] ** 2):
        return math.nan, math.nan, math.nan
    observed, expected = float(tiles / pairs * product / energy), -1 / (tiles - 1)
    weight, s1, s2 = 2 * pairs, 4 * pairs, 4 * np.sum(degree**2)
    moment = (tiles**2 * s1 - tiles * s2 + 3 * weight**2) / (weight**2 * (tiles**2 - 1))
    variance = moment - expected**2
    z_score = (observed - expected) / math.sqrt(variance) if variance > 0 else math.nan
    return observed, expected, float(z_score)


def _overlap(
    shape: tuple[int, ...], lag: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the two views of a grid that pair each tile with the one ``lag`` away."""
    (height, width), (down, right) = shape, lag
    columns = slice(max(0, -right), width - max(0, right))
    shifted = slice(max(0, right), width - max(0, -right))
    return (slice(0, max(0, height - down)), columns), (slice(down, height), shifted)


def heterogeneity_scores(name: str, what: str, found: Heterogeneity, tile_um: float) -> list[Score]:
    """Return ``<name>_tile_cv``, ``_tile_gini``, ``_tile_moran_i`` and ``_tile_excess_cv2``.

    Parameters
    ----------
    name
        What varies, such as ``tam`` or ``collagen``.
    what
        The ratio of a tile in words, such as "macrophages per mm² of stroma".
    found
        As :func:`heterogeneity` gives it; the excess is left out where it was not asked for.
    tile_um
        Side of a tile, µm.
    """
    tiles = f"{found.tiles} tiles of {tile_um:g} µm, at least half eligible"
    order = f"without spatial order {found.moran_expected:.3f}, z = {found.moran_z:.1f}"
    moran_note = found.note or (
        "undefined: every tile has the same value" if math.isnan(found.moran_i) else order
    )
    scores = [
        Score(f"{name}_tile_cv", found.cv, "1", f"standard deviation of {what}", tiles, found.note),
        Score(f"{name}_tile_gini", found.gini, "1", f"Gini of {what}", tiles, found.note),
        Score(
            f"{name}_tile_moran_i", found.moran_i, "1", f"Moran's I of {what}", tiles, moran_note
        ),
    ]
    if not math.isnan(found.excess_cv2) or found.note:
        excess = f"variance of {what} beyond Poisson noise, over the squared mean"
        score = Score(f"{name}_tile_excess_cv2", found.excess_cv2, "1", excess, tiles, found.note)
        scores.append(score)
    return scores
