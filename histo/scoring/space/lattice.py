"""Correlated fields on the tiles of a slide: what a measured correlogram can tell, and hides.

Everything here is in units of tiles. The model is an exponential correlation with a nugget,
C(0) = s + n and C(h) = s exp(-h/ℓ): long-tailed, so it errs towards less information.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from histo.scoring.space.correlation import lag_distance, lagged_sums

__all__ = ["CorrelationFit", "TileLattice", "block_sums"]

_CANDIDATES = 14
_SHORTEST_TILES = 0.25


@dataclass(frozen=True)
class CorrelationFit:
    """The model that fits a correlogram best at one correlation length.

    Attributes
    ----------
    candidate
        Index of the correlation length among the lattice's ``lengths``.
    nugget
        Share of the variance that neighbours do not share, 0 to 1.
    """

    candidate: int
    nugget: float


class TileLattice:
    """Tiles with weights, and what fields of known correlation look like on them.

    Parameters
    ----------
    weight : ndarray of float, shape (R, C)
        Denominator of each tile, 0 outside the mask.

    Attributes
    ----------
    lengths : ndarray of float64, shape (L,)
        Correlation lengths that are told apart, in tiles: a quarter of a tile up to 0.6 of the
        square root of the mask's area. A field at the last is not seen to be stationary.
    """

    def __init__(self, weight: NDArray[np.float64]) -> None:
        self.weight = weight
        self.total = float(weight.sum())
        self.extent = math.sqrt(np.count_nonzero(weight))
        self.lengths = np.geomspace(_SHORTEST_TILES, max(1.0, 0.6 * self.extent), _CANDIDATES)
        rows, cols = weight.shape
        self._padded = (fft.next_fast_len(2 * rows), fft.next_fast_len(2 * cols))
        self._distance = lag_distance(self._padded)
        self._prepare_rings()
        self._expected = np.stack(
            [self._expectation(np.exp(-self._distance / length)) for length in self.lengths]
        )
        self._nugget = self._expectation((self._distance == 0).astype(np.float64))

    def _prepare_rings(self) -> None:
        rings = max(2, int(self.extent / 2) + 1)
        ring = np.rint(self._distance).astype(np.intp)
        self._near = ring < rings
        member = np.zeros((rings, int(self._near.sum())))
        member[ring[self._near], np.arange(member.shape[1])] = 1.0
        pairs = member @ np.maximum(lagged_sums(self.weight, self._padded)[self._near], 0.0)
        pairs = np.maximum(pairs, 1e-9 * pairs.max())
        # Least squares weighs a ring by its pairs over its distance: neighbouring pairs within
        # a far ring repeat each other.
        trust = np.sqrt(pairs / np.maximum(1.0, np.arange(rings)))
        self._to_rings = (trust / pairs)[:, None] * member

    def _rings(self, lagged: NDArray[np.float64]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = lagged[..., self._near] @ self._to_rings.T
        return summed

    def _expectation(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected correlogram of residuals about the lattice's own mean.

        Removing the mean lowers every lag; without this a long correlation looks short.
        """
        rows, cols = self.weight.shape
        spectrum = fft.rfft2(self.weight, self._padded)
        with_mean = fft.irfft2(fft.rfft2(covariance) * spectrum, self._padded)
        with_mean = with_mean[:rows, :cols] / self.total
        variance = np.sum(with_mean * self.weight) / self.total
        cross = fft.irfft2(
            fft.rfft2(self.weight * with_mean, self._padded) * spectrum.conj(), self._padded
        )
        cross = cross + np.roll(cross[::-1, ::-1], (1, 1), (0, 1))
        pairs = lagged_sums(self.weight, self._padded)
        return self._rings(pairs * (covariance + variance) - cross)

    def residuals(self, fields: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weighted deviations of fields, shape (M, R, C), from their weighted means."""
        return self.weight * (fields - self.means(fields)[:, None, None])

    def means(self, fields: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weighted means of fields, shape (M, R, C)."""
        means: NDArray[np.float64] = np.tensordot(fields, self.weight, 2) / self.total
        return means

    def fit(self, residuals: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Fit the model to residuals by non-negative least squares on their correlograms.

        Parameters
        ----------
        residuals : ndarray of float64, shape (M, R, C)

        Returns
        -------
        best : ndarray of intp, shape (M,)
            Candidate length that fits best.
        nugget : ndarray of float64, shape (L, M)
            Share of the nugget at every candidate length.
        """
        observed = self._rings(lagged_sums(residuals, self._padded))
        nuggets, misfits = [], []
        for expected in self._expected:
            amounts = _two_non_negative(expected, self._nugget, observed)
            left = observed - amounts @ np.stack([expected, self._nugget])
            misfits.append(np.sum(left**2, axis=1))
            nuggets.append(amounts[:, 1] / np.maximum(amounts.sum(axis=1), 1e-300))
        return np.argmin(misfits, axis=0), np.array(nuggets)

    def simulate(
        self, fit: CorrelationFit, draws: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw Gaussian fields of unit variance, shape (draws, R, C), by circulant embedding."""
        covariance = np.exp(-self._distance / self.lengths[fit.candidate])
        power = np.maximum(fft.fft2(covariance).real, 0.0)
        power *= (1 - fit.nugget) / power.mean()
        rows, cols = self.weight.shape
        half = (draws + 1) // 2
        noise = rng.standard_normal((half, 2, *self._padded))
        waves = fft.fft2(
            (noise[:, 0] + 1j * noise[:, 1]) * np.sqrt(power / power.size), overwrite_x=True
        )[:, :rows, :cols]
        fields = np.concatenate([waves.real, waves.imag])[:draws]
        return fields + math.sqrt(fit.nugget) * rng.standard_normal(fields.shape)


def _two_non_negative(
    first: NDArray[np.float64], second: NDArray[np.float64], observed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a, b >= 0, shape (M, 2), of the least squares fit ``a first + b second``."""
    own, other, cross = first @ first, second @ second, first @ second
    on_first, on_second = observed @ first, observed @ second
    determinant = max(float(own * other - cross**2), 1e-300)
    both = np.stack([other * on_first - cross * on_second, own * on_second - cross * on_first], 1)
    both /= determinant
    only_first = np.maximum(on_first / own, 0.0)
    only_second = np.maximum(on_second / other, 0.0)
    zero = np.zeros_like(only_first)
    better = only_first * on_first > only_second * on_second
    one = np.where(
        better[:, None], np.stack([only_first, zero], 1), np.stack([zero, only_second], 1)
    )
    chosen: NDArray[np.float64] = np.where(np.all(both >= 0, axis=1)[:, None], both, one)
    return chosen


def block_sums(tiles: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Sum over every square block of ``side`` tiles that touches the grid.

    Parameters
    ----------
    tiles : ndarray of float64, shape (..., R, C)

    Returns
    -------
    ndarray of float64, shape (..., R + side - 1, C + side - 1)
        Every tile is in ``side²`` blocks.
    """
    pad = [(0, 0)] * (tiles.ndim - 2) + [(side, side - 1)] * 2
    table = np.cumsum(np.cumsum(np.pad(tiles, pad), axis=-1), axis=-2)
    summed: NDArray[np.float64] = (
        table[..., side:, side:]
        - table[..., :-side, side:]
        - table[..., side:, :-side]
        + table[..., :-side, :-side]
    )
    return summed
