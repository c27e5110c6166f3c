"""``evaluation.json``, ``evaluation.md`` and their pictures: no slide, patient or file is named."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from histo import __version__
from histo.outputs.case_pictures import Case, write_cases
from histo.scoring.agreement import CONFIDENCE, Estimate
from histo.scoring.agreement.comparison import PairAgreement
from histo.training.evaluation.counts import RowCounts
from histo.training.evaluation.evaluation import FEWEST_TO_JUDGE, Evaluation, Group
from histo.vocabulary import RESEARCH_USE, Component

__all__ = ["EvaluationReport", "evaluation_document", "group_name", "write_evaluation"]


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """All there is to write about a bundle on a manifest.

    Attributes
    ----------
    bundle
        Its name, version, SHA-256 and licence.
    manifest_sha256
        Digest of the manifest.
    split
        Which of its rows.
    evaluation
        The counts, and the figures that follow from them. Rows are called by their number.
    threshold_from
        Split the thresholds were chosen on; None for the card's.
    temperatures
        Of each component, fitted on that split; None without one.
    cases
        Rows to be looked at.
    warnings
        What was left out.
    """

    bundle: Mapping[str, str]
    manifest_sha256: str
    split: str
    evaluation: Evaluation
    threshold_from: str | None = None
    temperatures: Mapping[Component, float] | None = None
    cases: Sequence[Case] = field(default=())
    warnings: Sequence[str] = ()

    @property
    def patients(self) -> dict[str, str]:
        """What patients are called in reports, in the order of the rows."""
        known = dict.fromkeys(row.patient for row in self.evaluation.rows)
        return {patient: f"patient {number}" for number, patient in enumerate(known, 1)}

    @property
    def measured_on(self) -> str:
        """Say on how many rows of how many patients."""
        rows, patients = len(self.evaluation.rows), len(self.patients)
        return (
            f"{rows} row{'s' * (rows > 1)} of split {self.split}, "
            f"{patients} patient{'s' * (patients > 1)}"
        )

    @property
    def intervals(self) -> str:
        """Say in a sentence where intervals come from, or why there are none."""
        count = len(self.patients)
        if count < FEWEST_TO_JUDGE:
            return f"No intervals: they need {FEWEST_TO_JUDGE} patients, and there are {count}."
        return f"{CONFIDENCE:.0%} intervals by resampling the {count} patients."


def write_evaluation(folder: Path, report: EvaluationReport) -> list[Path]:
    """Write every file into an existing folder; wrap it in ``result_folder``.

    Returns
    -------
    list of Path
        ``evaluation.json``, ``evaluation.md``, ``reliability.png``, and ``cases.png`` if there
        are cases.
    """
    from histo.outputs.evaluation_page import evaluation_page
    from histo.outputs.reliability_figure import write_reliability  # takes matplotlib

    document, page = folder / "evaluation.json", folder / "evaluation.md"
    text = json.dumps(evaluation_document(report), indent=2, ensure_ascii=False, allow_nan=False)
    document.write_text(text + "\n", encoding="utf-8", newline="\n")
    page.write_text(evaluation_page(report), encoding="utf-8", newline="\n")
    written = [document, page, folder / "reliability.png"]
    write_reliability(written[-1], report.evaluation)
    if report.cases:
        written.append(folder / "cases.png")
        write_cases(written[-1], report.cases, dict(report.evaluation.thresholds))
    return written


def group_name(group: Group, report: EvaluationReport) -> str:
    """Return what a group is called: organs and sites by name, patients by number."""
    return report.patients[group.name] if group.by == "patient" else group.name


def evaluation_document(report: EvaluationReport) -> dict[str, Any]:
    """Return the content of ``evaluation.json`` as plain values; an undefined one is None."""
    evaluation = report.evaluation
    chosen = f"split {report.threshold_from}" if report.threshold_from else "card"
    return {
        "schema_version": "1.0",
        "histo_version": __version__,
        "research_use": RESEARCH_USE,
        "bundle": dict(report.bundle),
        "manifest": {"sha256": report.manifest_sha256, "split": report.split},
        "rows": [_row(row, report) for row in evaluation.rows],
        "intervals": report.intervals,
        "seed": evaluation.seed,
        "thresholds_from": chosen,
        "components": {str(c): _component(c, report) for c in evaluation.components},
        "metrics": [m.model_dump(mode="json") for m in evaluation.metrics(report.split)],
        "warnings": list(report.warnings),
    }


def _component(component: Component, report: EvaluationReport) -> dict[str, Any]:
    evaluation = report.evaluation
    curve = evaluation.reliability(component)
    pair = evaluation.area_agreement(component)
    temperature = (report.temperatures or {}).get(component)
    return {
        "threshold": evaluation.thresholds[component],
        "temperature": temperature,
        "groups": [_group(g, report) for g in evaluation.groups if g.component == component],
        "area_agreement": None if pair is None else _agreement(pair),
        "reliability": {
            "predicted": [_number(value) for value in curve.predicted],
            "observed": [_number(value) for value in curve.observed],
            "pixels": [int(value) for value in curve.pixels],
        },
    }


def _group(group: Group, report: EvaluationReport) -> dict[str, Any]:
    return {
        "by": group.by,
        "name": group_name(group, report),
        "rows": group.rows,
        "patients": group.patients,
        "known_mm2": group.known_mm2,
        "present_mm2": group.present_mm2,
        "figures": {name: _estimate(found) for name, found in group.figures.items()},
    }


def _agreement(pair: PairAgreement) -> dict[str, Any]:
    """Return how predicted and labelled shares of the known area agree from row to row."""
    found = pair.bland_altman
    return {
        "of": "share of the known area, predicted against labelled, row by row",
        "icc": _estimate(pair.icc),
        "bias": _estimate(found.bias),
        "lower_limit": _estimate(found.lower),
        "upper_limit": _estimate(found.upper),
    }


def _row(row: RowCounts, report: EvaluationReport) -> dict[str, Any]:
    alone = Evaluation((row,), report.evaluation.thresholds)
    components = {}
    for component in alone.components:
        predicted, labelled = np.ravel(alone.area_shares(component)).tolist()
        figures = alone.overall(component).figures
        components[str(component)] = {
            "known_mm2": alone.overall(component).known_mm2,
            "predicted_share": predicted,
            "labelled_share": labelled,
            **{name: _number(found.value) for name, found in figures.items()},
        }
    return {
        "name": row.name,
        "patient": report.patients[row.patient],
        "site": row.site,
        "organ": row.organ,
        "components": components,
    }


def _estimate(found: Estimate) -> dict[str, Any]:
    ends = {"value": found.value, "low": found.low, "high": found.high}
    return {**{name: _number(value) for name, value in ends.items()}, "note": found.note}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
