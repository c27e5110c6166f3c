"""Morisita-Horn: how far two kinds of cell share the same places, beside random labels."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.scoring.score import Score
from histo.scoring.space.tiles import TileGrid

__all__ = ["Overlap", "morisita_horn", "overlap_of_points", "overlap_score"]


@dataclass(frozen=True)
class Overlap:
    """Morisita-Horn index of two kinds of points on a grid.

    Attributes
    ----------
    value
        0 where no tile holds both, 1 where their proportions agree in every tile.
    random_low, random_mean, random_high
        The same under random labels: 2.5 % quantile, mean and 97.5 % quantile.
    grid_um
        Side of a tile, µm: the index means nothing without it.
    note
        Why there is no number; "" where there is one.
    """

    value: float
    random_low: float
    random_mean: float
    random_high: float
    grid_um: float
    note: str = ""


def morisita_horn(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the Morisita-Horn index of two arrays of counts of the same shape.

    ``2 Σ p q / (Σ p² + Σ q²)`` with p and q each kind's share of its own total (Horn 1966;
    for tumour and immune cells Maley 2015, 10.1186/s13058-015-0638-4).
    NaN where one kind is absent.

    Examples
    --------
    >>> morisita_horn(np.array([4, 0]), np.array([0, 9]))
    0.0
    >>> morisita_horn(np.array([1, 3]), np.array([10, 30]))
    1.0
    """
    if not (first.sum() > 0 and second.sum() > 0):
        return math.nan
    p, q = first / first.sum(), second / second.sum()
    return float(2 * np.sum(p * q) / (np.sum(p * p) + np.sum(q * q)))


def overlap_of_points(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    grid: TileGrid,
    *,
    draws: int = 199,
    seed: int = 0,
) -> Overlap:
    """Compare where two kinds of points lie, and what random labels would give.

    Counts per tile are small, so the index of two kinds that do mix stays below 1. Random
    labelling says how far: labels are dealt anew among all points, which stay where they are,
    so neither tissue shape nor cell density can fake an overlap.

    Parameters
    ----------
    first, second : ndarray of float, shape (N, 2) and (M, 2)
        (row, col) in pixels of the grid's frame; points outside it do not count.
    grid
        Tiles over the region, from :func:`histo.scoring.space.tiles.tile_grid`.
    draws
        Random labellings.
    seed
        Same seed, same answer.
    """
    own, other = grid.counts(first), grid.counts(second)
    value = morisita_horn(own, other)
    if math.isnan(value):
        nan = math.nan
        note = "undefined: one kind of cell is absent"
        return Overlap(value, nan, nan, nan, grid.tile_um, note)
    pooled = (own + other).astype(np.int64).ravel()
    pooled = pooled[pooled > 0]
    rng = np.random.default_rng(seed)
    dealt = rng.multivariate_hypergeometric(pooled, int(own.sum()), draws, method="marginals")
    random = np.array([morisita_horn(labels, pooled - labels) for labels in dealt])
    low, high = np.quantile(random, [0.025, 0.975])
    return Overlap(value, float(low), float(random.mean()), float(high), grid.tile_um)


def overlap_score(name: str, what: str, found: Overlap) -> Score:
    """Return ``<name>_morisita_horn`` with its grid and its random expectation in words.

    Parameters
    ----------
    name
        The pair, such as ``tam_tumour_cell``.
    what
        The pair in words, such as "macrophages and tumour cells".
    found
        As :func:`overlap_of_points` gives it.
    """
    null = (
        f"random labels give {found.random_mean:.3f} "
        f"({found.random_low:.3f} to {found.random_high:.3f})"
    )
    return Score(
        f"{name}_morisita_horn",
        found.value,
        "1",
        f"Morisita-Horn overlap of {what}",
        f"tiles of {found.grid_um:g} µm",
        found.note or null,
    )
