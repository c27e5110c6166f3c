"""``case.json`` and ``case.csv``: what several slides of one patient say together."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from histo import __version__
from histo.errors import TableError
from histo.outputs.folder import result_folder
from histo.outputs.scores_json import interval_document
from histo.scoring.case import CaseScore, CaseSlide, Spread, spreads
from histo.scoring.score import Score
from histo.vocabulary import RESEARCH_USE, Marker, Stain

__all__ = ["CASE_COLUMNS", "case_document", "read_case_slide", "write_case"]

CASE_COLUMNS = ("name", "value", "unit", "low", "high", "note", "stains", "slides", "histo_version")
"""Of ``case.csv``, one row a score and slide (or pair of slides)."""


def read_case_slide(folder: Path) -> CaseSlide:
    """Read a slide of a case from its folder of results.

    Raises
    ------
    TableError
        If the folder holds no ``scores.json`` of histo, or its stain is not known.
    """
    try:
        document = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        slide = document["slide"]
        stain, marker = slide["stain"], slide["marker"]
        scores = [_score(entry) for entry in document["scores"]]
        return CaseSlide(
            fingerprint=str(slide["fingerprint"]),
            stain=Stain(stain["name"]),
            marker=None if marker is None else Marker(marker),
            scores={score.name: score for score in scores},
        )
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError) as fault:
        raise TableError(
            f"{folder.name} holds no scores of a slide; "
            "give folders that histo infer wrote, with a scores.json in each."
        ) from fault


def _score(entry: dict[str, Any]) -> Score:
    interval = entry.get("interval") or {}
    value = entry["value"]
    return Score(
        str(entry["name"]),
        math.nan if value is None else float(value),
        str(entry["unit"]),
        str(entry["numerator"]),
        str(entry["denominator"]),
        str(entry["note"]),
        float(interval.get("low", math.nan)),
        float(interval.get("high", math.nan)),
    )


def write_case(
    out: Path, name: str, found: Sequence[CaseScore], *, overwrite: bool = False
) -> Path:
    """Write the folder ``out/name`` with ``case.json`` and ``case.csv``: complete, or not at all.

    Raises
    ------
    OutputError
        If it is there already and may not be replaced, or cannot be written.
    """
    with result_folder(out, name, overwrite=overwrite) as folder:
        text = json.dumps(case_document(found), indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "case.json").write_text(text + "\n", encoding="utf-8", newline="\n")
        with (folder / "case.csv").open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(CASE_COLUMNS)
            table.writerows(_row(one) for one in found)
    return out / name


def case_document(found: Sequence[CaseScore]) -> dict[str, Any]:
    """Return the content of ``case.json`` as plain values; undefined ones are None."""
    return {
        "schema_version": "1.0",
        "histo_version": __version__,
        "research_use": RESEARCH_USE,
        "scores": [_entry(one) for one in found],
        "several_slides": [_spread(one) for one in spreads(found)],
    }


def _entry(one: CaseScore) -> dict[str, Any]:
    score = one.score
    return {
        "name": score.name,
        "value": None if math.isnan(score.value) else score.value,
        "unit": score.unit,
        "interval": interval_document(score),
        "note": score.note,
        "slides": [
            {"fingerprint": slide.fingerprint, "stain": slide.stain, "marker": slide.marker}
            for slide in one.slides
        ],
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "name": spread.name,
        "low": spread.low,
        "high": spread.high,
        "slides": spread.slides,
        "note": "several slides answer; each stands for itself, none is averaged",
    }


def _row(one: CaseScore) -> tuple[str, ...]:
    score = one.score
    numbers = ["" if math.isnan(v) else repr(v) for v in (score.value, score.low, score.high)]
    stains = " + ".join(slide.called for slide in one.slides)
    slides = " + ".join(slide.fingerprint for slide in one.slides)
    value, low, high = numbers
    return score.name, value, score.unit, low, high, score.note, stains, slides, __version__
