"""How far a masked field stays like itself: autocorrelation by FFT, and its length in µm."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

__all__ = ["Correlogram", "correlation_length_um", "correlogram", "lagged_sums"]


@dataclass(frozen=True)
class Correlogram:
    """Autocorrelation of a ratio against distance.

    Attributes
    ----------
    distance_um : ndarray of float64, shape (K,)
        Mean distance of the pairs of cells in each ring; the first is 0.
    correlation : ndarray of float64, shape (K,)
        1 at distance 0; NaN in a ring without pairs.
    """

    distance_um: NDArray[np.float64]
    correlation: NDArray[np.float64]


def lagged_sums(field: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return ``Σ_s x_s x_{s+h}`` for every lag h, on a torus of that (padded) shape.

    Parameters
    ----------
    field : ndarray of float, shape (..., R, C)
        Zero outside the mask.
    shape
        Padded size; at least 2R - 1 by 2C - 1, or lags wrap into each other.
    """
    spectrum = fft.rfft2(field, shape)
    power = spectrum.real**2 + spectrum.imag**2
    summed: NDArray[np.float64] = fft.irfft2(power, shape)
    return summed


def correlogram(
    numerator: NDArray[np.floating], denominator: NDArray[np.floating], cell_um: float
) -> Correlogram:
    """Return the autocorrelation of a ratio on a ragged mask.

    With residuals e = n - R d about the overall ratio R, the covariance at lag h is
    ``Σ e_s e_{s+h} / Σ d_s d_{s+h}``: the field's autocorrelation over the mask's own, both by
    FFT, averaged over rings one cell wide. The denominator is the weight, so what lies outside
    the mask (d = 0, n = 0) changes nothing, and the shape of the mask does not show.

    Parameters
    ----------
    numerator, denominator : ndarray of float, shape (R, C)
        Sums per cell of a square grid; finer than the length sought, such as 100 µm.
    cell_um
        Side of a cell, µm.

    Returns
    -------
    Correlogram
        Up to half the square root of the mask's area; all NaN for a constant ratio.
    """
    weight = np.asarray(denominator, np.float64)
    total = weight.sum()
    ratio = float(np.sum(numerator) / total) if total > 0 else 0.0
    residual = np.asarray(numerator, np.float64) - ratio * weight
    rows, cols = weight.shape
    shape = (fft.next_fast_len(2 * rows), fft.next_fast_len(2 * cols))
    distance = lag_distance(shape)
    rings = max(1, int(math.sqrt(np.count_nonzero(weight)) / 2)) + 1
    ring = np.rint(distance).astype(np.intp)
    near = ring < rings
    pairs = np.maximum(lagged_sums(weight, shape)[near], 0.0)
    covariance = _per_ring(ring[near], lagged_sums(residual, shape)[near], rings)
    mass = _per_ring(ring[near], pairs, rings)
    reach = _per_ring(ring[near], pairs * distance[near], rings)
    kept = mass > 1e-9 * max(float(mass.max(initial=0.0)), 1e-300)
    nan: NDArray[np.float64] = np.full(rings, math.nan)
    found: NDArray[np.float64] = np.divide(covariance, mass, out=nan.copy(), where=kept)
    if not found[0] > 1e-12 * max(ratio * ratio, 1e-300):
        return Correlogram(np.arange(rings, dtype=np.float64) * cell_um, nan)
    mean_distance: NDArray[np.float64] = np.divide(reach, mass, out=nan.copy(), where=kept)
    return Correlogram(mean_distance * cell_um, found / found[0])


def lag_distance(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the length of each lag of a torus, in cells."""
    rows, cols = (np.minimum(np.arange(size), size - np.arange(size)) for size in shape)
    distance: NDArray[np.float64] = np.hypot(rows[:, None], cols[None, :])
    return distance


def _per_ring(
    ring: NDArray[np.intp], values: NDArray[np.floating], rings: int
) -> NDArray[np.float64]:
    summed: NDArray[np.float64] = np.bincount(ring, values, minlength=rings).astype(np.float64)
    return summed


def correlation_length_um(found: Correlogram) -> float:
    """Return the distance at which the autocorrelation first falls to 1/e.

    Linear between rings. A field without spatial order falls within one cell. It is the length
    of an exponential correlation exp(-h/ℓ), and of a Gaussian one exp(-(h/ℓ)²).

    Returns
    -------
    float
        µm; NaN for a constant field, or where 1/e is not reached within half the mask's width
        (the length then is longer than the slide can show).

    Examples
    --------
    >>> straight = Correlogram(np.array([0.0, 100.0]), np.array([1.0, 0.0]))
    >>> round(correlation_length_um(straight), 1)
    63.21205588285577
    """
    known = ~np.isnan(found.correlation)
    distance, correlation = found.distance_um[known], found.correlation[known]
    level = math.exp(-1)
    below = np.flatnonzero(correlation <= level)
    if not len(below):
        return math.nan
    after = int(below[0])
    drop = correlation[after - 1] - correlation[after]
    step = distance[after] - distance[after - 1]
    return float(distance[after - 1] + (correlation[after - 1] - level) / drop * step)
