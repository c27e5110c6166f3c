"""How often the patient bootstrap's interval of Dice holds the truth, in simulation.

Run ``python benchmarks/evaluation_intervals.py`` (about a minute). Patients differ in the share of
the area they are annotated on (log-normal, sd 0.7), in how much of it holds the component (10 to
60 %), in sensitivity (mean 0.8, sd 0.15) and in false positives (mean a ninth of the rest). The
truth is the Dice of 100,000 of them, pooled.
"""

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.training.evaluation import Evaluation, RowCounts
from histo.training.evaluation.counts import ComponentCounts
from histo.training.evaluation.levels import dice
from histo.vocabulary import Component

STUDIES = 300
PATIENTS = (3, 4, 5, 7, 10, 15, 30)
CUT = {Component.TUMOUR: 0.5}


def studied(rng: np.random.Generator, patients: int) -> NDArray[np.float64]:
    """Return counts of pixels by truth and level of each patient, shape (n, 2, 256)."""
    found = np.clip(rng.normal(0.8, 0.15, patients), 0, 1)
    area = 1e5 * rng.lognormal(0, 0.7, patients)
    present = area * rng.uniform(0.1, 0.6, patients)
    wrong = rng.beta(1, 8, patients) * (area - present)
    counts = np.zeros((patients, 2, 256))
    counts[:, 1, 255], counts[:, 1, 0] = present * found, present * (1 - found)
    counts[:, 0, 255], counts[:, 0, 0] = wrong, area - present - wrong
    return np.rint(counts)


def holds(counts: NDArray[np.float64], truth: float) -> bool:
    """Return whether the interval of a study holds the truth."""
    rows = tuple(
        RowCounts(
            f"row {number}",
            f"p{number}",
            "",
            "",
            Spacing(2, 2).area_mm2(1),
            {Component.TUMOUR: ComponentCounts(levels.astype(np.int64))},
        )
        for number, levels in enumerate(counts)
    )
    found = Evaluation(rows, CUT).overall(Component.TUMOUR).figures["Dice"]
    return bool(found.low <= truth <= found.high)


def main() -> None:
    """Print a line for each number of patients."""
    rng = np.random.default_rng(1)
    truth = float(dice(studied(rng, 100_000).sum(axis=0), 0.5))
    print(f"true Dice {truth:.3f}, {STUDIES} studies each")
    for patients in PATIENTS:
        held = sum(holds(studied(rng, patients), truth) for _ in range(STUDIES))
        print(f"{patients:>3} patients: {held / STUDIES:.1%} of intervals hold it")


if __name__ == "__main__":
    main()
