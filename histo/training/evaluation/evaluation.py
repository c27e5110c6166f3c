"""Every figure of a bundle on annotated rows, overall and by organ, site and patient."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from histo.nn.card import Metric
from histo.scoring.agreement import Estimate, PatientBootstrap, Scale
from histo.scoring.agreement.comparison import PairAgreement, agreement
from histo.scoring.agreement.estimate import ratio
from histo.scoring.agreement.resampling import bootstrap_estimate
from histo.scoring.macrophages.matching import MATCH_RADII_UM
from histo.training.evaluation.calibration import Reliability, calibration_error, reliability
from histo.training.evaluation.cells import f1_of
from histo.training.evaluation.counts import ComponentCounts, RowCounts, added, count_row
from histo.training.evaluation.judged import Judged
from histo.training.evaluation.levels import (
    average_precision,
    balanced_accuracy,
    confusion,
    dice,
    iou,
    roc_area,
)
from histo.vocabulary import Component

__all__ = ["FEWEST_TO_JUDGE", "Evaluation", "Group", "GroupedBy", "evaluate"]

FEWEST_TO_JUDGE = 3
"""Patients from which figures of areas have an interval.

On the logit scale, with Student's t, 91 to 94 % of such intervals hold the truth from 3 patients
on (``benchmarks/evaluation_intervals.py``); correlations need more.
"""

GroupedBy = Literal["all", "organ", "site", "patient"]

_Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Figures of one component over some of the rows.

    Attributes
    ----------
    by, name
        What the rows have in common: ("organ", "breast"), say; ("all", "") for all.
    component
        Of which component.
    rows, patients
        How many rows know the component, and of how many patients.
    known_mm2, present_mm2
        Area in which it is known, and on which it is present.
    figures
        Name to estimate: Dice, IoU, balanced accuracy, AUROC, average precision, calibration
        error, and where cells were annotated their F1 at each radius. Undefined ones are NaN.
    """

    by: GroupedBy
    name: str
    component: Component
    rows: int
    patients: int
    known_mm2: float
    present_mm2: float
    figures: Mapping[str, Estimate]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The counts of all rows, from which every figure follows.

    Attributes
    ----------
    rows
        Counts, in any order.
    thresholds
        Probability from which a component counts as present.
    seed
        Of the resamples; the same seed gives the same intervals.
    """

    rows: tuple[RowCounts, ...]
    thresholds: Mapping[Component, float]
    seed: int = 0

    @property
    def components(self) -> tuple[Component, ...]:
        """Components of which some row knows something, in the order of the vocabulary."""
        return tuple(c for c in Component if any(c in row.components for row in self.rows))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Figures of each component: all rows, then by organ, site and patient."""
        return tuple(
            self._group(component, by, name, rows)
            for component in self.components
            for by in get_args(GroupedBy)
            for name, rows in self._parted(component, by).items()
        )

    def overall(self, component: Component) -> Group:
        """Return the figures of a component over all rows."""
        return next(g for g in self.groups if g.by == "all" and g.component == component)

    def area_agreement(self, component: Component) -> PairAgreement | None:
        """Compare predicted with labelled area from row to row; None with fewer than 3 rows.

        Areas are shares of the area in which the component is known: areas in mm² would agree
        by the mere size of the rows. The first of the pair is the prediction.
        """
        rows = [row for row in self.rows if component in row.components]
        if len(rows) < 3:
            return None
        bootstrap = PatientBootstrap(np.array([row.patient for row in rows]), self.seed)
        shares = self.area_shares(component)
        return agreement(shares, Scale.RAW, bootstrap=bootstrap).pairs[0]

    def area_shares(self, component: Component) -> NDArray[np.float64]:
        """Return (predicted, labelled) share of the known area of each row: shape (rows, 2)."""
        counts = _stacked([row for row in self.rows if component in row.components], component)
        hit, wrong, missed, left = confusion(counts, self.thresholds[component])
        return ratio(
            np.stack([hit + wrong, hit + missed], axis=-1), (hit + wrong + missed + left)[:, None]
        )

    def reliability(self, component: Component) -> Reliability:
        """Return the reliability curve over all rows."""
        return reliability(added(self.rows, component).levels)

    def metrics(self, split: str) -> list[Metric]:
        """Return the defined figures over all rows, as a card lists them.

        Parameters
        ----------
        split
            What the rows were, in the card's words.
        """
        found = []
        for component in self.components:
            figures = dict(self.overall(component).figures)
            pair = self.area_agreement(component)
            if pair is not None:
                figures["ICC of the area's share between rows"] = pair.icc
            found += [
                _metric(name, component, split, estimate)
                for name, estimate in figures.items()
                if math.isfinite(estimate.value)
            ]
        return found

    def _parted(self, component: Component, by: GroupedBy) -> dict[str, list[RowCounts]]:
        """Rows that know the component by what they have in common; "" names nothing."""
        parts: dict[str, list[RowCounts]] = {}
        for row in self.rows:
            name = "" if by == "all" else getattr(row, by)
            if component in row.components and (name or by == "all"):
                parts.setdefault(name, []).append(row)
        return dict(sorted(parts.items()))

    def _group(
        self, component: Component, by: GroupedBy, name: str, rows: Sequence[RowCounts]
    ) -> Group:
        total = added(rows, component)
        known = [row.components[component].levels.sum() * row.pixel_mm2 for row in rows]
        present = [row.components[component].levels[1].sum() * row.pixel_mm2 for row in rows]
        bootstrap = PatientBootstrap(np.array([row.patient for row in rows]), self.seed)
        return Group(
            by,
            name,
            component,
            len(rows),
            bootstrap.count,
            float(sum(known)),
            float(sum(present)),
            self._figures(component, rows, total, bootstrap),
        )

    def _figures(
        self,
        component: Component,
        rows: Sequence[RowCounts],
        total: ComponentCounts,
        bootstrap: PatientBootstrap,
    ) -> dict[str, Estimate]:
        threshold = self.thresholds[component]
        of_levels: dict[str, Callable[[_Draws], _Draws]] = {
            "Dice": lambda counts: dice(counts, threshold),
            "IoU": lambda counts: iou(counts, threshold),
            "balanced accuracy": lambda counts: balanced_accuracy(counts, threshold),
            "AUROC": roc_area,
            "average precision": average_precision,
            "calibration error": calibration_error,
        }
        enough = bootstrap.count >= FEWEST_TO_JUDGE
        weights = bootstrap.weights() if enough else np.zeros((1, len(rows)))
        drawn = np.tensordot(weights, _stacked(rows, component), axes=1)
        whole = total.levels.astype(np.float64)
        figures = {
            name: _share(float(figure(whole)), figure(drawn), bootstrap.count)
            for name, figure in of_levels.items()
        }
        for place, radius in enumerate(MATCH_RADII_UM if total.cells else ()):
            cells = _stacked_cells(rows, component, place)
            f1 = f1_of(np.tensordot(weights, cells, axes=1))
            value = float(f1_of(cells.sum(axis=0)))
            figures[f"cell F1 within {radius:g} µm"] = _share(value, f1, bootstrap.count)
        return figures


def evaluate(
    judged: Sequence[Judged], thresholds: Mapping[Component, float], *, seed: int = 0
) -> Evaluation:
    """Evaluate maps against their labels.

    Parameters
    ----------
    judged
        Rows that taught nothing: neither weights nor thresholds.
    thresholds
        Probability from which a component counts, of every component.
    seed
        Of the resampled intervals.

    Returns
    -------
    Evaluation
        Rows may also be counted one at a time with `count_row`, where maps do not fit in memory.

    Examples
    --------
    >>> from histo.geometry import Spacing
    >>> truth = np.array([[[True, True, False, False]]])
    >>> found = np.array([[[0.9, 0.2, 0.1, 0.4]]])
    >>> row = Judged("row 2", "p1", "", "", Spacing(2, 2), (Component.TUMOUR,), found, truth,
    ...              np.ones_like(truth))
    >>> evaluate([row], {Component.TUMOUR: 0.5}).overall(Component.TUMOUR).figures["AUROC"].value
    0.75
    """
    return Evaluation(tuple(count_row(one, thresholds) for one in judged), dict(thresholds), seed)


def _stacked(rows: Sequence[RowCounts], component: Component) -> NDArray[np.int64]:
    return np.stack([row.components[component].levels for row in rows])


def _stacked_cells(
    rows: Sequence[RowCounts], component: Component, place: int
) -> NDArray[np.float64]:
    """Return matched, detected and true cells of each row: shape (rows, 3)."""
    cells = [row.components[component].cells for row in rows]
    return np.array(
        [[c[place].matched, c[place].detected, c[place].true] if c else [0, 0, 0] for c in cells],
        dtype=np.float64,
    )


def _share(value: float, draws: _Draws, patients: int) -> Estimate:
    """Return a share with an interval that stays in 0 to 1: symmetric on the logit scale."""
    found = bootstrap_estimate(
        2 * value - 1, 2 * draws - 1, patients, correlation=True, fewest=FEWEST_TO_JUDGE
    )
    return Estimate(value, (found.low + 1) / 2, (found.high + 1) / 2, found.note)


def _metric(name: str, component: Component, split: str, found: Estimate) -> Metric:
    low, high = (end if math.isfinite(end) else None for end in (found.low, found.high))
    return Metric(
        name=name, component=component, split=split, value=found.value, low=low, high=high
    )
