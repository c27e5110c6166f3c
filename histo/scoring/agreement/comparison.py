"""Every figure of agreement for one score in several tables, and the baseline among readers."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from histo.scoring.agreement.concordance import ccc_of, concordance
from histo.scoring.agreement.estimate import Estimate
from histo.scoring.agreement.intraclass import icc, icc_of
from histo.scoring.agreement.kappa import weighted_kappa
from histo.scoring.agreement.limits import BlandAltman, bland_altman, limits_of, reported
from histo.scoring.agreement.moments import Moments, moments
from histo.scoring.agreement.resampling import PatientBootstrap, bootstrap_estimate
from histo.scoring.agreement.scale import Scale, forward, usable

__all__ = ["Agreement", "Baseline", "PairAgreement", "agreement", "baseline"]


@dataclass(frozen=True)
class PairAgreement:
    """How well two tables agree on one score.

    Attributes
    ----------
    first, second
        Columns of the two tables.
    icc, ccc
        ICC(2,1) and Lin's concordance, both on the scale.
    bland_altman
        Bias and limits of the first over the second.
    kappa
        Quadratic-weighted kappa; None unless the score is a grade.
    """

    first: int
    second: int
    icc: Estimate
    ccc: Estimate
    bland_altman: BlandAltman
    kappa: Estimate | None = None


@dataclass(frozen=True)
class Baseline:
    """The first table against the others, beside the others among themselves.

    Attributes
    ----------
    first_against_others, among_others
        Mean of the ICC(2,1) of pairs with the first table, and of pairs without it.
    difference
        The former minus the latter: 0 is a first table that agrees with the others as well as they
        agree with each other.
    """

    first_against_others: Estimate
    among_others: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Agreement:
    """Agreement of several tables on one score.

    Attributes
    ----------
    scale
        On which they were compared.
    used : ndarray of bool, shape (n,)
        Which slides every figure rests on; the others lack a value that can stand on the scale.
    patients
        Number of patients; None if they were not told.
    pairs
        Pairs with the first table, then pairs without it.
    baseline
        None with fewer than three tables.
    """

    scale: Scale
    used: NDArray[np.bool_]
    patients: int | None
    pairs: tuple[PairAgreement, ...]
    baseline: Baseline | None

    @property
    def n(self) -> int:
        """Number of slides every figure rests on."""
        return int(self.used.sum())


def agreement(
    values: NDArray[np.float64],
    scale: Scale,
    *,
    ordinal: bool = False,
    bootstrap: PatientBootstrap | None = None,
    seed: int = 0,
) -> Agreement:
    """Compare the first table with each other, and the others among themselves.

    Parameters
    ----------
    values : ndarray of float64, shape (n, k)
        One row a slide, one column a table; NaN where a table has no value. A slide that lacks a
        value in any table, or has one that cannot stand on the scale, is left out of all pairs.
    scale
        On which ICC, concordance, bias and limits are computed.
    ordinal
        Whether the values are grades, so that a kappa is due.
    bootstrap
        Whose slide each is; intervals then come from resampling patients. None takes the slides
        as independent.
    seed
        For the interval of the baseline if patients are not told.

    Raises
    ------
    ValueError
        If fewer than three slides are left, or a grade is no whole number.
    """
    used = usable(values, scale)
    table = values[used]
    if len(table) < 3:
        raise ValueError(f"agreement needs 3 slides, {len(table)} have values in every table")
    bootstrap = bootstrap.of_rows(used) if bootstrap else None
    pairs = [
        _pair(table, couple, scale, ordinal) for couple in combinations(range(table.shape[1]), 2)
    ]
    on_scale = forward(table, scale)
    if bootstrap:
        draws = moments(on_scale, bootstrap.weights())
        graded = moments(table, bootstrap.weights()) if ordinal else None
        pairs = [_resampled(pair, draws, graded, bootstrap.count) for pair in pairs]
    compared = None
    if table.shape[1] > 2:
        every_slide = PatientBootstrap(np.arange(len(table)), seed)
        compared = baseline(on_scale, bootstrap or every_slide)
    return Agreement(scale, used, bootstrap.count if bootstrap else None, tuple(pairs), compared)


def _pair(
    table: NDArray[np.float64], couple: tuple[int, int], scale: Scale, ordinal: bool
) -> PairAgreement:
    first, second = table[:, couple[0]], table[:, couple[1]]
    on_scale = forward(table[:, couple], scale)
    return PairAgreement(
        *couple,
        icc(on_scale),
        concordance(on_scale[:, 0], on_scale[:, 1]),
        bland_altman(first, second, scale),
        weighted_kappa(first, second) if ordinal else None,
    )


def _resampled(
    pair: PairAgreement, draws: Moments, graded: Moments | None, patients: int
) -> PairAgreement:
    """Return the pair with its intervals taken from resamples of patients."""
    couple = draws.columns(pair.first, pair.second)
    found, scale = pair.bland_altman, pair.bland_altman.scale

    def correlated(estimate: Estimate, draw: NDArray[np.float64]) -> Estimate:
        again = bootstrap_estimate(estimate.value, draw, patients, correlation=True)
        return replace(again, note=estimate.note or again.note)

    def apart(estimate: Estimate, draw: NDArray[np.float64]) -> Estimate:
        value = math.log(estimate.value) if scale is Scale.LOG else estimate.value
        return reported(bootstrap_estimate(value, draw, patients, correlation=False), scale)

    bias, lower, upper = limits_of(couple)
    kappa = pair.kappa
    if kappa is not None and graded is not None:
        # Quadratic-weighted kappa is Lin's concordance of the grades.
        kappa = correlated(kappa, ccc_of(graded.columns(pair.first, pair.second)))
    return replace(
        pair,
        icc=correlated(pair.icc, icc_of(couple)),
        ccc=correlated(pair.ccc, ccc_of(couple)),
        bland_altman=replace(
            found,
            bias=apart(found.bias, bias),
            lower=apart(found.lower, lower),
            upper=apart(found.upper, upper),
        ),
        kappa=kappa,
    )


def baseline(on_scale: NDArray[np.float64], bootstrap: PatientBootstrap) -> Baseline:
    """Return how the first table agrees with the others, beside how they agree among themselves.

    Parameters
    ----------
    on_scale : ndarray of float64, shape (n, k)
        Values on the scale of comparison, k >= 3, finite.
    bootstrap
        The patients, or each slide as its own.
    """
    tables = on_scale.shape[1]
    with_first = [(0, other) for other in range(1, tables)]
    without = list(combinations(range(1, tables), 2))
    means: tuple[Callable[[Moments], NDArray[np.float64]], ...] = (
        lambda found: _mean_icc(found, with_first),
        lambda found: _mean_icc(found, without),
        lambda found: _mean_icc(found, with_first) - _mean_icc(found, without),
    )
    whole, draws = moments(on_scale), moments(on_scale, bootstrap.weights())
    first, others, difference = (
        bootstrap_estimate(float(mean(whole)), mean(draws), bootstrap.count, correlation=number < 2)
        for number, mean in enumerate(means)
    )
    return Baseline(first, others, difference)


def _mean_icc(found: Moments, couples: list[tuple[int, int]]) -> NDArray[np.float64]:
    every = np.stack([icc_of(found.columns(*couple)) for couple in couples])
    mean: NDArray[np.float64] = every.mean(axis=0)
    return mean
