"""Nearest neighbours: how close points lie, beside points scattered by chance in the mask."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from histo.geometry import Spacing
from histo.scoring.score import Score
from histo.scoring.space.windows import edge_distance_um, points_inside, random_points

__all__ = [
    "NearestNeighbours",
    "nearest_distances_um",
    "nearest_neighbours",
    "nearest_scores",
    "nearest_to_other_scores",
]

LEAST_POINTS = 20


@dataclass(frozen=True)
class NearestNeighbours:
    """Distribution of the distance to the nearest neighbour, edge-corrected.

    Attributes
    ----------
    radii_um : ndarray of float64, shape (K,)
        Distances, µm.
    g : ndarray of float64, shape (K,)
        G(r): share of points with a neighbour within r, among points at least r from the edge.
        NaN where no point is that far from the edge.
    poisson : ndarray of float64, shape (K,)
        ``1 - exp(-λ π r²)`` for as many points scattered by chance.
    low, high : ndarray of float64, shape (K,)
        Pointwise envelope of G among random points in the same mask; NaN where not simulated.
    ratio
        Mean distance over ``1 / (2 √λ)`` (Clark and Evans 1954, 10.2307/1931034), from points
        too far from the edge to have lost a neighbour; below 1 the points cluster.
    mean_um
        The mean distance in that ratio.
    used
        Points in that mean.
    note
        Why there is no number; "" where there is one.
    """

    radii_um: NDArray[np.float64]
    g: NDArray[np.float64]
    poisson: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    ratio: float = math.nan
    mean_um: float = math.nan
    used: int = 0
    note: str = ""


def nearest_distances_um(
    points: NDArray[np.floating], spacing: Spacing, others: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Return each point's distance to the nearest of the others, in µm.

    Parameters
    ----------
    points : ndarray of float, shape (N, 2)
        (row, col) in pixels.
    spacing
        µm/px.
    others : ndarray of float, shape (M, 2), optional
        Where to look; without, among the points themselves, each but itself.

    Returns
    -------
    ndarray of float64, shape (N,)
        Infinite where there is none.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [3.0, 4.0]])
    >>> nearest_distances_um(corners, Spacing(2.0, 2.0)).tolist()
    [10.0, 10.0]
    """
    scale = np.array(spacing.pair)
    own = np.asarray(points, np.float64).reshape(-1, 2) * scale
    place = 1 if others is not None else 2
    searched = own if others is None else np.asarray(others, np.float64).reshape(-1, 2) * scale
    if not len(own) or not len(searched):
        return np.full(len(own), math.inf)
    distance: NDArray[np.float64] = KDTree(searched).query(own, k=[place])[0][:, 0]
    return distance


def nearest_neighbours(
    points: NDArray[np.floating],
    inside: NDArray[np.bool_],
    spacing: Spacing,
    *,
    radii_um: NDArray[np.floating] | None = None,
    simulations: int = 0,
    seed: int = 0,
) -> NearestNeighbours:
    """Measure G(r) within a mask by the reduced sample (border) method.

    A point nearer to the edge than r may have its neighbour outside, unseen; it does not count
    at r (Ripley 1988, Statistical Inference for Spatial Processes).

    Parameters
    ----------
    points : ndarray of float, shape (N, 2)
        (row, col) in pixels; those outside the mask do not count.
    inside : ndarray of bool, shape (H, W)
        The window.
    spacing
        µm/px.
    radii_um
        Distances; without, 30 up to where 99 % of random points have a neighbour.
    simulations
        Random patterns for the envelope; 39 give a pointwise 95 % one. 0 for none.
    seed
        Same seed, same answer.

    Returns
    -------
    NearestNeighbours
        NaN with the reason under 20 points in the mask.
    """
    kept = np.asarray(points, np.float64).reshape(-1, 2)
    kept = kept[points_inside(kept, inside)]
    area_um2 = np.count_nonzero(inside) * spacing.row * spacing.col
    if len(kept) < LEAST_POINTS:
        given = np.asarray([] if radii_um is None else radii_um, np.float64)
        nan = np.full(len(given), math.nan)
        note = f"undefined: {len(kept)} points are under {LEAST_POINTS}"
        return NearestNeighbours(given, nan, nan, nan, nan, note=note)
    intensity = len(kept) / area_um2
    guard_um = math.sqrt(math.log(100) / (math.pi * intensity))
    radii = np.linspace(0, guard_um, 31)[1:] if radii_um is None else np.asarray(radii_um, float)
    g, mean_um, used = _reduced_sample(kept, inside, spacing, radii, guard_um)
    rng = np.random.default_rng(seed)
    low = high = np.full(len(radii), math.nan)
    if simulations:
        drawn = [
            _reduced_sample(
                random_points(inside, len(kept), rng), inside, spacing, radii, guard_um
            )[0]
            for _ in range(simulations)
        ]
        low, high = np.min(drawn, axis=0), np.max(drawn, axis=0)
    enough = used >= LEAST_POINTS
    note = "" if enough else f"undefined: {used} points lie over {guard_um:.3g} µm from the edge"
    return NearestNeighbours(
        radii,
        g,
        1 - np.exp(-intensity * math.pi * radii**2),
        low,
        high,
        mean_um * 2 * math.sqrt(intensity) if enough else math.nan,
        mean_um if enough else math.nan,
        used,
        note,
    )


def _reduced_sample(
    points: NDArray[np.float64],
    inside: NDArray[np.bool_],
    spacing: Spacing,
    radii_um: NDArray[np.float64],
    guard_um: float,
) -> tuple[NDArray[np.float64], float, int]:
    """Return G at the radii, the mean distance beyond the guard, and its number of points."""
    limit_um = 1.001 * max(guard_um, float(radii_um.max(initial=0.0)))
    edge = edge_distance_um(points, inside, spacing, limit_um)
    nearest = nearest_distances_um(points, spacing)
    at_risk = len(edge) - np.searchsorted(np.sort(edge), radii_um, side="left")
    seen = np.searchsorted(radii_um, nearest, side="left")
    lost = np.searchsorted(radii_um, edge, side="right")
    # A point counts at the radii from its neighbour's distance on, up to its own edge distance.
    change = np.bincount(seen, seen < lost, len(radii_um) + 1)
    change -= np.bincount(lost, seen < lost, len(radii_um) + 1)
    near = np.cumsum(change)[:-1]
    nan = np.full(len(radii_um), math.nan)
    g = np.divide(near, at_risk, out=nan, where=at_risk > 0)
    far = (edge >= guard_um) & np.isfinite(nearest)
    used = int(far.sum())
    return g, float(nearest[far].mean()) if used else math.nan, used


def nearest_scores(name: str, what: str, found: NearestNeighbours) -> list[Score]:
    """Return ``<name>_nearest_neighbour_um`` and ``<name>_nearest_neighbour_ratio``.

    Parameters
    ----------
    name
        Kind of point, such as ``tam``.
    what
        The points in words, such as "macrophages in stroma".
    found
        As :func:`nearest_neighbours` gives it.
    """
    reading = f"mean distance from {what} to the nearest of them, border-corrected"
    return [
        Score(
            f"{name}_nearest_neighbour_um",
            found.mean_um,
            "um",
            reading,
            f"{found.used} points away from the edge",
            found.note,
        ),
        Score(
            f"{name}_nearest_neighbour_ratio",
            found.ratio,
            "1",
            reading,
            "1/(2 sqrt(density)), the mean distance of points scattered by chance",
            found.note,
        ),
    ]


def nearest_to_other_scores(
    name: str, what: str, distances_um: NDArray[np.floating]
) -> list[Score]:
    """Return ``<name>_nearest_mean_um`` and ``<name>_nearest_median_um``.

    Parameters
    ----------
    name
        From what to what, such as ``tam_to_tumour_cell``.
    what
        The same in words, such as "macrophage to the nearest tumour cell".
    distances_um : ndarray of float, shape (N,)
        As :func:`nearest_distances_um` gives them. No edge correction: a nearer cell outside
        the slide is not seen, so values are upper bounds near the edge.
    """
    some = len(distances_um) > 0 and bool(np.isfinite(distances_um).all())
    note = "" if some else "undefined: one kind of cell is absent"
    mean = float(np.mean(distances_um)) if some else math.nan
    median = float(np.median(distances_um)) if some else math.nan
    points = f"{len(distances_um)} points"
    return [
        Score(f"{name}_nearest_mean_um", mean, "um", f"mean distance of a {what}", points, note),
        Score(
            f"{name}_nearest_median_um", median, "um", f"median distance of a {what}", points, note
        ),
    ]
