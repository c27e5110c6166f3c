"""Intraclass correlation: two-way random effects, absolute agreement, single measurement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtri

from histo.scoring.agreement.estimate import CONFIDENCE, Estimate, ratio
from histo.scoring.agreement.moments import Moments, checked, moments

__all__ = ["MeanSquares", "icc", "icc_of", "mean_squares"]


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of a two-way table without repeats; leading axes are resamples.

    Attributes
    ----------
    slides, tables, error : ndarray of float64, shape (...)
        Between slides (rows), between tables (columns), and what is left.
    n, k
        Numbers of slides and of tables.
    """

    slides: NDArray[np.float64]
    tables: NDArray[np.float64]
    error: NDArray[np.float64]
    n: NDArray[np.float64]
    k: int


def mean_squares(found: Moments) -> MeanSquares:
    """Return the mean squares of the table with these moments."""
    n, k = found.n, found.mean.shape[-1]
    between = n * found.covariance.sum(axis=(-2, -1)) / k
    within = n * np.trace(found.covariance, axis1=-2, axis2=-1) - between
    apart = n * ((found.mean - found.mean.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    error = np.maximum(within, 0)  # rounding may leave -1e-17 where tables agree
    return MeanSquares(
        ratio(between, n - 1), apart / (k - 1), ratio(error, (n - 1) * (k - 1)), n, k
    )


def icc_of(found: Moments) -> NDArray[np.float64]:
    """Return ICC(2,1) of each resample; NaN where all values are the same."""
    squares = mean_squares(found)
    slides, tables, error = squares.slides, squares.tables, squares.error
    n, k = squares.n, squares.k
    return ratio(slides - error, slides + (k - 1) * error + k * (tables - error) / n)


def icc(values: ArrayLike, *, confidence: float = CONFIDENCE) -> Estimate:
    r"""Return ICC(2,1), the share of all variance that is between slides, and its interval.

    .. math:: \frac{M_s - M_e}{M_s + (k - 1) M_e + k (M_t - M_e) / n}

    with mean squares between slides :math:`M_s`, between tables :math:`M_t` and of the error
    :math:`M_e`. Slides and tables are both taken as samples of many, so a constant difference
    between tables lowers it. The interval rests on F with Satterthwaite's degrees of freedom; it
    takes slides as independent and normally distributed.

    Parameters
    ----------
    values : array_like, shape (n, k)
        One row a slide, one column a table; n >= 3, k >= 2, finite.
    confidence
        Of the interval.

    Returns
    -------
    Estimate
        At most 1, may be negative; NaN if all values are the same. The interval is NaN if the
        tables agree exactly.

    References
    ----------
    Shrout & Fleiss 1979, doi:10.1037/0033-2909.86.2.420; McGraw & Wong 1996 (case 2A),
    doi:10.1037/1082-989X.1.1.30.

    Examples
    --------
    >>> slides = [9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]
    >>> round(icc(slides).value, 2)  # Shrout & Fleiss, tables 2 and 4
    0.29
    """
    table = checked(values)
    found = moments(table)
    value = float(icc_of(found))
    if np.isnan(value):
        return Estimate(value, note="all values are the same")
    if (table == table[:, :1]).all():
        return Estimate(1.0, note="the tables agree exactly, which leaves no error to judge by")
    low, high = _interval(mean_squares(found), value, confidence)
    return Estimate(value, low, high)


def _interval(squares: MeanSquares, value: float, confidence: float) -> tuple[float, float]:
    n, k = float(squares.n), squares.k
    slides, tables, error = float(squares.slides), float(squares.tables), float(squares.error)
    if slides == 0:  # no spread between slides: F is 0 whatever its degrees of freedom
        share_t, share_e = tables, error
    else:
        share_t = k * value / (n * (1 - value)) * tables
        share_e = (1 + k * value * (n - 1) / (n * (1 - value))) * error
    freedom = (share_t + share_e) ** 2 / (share_t**2 / (k - 1) + share_e**2 / ((n - 1) * (k - 1)))
    upper_tail = (1 + confidence) / 2
    f_low = float(fdtri(n - 1, freedom, upper_tail))
    f_high = float(fdtri(freedom, n - 1, upper_tail))
    rest = k * tables + (k * n - k - n) * error
    low = n * (slides - f_low * error) / (f_low * rest + n * slides)
    high = n * (f_high * slides - error) / (rest + n * f_high * slides)
    return low, high
