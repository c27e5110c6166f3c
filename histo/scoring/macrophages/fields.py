"""High-power fields: which k circles that do not overlap hold most cells.

Circles are chosen on a grid of an eighth of their radius, where a convolution gives the density of
every position at once; the chosen ones are then counted exactly, cell by cell and pixel by pixel.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from histo.geometry import Spacing

__all__ = ["FieldGrid", "Fields", "field_grid", "field_radius_um", "hpf_area_mm2"]

_CELLS_PER_RADIUS = 8
_MAGNIFICATION = 40.0


def field_radius_um(field_number: float = 22.0) -> float:
    """Radius of what a 40x objective shows: field number (mm) / 40 / 2, in µm.

    Raises
    ------
    ValueError
        If the field number is not positive.

    Examples
    --------
    >>> field_radius_um(22.0)
    275.0
    """
    if not field_number > 0:
        raise ValueError(f"a field number is above 0 mm, found {field_number}")
    return field_number / _MAGNIFICATION / 2 * 1000


def hpf_area_mm2(field_number: float = 22.0) -> float:
    """Area of a high-power field: π (FN / 80)² mm² at 40x.

    Examples
    --------
    >>> round(hpf_area_mm2(22.0), 3)
    0.238
    """
    return math.pi * (field_radius_um(field_number) / 1000) ** 2


@dataclass(frozen=True, eq=False)
class Fields:
    """The chosen fields, densest first.

    Attributes
    ----------
    centres_um
        ndarray of float64, shape (K, 2): (row, col) in µm.
    counts
        ndarray of int64, shape (K,): cells within the field.
    area_mm2
        ndarray of float64, shape (K,): eligible area within the field.
    """

    centres_um: NDArray[np.float64]
    counts: NDArray[np.int64]
    area_mm2: NDArray[np.float64]

    @property
    def per_mm2(self) -> NDArray[np.float64]:
        """Density of each field over its eligible area, float64, shape (K,)."""
        density: NDArray[np.float64] = self.counts / self.area_mm2
        return density

    def mean_of_top(self, k: int) -> float:
        """Mean density of the first k fields; NaN if there are fewer."""
        return float(np.mean(self.per_mm2[:k])) if len(self.counts) >= k > 0 else float("nan")


@dataclass(frozen=True, eq=False)
class FieldGrid:
    """Eligible area on the grid, and what it takes to place fields on it.

    Attributes
    ----------
    step_um
        (row, col) size of a grid cell, µm.
    area_mm2
        ndarray of float64, shape (h, w): eligible area in each grid cell.
    field_mm2
        ndarray of float64, shape (h, w): eligible area within a field centred on each grid cell.
    allowed
        ndarray of bool, shape (h, w): enough of that field is eligible.
    radius_um
        Radius of a field.
    kernel
        Transform of the disc, for :meth:`around`.
    """

    step_um: tuple[float, float]
    area_mm2: NDArray[np.float64]
    field_mm2: NDArray[np.float64]
    allowed: NDArray[np.bool_]
    radius_um: float
    kernel: NDArray[np.complex128]

    @property
    def total_mm2(self) -> float:
        """All eligible area."""
        return float(self.area_mm2.sum())

    def around(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of a plane, shape (h, w), over the field centred on each grid cell."""
        return _convolved(plane, self.kernel, self.radius_um, self.step_um)

    def binned(self, points_um: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count points, shape (N, 2) in µm, in each grid cell."""
        at = np.floor(points_um / self.step_um).astype(np.intp)
        at = np.clip(at, 0, np.array(self.area_mm2.shape) - 1)
        flat = at[:, 0] * self.area_mm2.shape[1] + at[:, 1]
        counts = np.bincount(flat, minlength=self.area_mm2.size)
        return counts.reshape(self.area_mm2.shape).astype(np.float64)

    def choose(self, binned: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Take the densest field, then the densest that does not overlap it, and so on.

        Parameters
        ----------
        binned
            From :meth:`binned`.
        k
            How many fields at most.

        Returns
        -------
        ndarray of float64, shape (K, 2), K <= k
            Centres, (row, col) in µm.
        """
        density: NDArray[np.float64] = np.full(self.allowed.shape, -np.inf)
        cells = self.around(binned)[self.allowed]
        density[self.allowed] = cells / self.field_mm2[self.allowed]
        chosen: list[tuple[float, float]] = []
        rows = (np.arange(density.shape[0]) + 0.5) * self.step_um[0]
        cols = (np.arange(density.shape[1]) + 0.5) * self.step_um[1]
        for _ in range(k):
            best = int(np.argmax(density)) if density.size else 0
            if not density.size or density.flat[best] == -np.inf:
                break
            row, col = (int(index) for index in np.unravel_index(best, density.shape))
            chosen.append((rows[row], cols[col]))
            _clear(density, rows - rows[row], cols - cols[col], 2 * self.radius_um)
        return np.array(chosen, np.float64).reshape(-1, 2)

    def counted(
        self, centres_um: NDArray[np.float64], points_um: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Count the points within each field exactly, int64, shape (K,)."""
        inside = [_within(points_um - centre, self.radius_um) for centre in centres_um]
        return np.array([np.count_nonzero(each) for each in inside], np.int64)


def field_grid(
    eligible: NDArray[np.bool_],
    spacing: Spacing,
    field_number: float = 22.0,
    least_fraction: float = 0.5,
) -> FieldGrid:
    """Prepare the choice of fields.

    Parameters
    ----------
    eligible
        ndarray of bool, shape (H, W): where cells are counted.
    spacing
        µm/px of the mask.
    field_number
        Field number of the eyepiece, mm.
    least_fraction
        Share of a whole field that must be eligible; judged on the grid.
    """
    radius = field_radius_um(field_number)
    px = [max(1, round(radius / _CELLS_PER_RADIUS / um)) for um in spacing.pair]
    step = (px[0] * spacing.row, px[1] * spacing.col)
    area = _block_sums(eligible, px[0], px[1]) * (spacing.row * spacing.col * 1e-6)
    kernel = _kernel(area.shape, radius, step)
    field = np.maximum(_convolved(area, kernel, radius, step), 0.0)
    # Rounding of the transform may put an exact half a hair below it.
    allowed = field >= least_fraction * hpf_area_mm2(field_number) * (1 - 1e-6)
    return FieldGrid(step, area, field, allowed & (field > 0), radius, kernel)


def _block_sums(mask: NDArray[np.bool_], rows: int, cols: int) -> NDArray[np.float64]:
    height, width = mask.shape
    sums = np.zeros((-(-height // rows), -(-width // cols)))
    if not mask.size:
        return sums
    for line in range(len(sums)):
        strip = np.count_nonzero(mask[line * rows : (line + 1) * rows], axis=0)
        sums[line] = np.add.reduceat(strip, np.arange(0, width, cols))
    return sums


def _disc(radius_um: float, step_um: tuple[float, float]) -> NDArray[np.float64]:
    """Share of each grid cell that a disc centred on the middle one covers."""
    fine = 16
    half = [math.ceil(radius_um / step) for step in step_um]
    axes = [
        ((np.arange((2 * n + 1) * fine) + 0.5) / fine - n - 0.5) * step
        for n, step in zip(half, step_um, strict=True)
    ]
    inside = np.hypot(axes[0][:, None], axes[1][None, :]) <= radius_um
    cells = inside.reshape(2 * half[0] + 1, fine, 2 * half[1] + 1, fine)
    covered: NDArray[np.float64] = cells.mean(axis=(1, 3))
    return covered


def _padded_shape(
    shape: tuple[int, ...], radius_um: float, step_um: tuple[float, float]
) -> tuple[int, int]:
    reach = [math.ceil(radius_um / step) for step in step_um]
    return (
        fft.next_fast_len(shape[0] + 2 * reach[0], real=True),
        fft.next_fast_len(shape[1] + 2 * reach[1], real=True),
    )


def _kernel(
    shape: tuple[int, ...], radius_um: float, step_um: tuple[float, float]
) -> NDArray[np.complex128]:
    kernel: NDArray[np.complex128] = fft.rfft2(
        _disc(radius_um, step_um), _padded_shape(shape, radius_um, step_um)
    )
    return kernel


def _convolved(
    plane: NDArray[np.float64],
    kernel: NDArray[np.complex128],
    radius_um: float,
    step_um: tuple[float, float],
) -> NDArray[np.float64]:
    full = _padded_shape(plane.shape, radius_um, step_um)
    spread = fft.irfft2(fft.rfft2(plane, full) * kernel, full)
    row, col = (math.ceil(radius_um / step) for step in step_um)
    summed: NDArray[np.float64] = spread[row : row + plane.shape[0], col : col + plane.shape[1]]
    return summed


def _clear(
    density: NDArray[np.float64],
    d_row: NDArray[np.float64],
    d_col: NDArray[np.float64],
    distance_um: float,
) -> None:
    """Take out every position nearer than the distance, in place."""
    rows = np.flatnonzero(np.abs(d_row) < distance_um)
    cols = np.flatnonzero(np.abs(d_col) < distance_um)
    part = density[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    part[np.hypot(d_row[rows][:, None], d_col[cols][None, :]) < distance_um] = -np.inf


def _within(offset_um: NDArray[np.float64], radius_um: float) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = offset_um[:, 0] ** 2 + offset_um[:, 1] ** 2 <= radius_um**2
    return near
