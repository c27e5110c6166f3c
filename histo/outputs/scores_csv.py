"""``scores.csv``: one row a score, the same columns for every slide, so that files add up."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from histo import __version__
from histo.outputs.results import SlideResults

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
    "histo_version",
)
"""``status`` is measured, undefined (the note says why) or not measured (and what for)."""


def write_scores_csv(path: Path, results: SlideResults) -> None:
    """Write ``scores.csv`` in UTF-8; ``slide`` is the fingerprint, an empty value is no number."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for row in _rows(results):
            table.writerow([results.slide.fingerprint, *row, __version__])


def _rows(results: SlideResults) -> Iterator[tuple[str, ...]]:
    for score in results.scores:
        defined = math.isfinite(score.value)
        value = repr(float(score.value)) if defined else ""
        status = "measured" if defined else "undefined"
        note = score.note or ("" if defined else "undefined")
        yield score.name, status, value, score.unit, score.numerator, score.denominator, note
    for entry in results.not_measured:
        yield str(entry.component), "not measured", "", "", "", "", f"needs {entry.needed}"
