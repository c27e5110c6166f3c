"""The patient bootstrap: slides of one patient are alike, so patients are drawn, not slides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from histo.scoring.agreement.estimate import CONFIDENCE, Estimate

__all__ = ["FEWEST_PATIENTS", "PatientBootstrap", "bootstrap_estimate"]

FEWEST_PATIENTS = 10
"""With fewer patients the bootstrap's intervals are far too narrow; none is given."""


@dataclass(frozen=True)
class PatientBootstrap:
    """Resamples of patients, each drawn with all its slides.

    Attributes
    ----------
    patients : ndarray, shape (n,)
        Whose slide each row is: anything that can be sorted.
    seed
        The same seed gives the same intervals.
    resamples
        How many.
    """

    patients: NDArray[np.generic]
    seed: int = 0
    resamples: int = 2000

    def weights(self) -> NDArray[np.float64]:
        """Return how often each slide stands in each resample, shape (resamples, n)."""
        known, place = np.unique(self.patients, return_inverse=True)
        drawn = np.random.default_rng(self.seed).multinomial(
            known.size, np.full(known.size, 1 / known.size), size=self.resamples
        )
        return drawn[:, place].astype(np.float64)

    @property
    def count(self) -> int:
        """Number of patients."""
        return int(np.unique(self.patients).size)

    def of_rows(self, chosen: NDArray[np.bool_]) -> "PatientBootstrap":
        """Return the same for some of the slides."""
        return PatientBootstrap(self.patients[chosen], self.seed, self.resamples)


def bootstrap_estimate(
    value: float,
    draws: NDArray[np.float64],
    patients: int,
    *,
    correlation: bool,
    confidence: float = CONFIDENCE,
    fewest: int = FEWEST_PATIENTS,
) -> Estimate:
    """Return the value with the interval its resamples give.

    The interval is value +- t times the standard deviation of the draws, with Student's t of
    patients - 1 degrees of freedom: percentiles of the draws covered less in simulation.

    Parameters
    ----------
    value
        The estimate from the slides as they are.
    draws : ndarray of float64, shape (resamples,)
        The same from each resample.
    patients
        Number of patients drawn from.
    correlation
        Whether it lies in -1 to 1: then Fisher's z is used, and the interval is not symmetric.
    confidence
        Of the interval.
    fewest
        Patients below which there is no interval.

    Returns
    -------
    Estimate
        The interval is NaN with fewer patients than that, if over 5 % of the draws are undefined,
        or for a correlation of exactly 1.
    """
    if patients < fewest:
        note = f"an interval needs {fewest} patients, there are {patients}"
        return Estimate(value, note=note)
    if correlation and not abs(value) < 1:
        return Estimate(value, note="no interval around exact or undefined agreement")
    defined = draws[np.abs(draws) < 1] if correlation else draws[np.isfinite(draws)]
    if defined.size < 0.95 * draws.size:
        return Estimate(value, note="too many resamples have no spread")
    reach = float(stdtrit(patients - 1, (1 + confidence) / 2))
    if not correlation:
        reach *= float(defined.std(ddof=1))
        return Estimate(value, value - reach, value + reach)
    reach *= float(np.arctanh(defined).std(ddof=1))
    low, high = np.tanh(np.arctanh(value) + np.array([-reach, reach]))
    return Estimate(value, float(low), float(high))
