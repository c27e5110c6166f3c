"""Poisson: exact intervals, and the best of many counts."""

import math

import numpy as np
import pytest
from scipy.stats import chi2, poisson

from histo.scoring.macrophages.poisson import density_interval, expected_top_ratio, poisson_interval


@pytest.mark.parametrize(
    ("count", "low", "high", "digits"),
    [(0, 0, 3.69, 2), (5, 1.62, 11.67, 2), (10, 4.80, 18.39, 2), (50, 37.1, 65.9, 1)],
)
def test_the_tabulated_intervals(count: int, low: float, high: float, digits: int) -> None:
    found = poisson_interval(count)
    assert (round(found[0], digits), round(found[1], digits)) == (low, high)


@pytest.mark.parametrize("count", [1, 7, 1000, 200_000])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_ends_are_chi_squared_quantiles(count: int, confidence: float) -> None:
    tail = (1 - confidence) / 2
    low, high = poisson_interval(count, confidence)
    assert low == pytest.approx(chi2.ppf(tail, 2 * count) / 2)
    assert high == pytest.approx(chi2.isf(tail, 2 * count + 2) / 2)
    assert poisson.sf(count - 1, low) == pytest.approx(tail)
    assert poisson.cdf(count, high) == pytest.approx(tail)


def test_a_density_is_the_count_over_the_area() -> None:
    assert density_interval(5, 2.0) == tuple(end / 2 for end in poisson_interval(5))
    assert all(math.isnan(end) for end in density_interval(0, 0.0))


@pytest.mark.parametrize(("count", "confidence"), [(-1, 0.95), (3, 0.0), (3, 1.0)])
def test_a_wrong_argument_is_named(count: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="found"):
        poisson_interval(count, confidence)


def test_the_best_of_fixed_fields_agrees_with_a_simulation() -> None:
    counts = np.random.default_rng(0).poisson(23.76, (2000, 420))
    simulated = np.sort(counts, axis=1)[:, -5:].mean() / 23.76
    expected = expected_top_ratio(100.0, 100.0, 5, 0.2376)
    assert expected == pytest.approx(1.57, abs=0.01)
    assert expected == pytest.approx(simulated, rel=0.003)


def test_the_best_of_one_field_is_the_mean() -> None:
    assert expected_top_ratio(50.0, 1.0, 1, 1.0) == pytest.approx(1.0)
    assert math.isnan(expected_top_ratio(50.0, 1.0, 2, 1.0))
    assert math.isnan(expected_top_ratio(0.0, 10.0, 2, 1.0))
