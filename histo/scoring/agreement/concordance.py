"""Lin's concordance correlation: how close pairs lie to the line of identity."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from histo.scoring.agreement.estimate import CONFIDENCE, Estimate, ratio
from histo.scoring.agreement.moments import Moments, checked, moments

__all__ = ["ccc_of", "concordance"]


def ccc_of(found: Moments) -> NDArray[np.float64]:
    """Return the concordance of each resample of two columns; NaN where nothing varies."""
    square, apart = found.covariance, found.mean[..., 0] - found.mean[..., 1]
    return ratio(2 * square[..., 0, 1], square[..., 0, 0] + square[..., 1, 1] + apart**2)


def concordance(first: ArrayLike, second: ArrayLike, *, confidence: float = CONFIDENCE) -> Estimate:
    r"""Return Lin's concordance correlation coefficient and its interval.

    .. math:: \rho_c = \frac{2 s_{12}}{s_1^2 + s_2^2 + (\bar x_1 - \bar x_2)^2}

    with moments divided by n. The interval is symmetric after Fisher's z-transform, with the
    variance as corrected in 2000.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        What two tables say of the same slides; n >= 3, finite.
    confidence
        Of the interval.

    Returns
    -------
    Estimate
        -1 to 1; NaN if all values are the same. The interval is NaN if the tables agree exactly
        or one of them has one value on every slide.

    References
    ----------
    Lin 1989, doi:10.2307/2532051; correction 2000, Biometrics 56:324.

    Examples
    --------
    >>> concordance([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]).value
    0.8
    """
    table = checked(np.column_stack([np.asarray(first, float), np.asarray(second, float)]))
    found = moments(table)
    value = float(ccc_of(found))
    if np.isnan(value):
        return Estimate(value, note="all values are the same")
    if value <= -1:
        return Estimate(value, note="the tables are exact opposites")
    if value >= 1 or (table[:, 0] == table[:, 1]).all():
        return Estimate(value, note="the tables agree exactly, which leaves no error to judge by")
    (var_1, cov), (_, var_2) = found.covariance
    if var_1 == 0 or var_2 == 0:
        return Estimate(value, note="one table has the same value on every slide")
    pearson_sq = min(cov**2 / (var_1 * var_2), 1.0)
    shift_sq = (found.mean[0] - found.mean[1]) ** 2 / np.sqrt(var_1 * var_2)
    accuracy = 2 / (np.sqrt(var_1 / var_2) + np.sqrt(var_2 / var_1) + shift_sq)
    variance = (
        (1 - pearson_sq) * accuracy**2 * (1 - value**2)
        + 2 * value**2 * accuracy * (1 - value) * shift_sq
        - 0.5 * value**2 * accuracy**2 * shift_sq**2
    ) / (float(found.n) - 2)
    reach = ndtri((1 + confidence) / 2) * np.sqrt(max(variance, 0.0)) / (1 - value**2)
    low, high = np.tanh(np.arctanh(value) + np.array([-reach, reach]))
    return Estimate(value, float(low), float(high))
