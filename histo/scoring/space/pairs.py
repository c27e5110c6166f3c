"""Pairs of points at every distance within a mask, counted in cells by FFT.

Points are counted in square cells, so that the cost does not depend on their number: pairs at
each lag are an autocorrelation by FFT, and so is the overlap of the mask with itself moved by
that lag. Their ratio is the translation correction (Ohser 1983), cell for cell:

    K(r) = Σ_h  w_h(r)  Σ_s x_s x_{s+h} / Σ_s a_s a_{s+h}

with x the points of a cell (each over its local intensity), a the cell's area in the mask, and
w_h(r) the area of the lag cell that lies within r. Both sums see the same cells, so random
points give πr² whatever the shape of the mask, and cells need only be small beside r.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from histo.geometry import Spacing
from histo.scoring.space.tiles import TileGrid, tile_grid

__all__ = ["PairWindow"]

_CELLS_PER_RADIUS = 25
_MOST_CELLS = 4_500_000


class PairWindow:
    """Cells over a mask, their areas, and the overlap of the mask with itself by lag.

    Parameters
    ----------
    inside : ndarray of bool, shape (H, W)
        The window.
    spacing
        µm/px.
    radii_um : ndarray of float64, shape (K,)
        Increasing distances; a cell is 1/25 of the last, or wider on slides of over 4.5 million.
    bandwidth_um
        Of the local intensity, µm; None for one intensity all over.

    Attributes
    ----------
    grid
        The cells.
    area : ndarray of float64, shape (R, C)
        Share of each cell in the mask.
    """

    def __init__(
        self,
        inside: NDArray[np.bool_],
        spacing: Spacing,
        radii_um: NDArray[np.float64],
        bandwidth_um: float | None,
    ) -> None:
        self.grid = _cells(inside, spacing, float(radii_um[-1]))
        cell_um = self.grid.tile_um
        self.area = self.grid.eligible_mm2 / self.grid.tile_mm2
        self._sigma = None if bandwidth_um is None else bandwidth_um / cell_um
        self._reach = math.ceil(radii_um[-1] / cell_um + 1)
        rows, cols = (fft.next_fast_len(n + self._reach + 1, real=True) for n in self.area.shape)
        self._shape = (rows, cols)
        lags = np.arange(-self._reach, self._reach + 1)
        self._within = _lag_areas(lags * cell_um, radii_um, cell_um)
        self._overlap = self._lagged(self.area)
        if self._sigma is not None:
            self._kernel, self._wide = _gaussian_spectrum(self.area.shape, self._sigma)
            # What a point adds to the smoothed count of its own cell.
            self._own = float(fft.irfft2(self._kernel, self._wide)[0, 0])
            self._smoothed_area = np.maximum(self._smooth(self.area), 1e-6)

    def _lagged(self, cells: NDArray[np.float64]) -> NDArray[np.float64]:
        # Single precision: twice as fast, and within 1e-6 of the sum of squares.
        spectrum = fft.rfft2(cells.astype(np.float32), self._shape)
        summed = fft.irfft2(spectrum.real**2 + spectrum.imag**2, self._shape)
        lags = np.arange(-self._reach, self._reach + 1)
        near: NDArray[np.float64] = summed[np.ix_(lags, lags)].astype(np.float64)
        return near

    def expected(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many points each cell would have without interaction."""
        if self._sigma is None:
            even: NDArray[np.float64] = self.area * (counts.sum() / self.area.sum())
            return even
        expected: NDArray[np.float64] = self.area * self._local(counts)
        return expected

    def _local(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        local: NDArray[np.float64] = np.maximum(self._smooth(counts), 0.0) / self._smoothed_area
        return local

    def _smooth(self, cells: NDArray[np.float64]) -> NDArray[np.float64]:
        """Smooth by a Gaussian; by FFT, as bandwidths span many cells."""
        rows, cols = cells.shape
        smooth = fft.irfft2(
            fft.rfft2(cells.astype(np.float32), self._wide) * self._kernel, self._wide
        )
        cut: NDArray[np.float64] = smooth[:rows, :cols].astype(np.float64)
        return cut

    def l_function(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return L in µm at the radii."""
        number = counts.sum()
        if self._sigma is None:
            weight, per_point = counts, np.ones(counts.shape)
            # N (N - 1) ordered pairs over the squared area, Ripley's unbiased λ².
            scale = self.area.sum() ** 2 / (number * (number - 1))
        else:
            others = self._local(counts) - self._own / self._smoothed_area
            floor = 1e-3 * number / self.area.sum()
            per_point = 1 / np.maximum(others, floor)
            weight = counts * per_point
            # Weights that add up to the area (Baddeley's renormalisation) steady the estimate.
            scale = (self.area.sum() / weight.sum()) ** 2
        pairs = self._lagged(weight)
        pairs[self._reach, self._reach] -= np.sum(counts * per_point**2)
        enough = self._overlap > 1e-3 * self.area.sum()
        density = np.divide(pairs, self._overlap, out=np.zeros(pairs.shape), where=enough)
        k_um2 = scale * np.tensordot(self._within, density, 2)
        l_um: NDArray[np.float64] = np.sqrt(np.maximum(k_um2, 0.0) / math.pi)
        return l_um


def _gaussian_spectrum(
    shape: tuple[int, ...], sigma: float
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Return a Gaussian's transfer function and the padded shape it is for."""
    rows, cols = (fft.next_fast_len(n + math.ceil(4 * sigma), real=True) for n in shape)
    down, across = fft.fftfreq(rows)[:, None], fft.rfftfreq(cols)[None, :]
    power = np.exp(-2 * (math.pi * sigma) ** 2 * (down**2 + across**2))
    return power.astype(np.float32), (rows, cols)


def _cells(inside: NDArray[np.bool_], spacing: Spacing, farthest_um: float) -> TileGrid:
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    extent_um2 = (rows[-1] - rows[0] + 1) * spacing.row * (cols[-1] - cols[0] + 1) * spacing.col
    smallest = math.sqrt(extent_um2 / _MOST_CELLS)
    return tile_grid(inside, spacing, max(farthest_um / _CELLS_PER_RADIUS, smallest, *spacing.pair))


def _lag_areas(
    lags_um: NDArray[np.float64], radii_um: NDArray[np.float64], cell_um: float
) -> NDArray[np.float64]:
    """Return the µm² of each lag cell within each radius, shape (K, L, L), by 8 x 8 samples."""
    offsets = ((np.arange(8) + 0.5) / 8 - 0.5) * cell_um
    fine = (lags_um[:, None] + offsets).ravel()
    distance = np.hypot(fine[:, None], fine[None, :])
    size = len(lags_um)
    areas = np.empty((len(radii_um), size, size))
    for index, radius in enumerate(radii_um):
        covered = (distance <= radius).reshape(size, 8, size, 8).mean(axis=(1, 3))
        areas[index] = covered * (math.pi * radius**2 / covered.sum())
    return areas
