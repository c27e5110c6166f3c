"""Randomness as a function of place, so that any part of a slide can be drawn by itself.

Two sources: a hash of lattice indices (cells), and smooth periodic noise read from a small table
(fields). Only additions, multiplications and look-ups are done per point: these are rounded alike
by every processor and for every array length, so a point has the same value whichever box asks.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["NoiseTable", "hash_uniform", "interpolate_table"]

SAMPLES_PER_CELL = 8
CELLS = 64
SIDE = SAMPLES_PER_CELL * CELLS
PADDED = SIDE + 1

Float32 = NDArray[np.float32]


def hash_uniform(seed: int, draw: int, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Float32:
    """Return a number in [0, 1) for each lattice point, the same whenever it is asked for.

    Parameters
    ----------
    seed, draw
        Which phantom, and which of the point's independent draws.
    rows, cols
        Lattice indices, any sign, broadcast against each other.

    Notes
    -----
    Chained 32-bit finaliser "lowbias32" by C. Wellons (public domain).
    """
    state = np.full(np.broadcast_shapes(rows.shape, cols.shape), seed & 0xFFFFFFFF, np.uint32)
    for word in (np.asarray(draw), rows, cols):
        state = _mix(state ^ np.asarray(word & 0xFFFFFFFF).astype(np.uint32))
    return (state >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def _mix(word: NDArray[np.uint32]) -> NDArray[np.uint32]:
    word = (word + np.uint32(0x9E3779B9)).astype(np.uint32)
    word ^= word >> np.uint32(16)
    word *= np.uint32(0x7FEB352D)
    word ^= word >> np.uint32(15)
    word *= np.uint32(0x846CA68B)
    return word ^ (word >> np.uint32(16))


class NoiseTable:
    """Smooth noise with mean 0 and variance 1 over the plane, from one periodic table.

    Features are about 1.5 lattice cells across; the pattern repeats after 64 cells.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        lattice = generator.standard_normal((CELLS, CELLS))
        smooth = _spline_upsample(_spline_upsample(lattice).T).T
        smooth -= smooth.mean()
        smooth /= smooth.std()
        # Rounded, so that a last-bit difference between processors cannot reach a pixel.
        self.values: Float32 = np.round(smooth, 5).astype(np.float32)
        self._padded = np.pad(self.values, (0, 1), mode="wrap").ravel()

    def sample(
        self,
        rows_um: Float32,
        cols_um: Float32,
        cell_um: tuple[float, float],
        origin: tuple[int, int] = (0, 0),
    ) -> Float32:
        """Return the noise at points, linear between table entries.

        Parameters
        ----------
        rows_um, cols_um
            Coordinates, of one shape or broadcast against each other.
        cell_um
            Size (row, col) of a lattice cell.
        origin
            Cell (row, col) of the table that lies at 0, to get unlike patterns from one table.
        """
        row, row_part = _split(rows_um, cell_um[0], origin[0])
        col, col_part = _split(cols_um, cell_um[1], origin[1])
        first = row * np.int32(PADDED) + col
        left = self._padded.take(first)
        left += (self._padded.take(first + PADDED) - left) * row_part
        first += 1
        right = self._padded.take(first)
        right += (self._padded.take(first + PADDED) - right) * row_part
        right -= left
        right *= col_part
        right += left
        return right

    def sample_nearest(
        self, rows_um: Float32, cols_um: Float32, cell_um: tuple[float, float]
    ) -> Float32:
        """Return the nearest table entries: cheaper than :meth:`sample`, for fine texture."""
        row = (rows_um * np.float32(SAMPLES_PER_CELL / cell_um[0])).astype(np.int32) & (SIDE - 1)
        col = (cols_um * np.float32(SAMPLES_PER_CELL / cell_um[1])).astype(np.int32) & (SIDE - 1)
        return self._padded.take(row * np.int32(PADDED) + col)


def _split(um: Float32, cell_um: float, origin: int) -> tuple[NDArray[np.int32], Float32]:
    """Whole (wrapped) and fractional table entry of each coordinate."""
    entry = um * np.float32(SAMPLES_PER_CELL / cell_um)
    entry += np.float32(SAMPLES_PER_CELL * origin)
    whole = np.floor(entry)
    entry -= whole
    return whole.astype(np.int32) & np.int32(SIDE - 1), entry


def _spline_upsample(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic B-spline through a periodic lattice, along the rows' axis."""
    phases = []
    for phase in range(SAMPLES_PER_CELL):
        t = phase / SAMPLES_PER_CELL
        weights = (
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        )
        shifted = (w * np.roll(lattice, 1 - k, axis=0) for k, w in enumerate(weights))
        phases.append(sum(shifted))
    return np.stack(phases, axis=1).reshape(-1, lattice.shape[1])


def interpolate_table(table: Float32, position: Float32) -> Float32:
    """Read a periodic one-dimensional table at fractional positions (in entries)."""
    whole = np.floor(position)
    part = position - whole
    index = whole.astype(np.int64) % len(table)
    here = table.take(index)
    return here + (table.take((index + 1) % len(table)) - here) * part
