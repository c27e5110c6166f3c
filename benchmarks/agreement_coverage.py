"""How often the intervals of agreement hold the truth, in simulation.

Run ``python benchmarks/agreement_coverage.py`` (about a minute). Slides have a true value of
variance 1; each of two tables adds an error of sd 0.5. With several slides a patient, 64 % of
either variance lies between patients.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from histo.scoring.agreement import (
    Estimate,
    PatientBootstrap,
    Scale,
    agreement,
)

DRAWS = 500
ERROR_SD = 0.5
SHARED = 0.64
CASES = ((12, 1), (30, 1), (100, 1), (10, 3), (20, 3), (40, 3), (80, 3))
"""(patients, slides of each)."""


def readings(
    rng: np.random.Generator, patients: int, slides: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return values, shape (n, 2), and whose slide each is."""
    whose = np.repeat(np.arange(patients), slides)
    shared = SHARED if slides > 1 else 0.0

    def spread(columns: int) -> NDArray[np.float64]:
        between = rng.normal(size=(patients, columns))[whose]
        return np.sqrt(shared) * between + np.sqrt(1 - shared) * rng.normal(
            size=(whose.size, columns)
        )

    return spread(1) + ERROR_SD * spread(2), whose


def held(patients: int, slides: int, *, by_patient: bool) -> Iterator[tuple[bool, ...]]:
    """Yield for each draw whether the intervals of ICC, CCC, bias and limit hold the truth."""
    rng = np.random.default_rng(patients * 10 + slides)
    correlation = 1 / (1 + ERROR_SD**2)
    limit = 1.959964 * ERROR_SD * np.sqrt(2)
    for seed in range(DRAWS):
        values, whose = readings(rng, patients, slides)
        bootstrap = PatientBootstrap(whose, seed) if by_patient else None
        pair = agreement(values, Scale.RAW, bootstrap=bootstrap).pairs[0]
        found = pair.bland_altman
        yield (
            _holds(pair.icc, correlation),
            _holds(pair.ccc, correlation),
            _holds(found.bias, 0.0),
            _holds(found.upper, limit),
        )


def _holds(found: Estimate, truth: float) -> bool:
    return found.low <= truth <= found.high


def main() -> None:
    """Print the table."""
    print(f"share of {DRAWS} draws in which a 95 % interval holds the truth")
    print("patients  slides each  intervals        ICC    CCC   bias  limit")
    for patients, slides in CASES:
        for by_patient in (False, True) if slides > 1 else (False,):
            shares = np.mean(list(held(patients, slides, by_patient=by_patient)), axis=0)
            kind = "by patient" if by_patient else "independent"
            print(f"{patients:8d}  {slides:11d}  {kind:13s}", *(f"{s:6.3f}" for s in shares))


if __name__ == "__main__":
    main()
