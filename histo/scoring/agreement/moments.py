"""Means and covariances of tables side by side, of one sample or of many weighted ones.

Every figure of agreement here is a function of these moments, so a bootstrap of thousands of
resamples is one matrix product instead of a loop.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Moments", "checked", "moments"]


@dataclass(frozen=True)
class Moments:
    """Moments of k columns; leading axes, if any, are resamples.

    Attributes
    ----------
    n : ndarray of float64, shape (...)
        Number of rows (slides), repeats counted.
    mean : ndarray of float64, shape (..., k)
        Mean of each column.
    covariance : ndarray of float64, shape (..., k, k)
        Sums of products about the means divided by n (not n - 1).
    """

    n: NDArray[np.float64]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def columns(self, *chosen: int) -> "Moments":
        """Return the moments of these columns only."""
        index = np.array(chosen)
        square = self.covariance[..., index[:, None], index[None, :]]
        return Moments(self.n, self.mean[..., index], square)


def checked(values: ArrayLike) -> NDArray[np.float64]:
    """Return the values as float64, shape (n, k).

    Raises
    ------
    ValueError
        If there are fewer than 3 rows or 2 columns, or a value is not finite.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 3 or table.shape[1] < 2:
        raise ValueError(f"expected at least 3 slides x 2 tables, found shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("a value is not finite; leave such slides out first")
    return table


def moments(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> Moments:
    """Return the moments of a table, or of resamples of it.

    Parameters
    ----------
    values : ndarray of float64, shape (n, k)
        One row a slide, one column a table.
    weights : ndarray of float64, shape (resamples, n)
        How often each row stands in each resample; None is every row once.
    """
    count, k = values.shape
    origin = values[0]  # a constant column becomes exactly 0, and its variance too
    shifted = values - origin
    products = (shifted[:, :, None] * shifted[:, None, :]).reshape(count, k * k)
    weights = np.ones((1, count)) if weights is None else weights
    n = weights.sum(axis=1)
    mean = weights @ shifted / n[:, None]
    square = (weights @ products / n[:, None]).reshape(-1, k, k)
    covariance = square - mean[:, :, None] * mean[:, None, :]
    found = Moments(n, mean + origin, covariance)
    return found if len(n) > 1 else Moments(n[0], found.mean[0], covariance[0])
