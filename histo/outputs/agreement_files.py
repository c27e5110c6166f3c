"""``agreement.json``, ``agreement.csv`` and a picture for each score: no slide, patient or file."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from histo import __version__
from histo.outputs.folder import safe_name
from histo.scoring.agreement import (
    CONFIDENCE,
    Agreement,
    Baseline,
    Estimate,
    PairAgreement,
    PatientBootstrap,
    Scale,
)
from histo.vocabulary import RESEARCH_USE

__all__ = [
    "COLUMNS",
    "AgreementReport",
    "ComparedScore",
    "agreement_document",
    "table_letter",
    "write_agreement",
]

COLUMNS = (
    *("score", "unit", "scale", "comparison", "first", "second", "slides", "left_out", "patients"),
    *("icc", "icc_low", "icc_high", "ccc", "ccc_low", "ccc_high"),
    *("difference", "bias", "bias_low", "bias_high"),
    *("lower_limit", "lower_limit_low", "lower_limit_high"),
    *("upper_limit", "upper_limit_low", "upper_limit_high"),
    *("kappa", "kappa_low", "kappa_high", "note", "histo_version"),
)
"""Of ``agreement.csv``, one row a score and pair of tables."""

DIFFERENCE = {
    Scale.RAW: "difference",
    Scale.LOG: "ratio",
    Scale.ROOT: "difference of roots",
}
"""What bias and limits are on each scale, the first table over the second."""


@dataclass(frozen=True)
class ComparedScore:
    """One score, compared.

    Attributes
    ----------
    name, unit
        Of the score; an empty unit is unknown.
    values
        Array of float64, shape (slides, tables), as joined; for the picture only.
    result
        The figures.
    why_scale
        Why that scale.
    """

    name: str
    unit: str
    values: Any
    result: Agreement
    why_scale: str


@dataclass(frozen=True)
class AgreementReport:
    """All there is to write about tables compared.

    Attributes
    ----------
    sha256
        Digest of each table's file, in order; tables are called A, B, C.
    slides
        Number of slides in every table.
    scores
        What was compared.
    bootstrap
        How patients were drawn; None if slides were taken as independent.
    warnings
        What was left out or forced.
    """

    sha256: Sequence[str]
    slides: int
    scores: Sequence[ComparedScore]
    bootstrap: PatientBootstrap | None = None
    warnings: Sequence[str] = ()


def table_letter(number: int) -> str:
    """Return what a table is called in outputs: A, B, ... Z, then T27 on.

    Examples
    --------
    >>> table_letter(0), table_letter(26)
    ('A', 'T27')
    """
    return chr(ord("A") + number) if number < 26 else f"T{number + 1}"


def write_agreement(folder: Path, report: AgreementReport) -> list[Path]:
    """Write every file into an existing folder; wrap it in ``result_folder``.

    Returns
    -------
    list of Path
        ``agreement.json``, ``agreement.csv`` and ``NAME.png`` for each score.
    """
    from histo.outputs.agreement_figure import write_agreement_figure  # takes matplotlib

    text = json.dumps(agreement_document(report), indent=2, ensure_ascii=False, allow_nan=False)
    document, table = folder / "agreement.json", folder / "agreement.csv"
    document.write_text(text + "\n", encoding="utf-8", newline="\n")
    with table.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(COLUMNS)
        for score in report.scores:
            rows.writerows(_rows(score))
    pictures = []
    for score in report.scores:
        pictures.append(folder / f"{safe_name(score.name)}.png")
        write_agreement_figure(pictures[-1], score)
    return [document, table, *pictures]


def agreement_document(report: AgreementReport) -> dict[str, Any]:
    """Return the content of ``agreement.json`` as plain values; an undefined one is None."""
    bootstrap = report.bootstrap
    return {
        "schema_version": "1.0",
        "histo_version": __version__,
        "research_use": RESEARCH_USE,
        "tables": [
            {"table": table_letter(number), "sha256": digest}
            for number, digest in enumerate(report.sha256)
        ],
        "slides_in_common": report.slides,
        "confidence": CONFIDENCE,
        "intervals": "slides taken as independent"
        if bootstrap is None
        else f"patient bootstrap, {bootstrap.resamples} resamples, seed {bootstrap.seed}",
        "scores": [_score(score) for score in report.scores],
        "warnings": list(report.warnings),
    }


def _score(score: ComparedScore) -> dict[str, Any]:
    result = score.result
    return {
        "name": score.name,
        "unit": score.unit or None,
        "scale": str(result.scale),
        "why_scale": score.why_scale,
        "slides": result.n,
        "left_out": len(result.used) - result.n,
        "patients": result.patients,
        "pairs": [_pair(pair) for pair in result.pairs],
        "baseline": None if result.baseline is None else _baseline(result.baseline),
    }


def _pair(pair: PairAgreement) -> dict[str, Any]:
    found = pair.bland_altman
    return {
        "first": table_letter(pair.first),
        "second": table_letter(pair.second),
        "comparison": _comparison(pair),
        "icc": _estimate(pair.icc),
        "ccc": _estimate(pair.ccc),
        "bland_altman": {
            "difference": DIFFERENCE[found.scale],
            "bias": _estimate(found.bias),
            "lower_limit": _estimate(found.lower),
            "upper_limit": _estimate(found.upper),
        },
        "kappa": None if pair.kappa is None else _estimate(pair.kappa),
    }


def _comparison(pair: PairAgreement) -> str:
    return "first against others" if pair.first == 0 else "others among themselves"


def _baseline(found: Baseline) -> dict[str, Any]:
    return {
        "figure": "mean ICC(2,1) of pairs",
        "first_against_others": _estimate(found.first_against_others),
        "others_among_themselves": _estimate(found.among_others),
        "difference": _estimate(found.difference),
    }


def _estimate(found: Estimate) -> dict[str, Any]:
    numbers = {"value": found.value, "low": found.low, "high": found.high}
    plain = {name: float(n) if math.isfinite(n) else None for name, n in numbers.items()}
    return {**plain, "note": found.note}


def _rows(score: ComparedScore) -> Iterator[list[object]]:
    result = score.result
    for pair in result.pairs:
        found = pair.bland_altman
        estimates = [pair.icc, pair.ccc, found.bias, found.lower, found.upper]
        kappa = pair.kappa or Estimate(math.nan)
        notes = dict.fromkeys(e.note for e in (*estimates, kappa) if e.note)
        patients = "" if result.patients is None else result.patients
        yield [
            *(score.name, score.unit, str(result.scale), _comparison(pair)),
            *(table_letter(pair.first), table_letter(pair.second)),
            *(result.n, len(result.used) - result.n, patients),
            *(*_numbers(pair.icc), *_numbers(pair.ccc), DIFFERENCE[found.scale]),
            *(*_numbers(found.bias), *_numbers(found.lower), *_numbers(found.upper)),
            *(*_numbers(kappa), "; ".join(notes), __version__),
        ]


def _numbers(found: Estimate) -> list[str]:
    return [
        repr(float(n)) if math.isfinite(n) else "" for n in (found.value, found.low, found.high)
    ]
