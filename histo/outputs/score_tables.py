"""Tables of scores read back: histo's own, one row a score, or a reader's, one row a slide."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from histo.errors import TableError
from histo.provenance import file_sha256
from histo.scoring.agreement import unit_in_name

__all__ = ["Cell", "ScoreTable", "read_score_table"]

_MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}
_NO_SCORES = {"patient", "patient_id", "case", "case_id", "reader", "stain", "organ", "site"}
_LONG = {"name", "value"}
_OF_A_SCORE = {*_LONG, "status", "unit", "numerator", "denominator", "note", "low", "high"}


@dataclass(frozen=True)
class Cell:
    """What a table says of one score of one slide.

    Attributes
    ----------
    text
        As it stands in the file.
    line
        Where, counted from 1.
    unit
        UCUM code; empty if the table tells none.
    made_by
        Versions that made it, by the name of their column.
    """

    text: str
    line: int
    unit: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreTable:
    """A table of scores as it stands in its file.

    Attributes
    ----------
    file
        Name of the file, for a person at the terminal; never written into outputs.
    sha256
        Of the file.
    slides
        Every slide of the table, in its order.
    cells
        By score, then by slide.
    texts
        Columns that hold no scores, such as the patient: by column, then by slide.
    """

    file: str
    sha256: str
    slides: tuple[str, ...]
    cells: Mapping[str, Mapping[str, Cell]]
    texts: Mapping[str, Mapping[str, str]]

    @property
    def scores(self) -> tuple[str, ...]:
        """Names with at least one number."""
        return tuple(
            name
            for name, cells in self.cells.items()
            if any(_is_number(cell.text) for cell in cells.values())
        )

    def values(self, score: str) -> dict[str, float]:
        """Return the score of each slide; NaN where a cell is empty.

        Raises
        ------
        TableError
            If a cell is neither empty nor a finite number.
        """
        return {slide: self._value(score, cell) for slide, cell in self.cells[score].items()}

    def _value(self, score: str, cell: Cell) -> float:
        text = cell.text.strip()
        if text.casefold() in _MISSING:
            return math.nan
        if _is_number(text):
            return float(text)
        shown = text if len(text) <= 20 else f"{text[:20]}..."
        raise TableError(
            f"{self.file}, line {cell.line}: {score} is {shown!r}, which is no finite number; "
            "decimals take a point, and a missing value is an empty cell."
        )


def read_score_table(path: Path) -> ScoreTable:
    """Read a table of scores: UTF-8, separated by commas, semicolons or tabs, with a header.

    With columns ``slide``, ``name`` and ``value`` it is read as ``scores.csv``, one row a score;
    else as one row a slide, with a column ``slide`` and a column for each score.

    Raises
    ------
    TableError
        If the file cannot be read, has no column ``slide``, a row longer than its header, a row
        without a slide, or a slide (in a long table: a slide and score) twice.
    """
    header, rows = _rows(path)
    slide = next((name for name in header if name.casefold() == "slide"), None)
    if slide is None:
        found = ", ".join(header[:6]) or "nothing"
        raise TableError(f"{path.name} has no column 'slide'; its first line holds {found}.")
    for line, row in rows:
        if not row[slide].strip():
            raise TableError(f"{path.name}, line {line}: the cell of the slide is empty.")
    if not rows:
        raise TableError(f"{path.name} has a header and no rows.")
    long = set(header) >= _LONG
    cells = _long_cells(path, rows, slide) if long else _wide_cells(path, rows, slide)
    beside = [name for name in header if name != slide and not (long and name in _OF_A_SCORE)]
    texts = {name: {row[slide].strip(): row[name].strip() for _, row in rows} for name in beside}
    slides = tuple(dict.fromkeys(row[slide].strip() for _, row in rows))
    return ScoreTable(path.name, file_sha256(path), slides, cells, texts)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the header, and each row with its line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise TableError(f"{path.name} is no UTF-8 text; save it as CSV UTF-8.") from None
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise TableError(f"{path.name} cannot be read ({reason}).") from fault
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip() for name in next(lines, [])]
    except csv.Error as fault:
        raise TableError(f"{path.name} is no table of text ({fault}).") from fault
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise TableError(f"{path.name} has two columns {twice!r}; their names must differ.")
    return header, list(_filled(path, header, lines))


def _filled(
    path: Path, header: list[str], lines: Iterator[list[str]]
) -> Iterator[tuple[int, dict[str, str]]]:
    at = 2
    try:
        for cells in lines:
            line, at = at, lines.line_num + 1  # type: ignore[attr-defined]
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                raise TableError(
                    f"{path.name}, line {line} has {len(cells)} cells, its header {len(header)}; "
                    "decimals take a point, and text with a separator takes quotes."
                )
            yield line, dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
    except csv.Error as fault:
        raise TableError(f"{path.name}, line {at}: no table can be read ({fault}).") from fault


def _long_cells(
    path: Path, rows: list[tuple[int, dict[str, str]]], slide: str
) -> dict[str, dict[str, Cell]]:
    found: dict[str, dict[str, Cell]] = {}
    for line, row in rows:
        name = row["name"].strip()
        cell = Cell(row["value"], line, row.get("unit", "").strip(), _made_by(row))
        _add(path, found.setdefault(name, {}), row[slide].strip(), cell, f"slide and {name}")
    return found


def _wide_cells(
    path: Path, rows: list[tuple[int, dict[str, str]]], slide: str
) -> dict[str, dict[str, Cell]]:
    names = [name for name in rows[0][1] if name and name != slide and not _no_score(name)]
    found: dict[str, dict[str, Cell]] = {name: {} for name in names}
    seen: dict[str, Cell] = {}
    for line, row in rows:
        whose, versions = row[slide].strip(), _made_by(row)
        _add(path, seen, whose, Cell("", line), "slide")
        for name in names:
            found[name][whose] = Cell(row[name], line, unit_in_name(name), versions)
    return found


def _add(path: Path, cells: dict[str, Cell], slide: str, cell: Cell, what: str) -> None:
    if slide in cells:
        raise TableError(
            f"{path.name}, line {cell.line}: this {what} stands already on line "
            f"{cells[slide].line}; each may stand once."
        )
    cells[slide] = cell


def _made_by(row: Mapping[str, str]) -> dict[str, str]:
    return {name: text.strip() for name, text in row.items() if _is_version(name) and text.strip()}


def _is_version(column: str) -> bool:
    return column.casefold().endswith("_version") or column.casefold() in {"bundle", "bundles"}


def _no_score(column: str) -> bool:
    return column.casefold() in _NO_SCORES or _is_version(column)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
