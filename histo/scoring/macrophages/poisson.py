"""What chance does to counts: the interval of a Poisson mean, and the best of many counts."""

import math

import numpy as np
from scipy.special import bdtrc, gammaincinv, pdtrc

__all__ = ["density_interval", "expected_top_ratio", "poisson_interval"]


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact central interval of the mean of a Poisson variable that was observed once.

    With a = (1 - confidence) / 2 the ends are ½ χ²(a; 2k) and ½ χ²(1 - a; 2k + 2) (Garwood 1936,
    10.1093/biomet/28.3-4.437); a χ² quantile of 2k degrees is twice a gamma quantile of shape k.
    It holds for cells placed independently: clustered cells vary more than it says.

    Parameters
    ----------
    count
        k, 0 or more.
    confidence
        Share of repeats that the interval covers, at least; in (0, 1).

    Returns
    -------
    low, high : float
        low is 0 where nothing was counted; high is not.

    Raises
    ------
    ValueError
        If the count is negative or the confidence is not in (0, 1).

    Examples
    --------
    >>> low, high = poisson_interval(5)
    >>> round(low, 2), round(high, 2)
    (1.62, 11.67)
    """
    if count < 0:
        raise ValueError(f"a count is 0 or more, found {count}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence is between 0 and 1, found {confidence}")
    tail = (1 - confidence) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - tail))


def density_interval(count: int, area_mm2: float, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a density: that of the count, divided by the area.

    Parameters
    ----------
    count
        Profiles counted in the area.
    area_mm2
        Area they were counted in; its own error is taken as nothing.
    confidence
        As in :func:`poisson_interval`.

    Returns
    -------
    low, high : float
        Per mm²; both NaN where there is no area.

    Examples
    --------
    >>> low, high = density_interval(10, 2.0)
    >>> round(low, 1), round(high, 1)
    (2.4, 9.2)
    """
    if not area_mm2 > 0:
        return float("nan"), float("nan")
    low, high = poisson_interval(count, confidence)
    return low / area_mm2, high / area_mm2


def expected_top_ratio(per_mm2: float, area_mm2: float, k: int, hpf_mm2: float) -> float:
    """Mean of the top k of fixed fields, over the mean of all, for a Poisson process.

    The fields here tile the area and are not placed freely, so their counts are independent:
    the j-th largest of n exceeds x with P(Binomial(n, P(N > x)) >= j), and a mean is the sum of
    that over x. Fields placed freely, as in :mod:`histo.scoring.macrophages.hotspots`, find more:
    1.84 instead of 1.56 in the example.

    Parameters
    ----------
    per_mm2, area_mm2
        Density of the process and the area it covers.
    k
        Number of fields.
    hpf_mm2
        Area of a field.

    Returns
    -------
    float
        1 or more; NaN if fewer than k whole fields fit or there are no cells.

    Examples
    --------
    >>> round(expected_top_ratio(100.0, 100.0, 5, 0.2376), 2)
    1.56
    """
    fields = int(area_mm2 / hpf_mm2)
    mean = per_mm2 * hpf_mm2
    if fields < k or not mean > 0:
        return float("nan")
    x = np.arange(int(mean + 40 * math.sqrt(mean) + 40))
    above = pdtrc(x, mean)
    tops = sum(float(np.sum(bdtrc(j - 1, fields, above))) for j in range(1, k + 1))
    return tops / k / mean
