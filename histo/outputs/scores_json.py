"""``scores.json``: the scores with what they rest on, valid against a published schema."""

import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

from histo import __version__
from histo.geometry import Spacing
from histo.outputs.results import SlideDescription, SlideResults
from histo.scoring import Score, ScoreWarning
from histo.scoring.specification import specification
from histo.vocabulary import RESEARCH_USE

__all__ = [
    "SCHEMA_VERSION",
    "interval_document",
    "scores_document",
    "scores_schema",
    "write_scores_json",
]

SCHEMA_VERSION = "1.1"
"""Raised in its first part when a reader of the file would have to change."""


def scores_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``scores.json``."""
    file = resources.files("histo.outputs") / "schemas" / "scores.schema.json"
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def write_scores_json(path: Path, results: SlideResults) -> None:
    """Write ``scores.json``; an undefined value is null and its note says why."""
    text = json.dumps(scores_document(results), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def scores_document(results: SlideResults) -> dict[str, Any]:
    """Return the content of ``scores.json`` as plain values."""
    canvas = results.tissue_map if results.component_map is None else results.component_map
    return {
        "schema_version": SCHEMA_VERSION,
        "histo_version": __version__,
        "research_use": RESEARCH_USE,
        "slide": _slide(results.slide),
        "bundles": [dict(bundle) for bundle in results.bundles],
        "analysis": {
            "um_per_px": _pair(canvas.spacing),
            "tissue_um_per_px": _pair(results.tissue_map.spacing),
            "thresholds": {name: float(cut) for name, cut in results.thresholds.items()},
        },
        "specification_version": specification().version,
        "scores": [_score(score) for score in results.scores],
        "not_measured": [
            {"component": str(entry.component), "needed": entry.needed}
            for entry in results.not_measured
        ],
        "warnings": [_warning(warning) for warning in results.warnings],
    }


def _slide(slide: SlideDescription) -> dict[str, Any]:
    height, width = slide.shape
    stain = None
    if slide.stain is not None:
        stain = {"name": str(slide.stain), "confidence": slide.stain_confidence}
    return {
        "fingerprint": slide.fingerprint,
        "width_px": int(width),
        "height_px": int(height),
        "um_per_px": {**_pair(slide.spacing), "source": slide.spacing.source},
        "stain": stain,
        "marker": None if slide.marker is None else str(slide.marker),
    }


def _pair(spacing: Spacing) -> dict[str, float]:
    return {"x": float(spacing.col), "y": float(spacing.row)}


def _score(score: Score) -> dict[str, Any]:
    defined = math.isfinite(score.value)
    return {
        "name": score.name,
        "value": float(score.value) if defined else None,
        "unit": score.unit,
        "numerator": score.numerator,
        "denominator": score.denominator,
        "note": score.note if defined else score.note or "undefined",
        "interval": interval_document(score),
    }


def interval_document(score: Score) -> dict[str, float] | None:
    """Return the interval of a score as plain values; None where there is none."""
    if not (math.isfinite(score.low) and math.isfinite(score.high)):
        return None
    return {"low": float(score.low), "high": float(score.high)}


def _warning(warning: ScoreWarning) -> dict[str, Any]:
    return {
        "code": warning.code,
        "message": warning.message,
        "score": warning.score,
        "value": float(warning.value),
        "limit": float(warning.limit),
        "withholds_headline": warning.withholds_headline,
    }
