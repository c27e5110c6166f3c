"""Ripley's L within a mask: clustering at each distance, beyond tissue shape and cell density.

The pattern is compared with as many points simulated in the same mask, so the mask's shape
cannot look like clustering. How pairs are counted is told in
:mod:`histo.scoring.space.pairs`.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.score import Score
from histo.scoring.space.pairs import PairWindow
from histo.scoring.space.windows import points_inside

__all__ = ["RipleyL", "RipleySettings", "ripley_l", "ripley_scores"]

Null = Literal["random", "intensity", "labels"]

LEAST_POINTS = 20


def _default_radii_um() -> NDArray[np.float64]:
    return np.arange(20.0, 251.0, 10.0)


@dataclass(frozen=True)
class RipleySettings:
    """At which distances, against what, and how often simulated.

    Attributes
    ----------
    radii_um
        Distances, increasing, µm.
    bandwidth_um
        Gaussian bandwidth of the local intensity, µm; None takes one intensity for the mask.
        Clusters wider than it are taken for intensity and do not show; a slope steeper than it
        can follow leaves an excess of a few µm.
    simulations
        Patterns for the envelope; 39 give a pointwise 95 % one.
    seed
        Same seed, same answer.
    """

    radii_um: NDArray[np.float64] = field(default_factory=_default_radii_um)
    bandwidth_um: float | None = None
    simulations: int = 39
    seed: int = 0


@dataclass(frozen=True)
class RipleyL:
    """L(r) = √(K(r)/π) of a pattern, and of the same number of points under a null.

    Attributes
    ----------
    radii_um, l_um : ndarray of float64, shape (K,)
        Distances and L, µm; without clustering L(r) is about r.
    mean_um, low_um, high_um : ndarray of float64, shape (K,)
        Mean, least and greatest L among the simulations.
    p_value
        Of one test over all distances: the largest |L - mean| in units of its spread, ranked
        among the simulations (10.1890/13-2042.1).
    null
        ``random`` points in the mask, the fitted ``intensity``, or random ``labels``.
    cell_um
        Side of a cell, µm.
    note
        Why there is no number; "" where there is one.
    """

    radii_um: NDArray[np.float64]
    l_um: NDArray[np.float64]
    mean_um: NDArray[np.float64]
    low_um: NDArray[np.float64]
    high_um: NDArray[np.float64]
    p_value: float
    null: Null
    cell_um: float
    note: str = ""


def ripley_l(
    points: NDArray[np.floating],
    inside: NDArray[np.bool_],
    spacing: Spacing,
    settings: RipleySettings | None = None,
    *,
    population: NDArray[np.floating] | None = None,
) -> RipleyL:
    """Measure L within a mask and simulate it there under the null.

    With ``bandwidth_um`` it is the inhomogeneous L (Baddeley, Møller and Waagepetersen 2000,
    10.1111/1467-9574.00144), each point weighed by the inverse of the intensity that the other
    points give it; simulated patterns are weighed anew, so the estimate's own bias cancels in
    the envelope. With ``population`` the null is random labelling.

    Parameters
    ----------
    points : ndarray of float, shape (N, 2)
        (row, col) in pixels; those outside the mask do not count.
    inside : ndarray of bool, shape (H, W)
        The window, such as the stroma.
    spacing
        µm/px.
    settings
        None takes the defaults.
    population : ndarray of float, shape (M, 2), optional
        All cells, the points among them: the null draws as many of these at random, so the
        places cells can have, and their density, cannot fake clustering.

    Returns
    -------
    RipleyL
        NaN with the reason under 20 points in the mask.

    Raises
    ------
    ValueError
        If the population holds fewer points than the pattern, or radii do not increase.
    """
    settings = settings or RipleySettings()
    radii = np.asarray(settings.radii_um, np.float64)
    if not (len(radii) and radii[0] > 0 and (np.diff(radii) > 0).all()):
        raise ValueError("radii are positive and increase")
    null: Null = "random" if settings.bandwidth_um is None else "intensity"
    null = null if population is None else "labels"
    kept = _within(points, inside)
    if len(kept) < LEAST_POINTS:
        nan = np.full(len(radii), math.nan)
        note = f"undefined: {len(kept)} points are under {LEAST_POINTS}"
        return RipleyL(radii, nan, nan, nan, nan, math.nan, null, math.nan, note)
    window = PairWindow(inside, spacing, radii, settings.bandwidth_um)
    counts = window.grid.counts(kept)
    everyone = None if population is None else window.grid.counts(_within(population, inside))
    observed = window.l_function(counts)
    rng = np.random.default_rng(settings.seed)
    simulated = np.array(
        [
            window.l_function(_draw(window, counts, everyone, rng))
            for _ in range(settings.simulations)
        ]
    ).reshape(settings.simulations, len(radii))
    return _compared(radii, observed, simulated, null, window.grid.tile_um)


def _within(points: NDArray[np.floating], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    points = np.asarray(points, np.float64).reshape(-1, 2)
    return points[points_inside(points, inside)]


def _compared(
    radii: NDArray[np.float64],
    observed: NDArray[np.float64],
    simulated: NDArray[np.float64],
    null: Null,
    cell_um: float,
) -> RipleyL:
    if not len(simulated):
        nan = np.full(len(radii), math.nan)
        return RipleyL(radii, observed, nan, nan, nan, math.nan, null, cell_um)
    mean, spread = simulated.mean(axis=0), simulated.std(axis=0)
    spread = np.maximum(spread, 1e-12)
    farthest = np.max(np.abs(simulated - mean) / spread, axis=1)
    rank = int(np.sum(farthest >= np.max(np.abs(observed - mean) / spread)))
    p_value = (1 + rank) / (1 + len(simulated))
    low, high = simulated.min(axis=0), simulated.max(axis=0)
    return RipleyL(radii, observed, mean, low, high, p_value, null, cell_um)


def _draw(
    window: PairWindow,
    counts: NDArray[np.float64],
    everyone: NDArray[np.float64] | None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return counts per cell of a pattern under the null, with as many points."""
    number = int(counts.sum())
    if everyone is not None:
        if everyone.sum() < number:
            raise ValueError("the population holds fewer points than the pattern drawn from it")
        owner = np.repeat(np.arange(everyone.size), everyone.astype(np.intp).ravel())
        chosen = rng.choice(owner, number, replace=False)
    else:
        heap = np.cumsum(window.expected(counts).ravel())
        chosen = np.searchsorted(heap, rng.random(number) * heap[-1], side="right")
    drawn = np.bincount(chosen, minlength=counts.size).astype(np.float64)
    return drawn.reshape(counts.shape)


def ripley_scores(name: str, what: str, found: RipleyL, distance_um: float = 100.0) -> list[Score]:
    """Return ``<name>_l_excess_um`` at one distance and ``<name>_l_p_value`` over all.

    Parameters
    ----------
    name
        Kind of point, such as ``tam``.
    what
        The points in words, such as "macrophages in stroma".
    found
        As :func:`ripley_l` gives it.
    distance_um
        Distance of the excess; the nearest of the radii is taken and printed.
    """
    at = int(np.argmin(np.abs(found.radii_um - distance_um)))
    against = {
        "random": "points scattered at random in the mask",
        "intensity": "points of the same local intensity",
        "labels": "random labels among all cells",
    }[found.null]
    excess = float(found.l_um[at] - found.mean_um[at])
    note = found.note or (
        f"L {found.l_um[at]:.1f} µm; {against}: {found.low_um[at]:.1f} to "
        f"{found.high_um[at]:.1f} µm"
    )
    where = f"L({found.radii_um[at]:g} µm) of {what} above {against}"
    test = f"largest deviation of L from {against}, {what}"
    reach = f"{found.radii_um[0]:g} to {found.radii_um[-1]:g} µm"
    return [
        Score(f"{name}_l_excess_um", excess, "um", where, "", note),
        Score(f"{name}_l_p_value", found.p_value, "1", test, reach, found.note),
    ]
