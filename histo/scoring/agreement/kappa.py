"""Quadratic-weighted kappa for grades."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from histo.scoring.agreement.estimate import CONFIDENCE, Estimate

__all__ = ["weighted_kappa"]


def weighted_kappa(
    first: ArrayLike, second: ArrayLike, *, confidence: float = CONFIDENCE
) -> Estimate:
    """Return Cohen's kappa with quadratic weights, and its interval.

    With quadratic weights the grades no table used change nothing. The value equals Lin's
    concordance of the grades; the standard error is that of Fleiss, Cohen and Everitt.

    Parameters
    ----------
    first, second : array_like of whole numbers, shape (n,)
        Grades two tables give to the same slides; n >= 3.
    confidence
        Of the interval, which is cut at -1 and 1.

    Returns
    -------
    Estimate
        -1 to 1; NaN if both tables give one and the same grade to every slide.

    Raises
    ------
    ValueError
        If the lengths differ, a grade is no whole number, or there are fewer than 3.

    References
    ----------
    Cohen 1968, doi:10.1037/h0026256; Fleiss, Cohen & Everitt 1969, doi:10.1037/h0028106.

    Examples
    --------
    >>> round(weighted_kappa([0, 1, 2, 2], [0, 1, 1, 2]).value, 4)
    0.8
    """
    counts, grades = _table(np.asarray(first, float), np.asarray(second, float))
    n = counts.sum()
    share = counts / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    span = grades[-1] - grades[0]
    if span == 0:
        return Estimate(np.nan, note="every grade is the same")
    weight = 1 - ((grades[:, None] - grades[None, :]) / span) ** 2
    observed = float((share * weight).sum())
    expected = float(rows @ weight @ columns)
    value = (observed - expected) / (1 - expected)
    if observed == 1:
        return Estimate(value, note="the tables agree exactly, which leaves no error to judge by")
    mean_weight = (weight @ columns)[:, None] + (rows @ weight)[None, :]
    spread = (share * (weight - mean_weight * (1 - value)) ** 2).sum()
    variance = (spread - (value - expected * (1 - value)) ** 2) / (n * (1 - expected) ** 2)
    reach = float(ndtri((1 + confidence) / 2) * np.sqrt(max(variance, 0.0)))
    return Estimate(value, max(value - reach, -1.0), min(value + reach, 1.0))


def _table(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each pair of grades stands, and the grades in order."""
    if first.shape != second.shape or first.ndim != 1 or first.size < 3:
        raise ValueError(f"expected two rows of >= 3 grades, found {first.shape}, {second.shape}")
    both = np.concatenate([first, second])
    if not (np.isfinite(both).all() and (both == np.round(both)).all()):
        raise ValueError("a grade is no whole number")
    grades, place = np.unique(both, return_inverse=True)
    counts = np.zeros((grades.size, grades.size))
    np.add.at(counts, (place[: first.size], place[first.size :]), 1)
    return counts, grades
