"""``scores.csv``: one row a score, the same columns for every slide, so that files add up."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from histo import __version__
from histo.outputs.results import SlideResults
from histo.scoring.specification import specification

__all__ = ["COLUMNS", "write_scores_csv"]

COLUMNS = (
    "slide",
    "name",
    "status",
    "value",
    "unit",
    "numerator",
    "denominator",
    "note",
    "low",
    "high",
    "specification_version",
    "histo_version",
    "bundles",
)
"""``status`` is measured, undefined (the note says why) or not measured (and what for).
``bundles`` are those that answered on the slide, with their versions."""


def write_scores_csv(path: Path, results: SlideResults) -> None:
    """Write ``scores.csv`` in UTF-8; ``slide`` is the fingerprint, an empty value is no number."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        same = specification().version, __version__, _bundles(results)
        for row in _rows(results):
            table.writerow([results.slide.fingerprint, *row, *same])


def _bundles(results: SlideResults) -> str:
    names = (f"{bundle['name']} {bundle.get('version', '')}" for bundle in results.bundles)
    return "; ".join(name.strip() for name in names)


def _rows(results: SlideResults) -> Iterator[tuple[str, ...]]:
    for score in results.scores:
        defined = math.isfinite(score.value)
        value = repr(float(score.value)) if defined else ""
        status = "measured" if defined else "undefined"
        note = score.note or ("" if defined else "undefined")
        ends = [repr(float(end)) if math.isfinite(end) else "" for end in (score.low, score.high)]
        what = score.unit, score.numerator, score.denominator
        yield score.name, status, value, *what, note, *ends
    for entry in results.not_measured:
        yield str(entry.component), "not measured", "", "", "", "", f"needs {entry.needed}", "", ""
