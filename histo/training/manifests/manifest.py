"""The manifest: a CSV that names slides, their annotations and what is known of them.

Only the CSV is read here; `histo.training.manifests.check` looks at the files it names.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from histo.config import StrictModel
from histo.errors import ConfigError
from histo.slides.spacing import PLAUSIBLE_UM_PER_PX
from histo.stains.collagen_rule import COLLAGEN_STAINS
from histo.vocabulary import Component, Marker, Stain

__all__ = [
    "COLUMNS",
    "Fault",
    "Manifest",
    "ManifestRow",
    "inspect_manifest",
    "read_manifest",
    "write_manifest",
]

_REQUIRED = ("slide", "patient", "stain")
_FIRST_ROW = 2  # row 1 holds the names of the columns
_LISTED = 20
_LONGEST = 40  # characters of a cell that a message repeats
_LOW, _HIGH = PLAUSIBLE_UM_PER_PX


class ManifestRow(StrictModel):
    """One slide with one annotation; the same slide may stand in several rows.

    Attributes
    ----------
    slide, annotation
        Files relative to the manifest's folder. An annotation ``class:NAME`` says that the slide,
        a patch, is of one class throughout; ``centre:NAME`` that a cell of that class lies at its
        centre; ``rule:collagen`` that colour tells collagen, on Masson and PSR. Empty: nothing is
        annotated.
    patient, site
        Who and where; rows of a patient never come into different splits.
    stain, marker
        The stain, and of an immunostain what its brown stands for.
    organ
        In lower case, one word.
    mpp
        µm/px; empty where the slide says it.
    split
        "train", "val", "test" or "" where it is not yet decided.
    known_components
        What was looked for everywhere that is annotated, with ";" between; empty: all components
        of the class map.
    class_map
        What the annotation's classes mean: a YAML file, or ``RECIPE`` or ``RECIPE/MAP`` of a
        shipped recipe.
    licence, source
        Of the data, and the data set they come from.
    """

    slide: str = Field(min_length=1)
    annotation: str = ""
    patient: str = Field(min_length=1)
    site: str = ""
    stain: Stain
    marker: Marker | None = None
    organ: str = ""
    mpp: float | None = Field(None, ge=_LOW, le=_HIGH)
    split: Literal["", "train", "val", "test"] = ""
    known_components: tuple[Component, ...] = ()
    class_map: str = ""
    licence: str = ""
    source: str = ""

    @field_validator("marker", "mpp", mode="before")
    @classmethod
    def _nothing(cls, cell: Any) -> Any:
        return None if cell == "" else cell

    @field_validator("known_components", mode="before")
    @classmethod
    def _parted(cls, cell: Any) -> Any:
        if not isinstance(cell, str):
            return cell
        return tuple(part.strip() for part in cell.split(";") if part.strip())

    @model_validator(mode="after")
    def _understood(self) -> Self:
        if self.annotation.startswith("rule:"):
            return self._ruled()
        if self.annotation and not self.class_map:
            raise ValueError("class_map is empty; an annotation needs one to be understood")
        return self

    def _ruled(self) -> Self:
        if self.annotation != "rule:collagen":
            raise ValueError(f"annotation '{self.annotation}' is no rule; there is rule:collagen")
        if self.stain not in COLLAGEN_STAINS:
            told = " and ".join(COLLAGEN_STAINS)
            raise ValueError(f"stain {self.stain} shows no collagen to a rule of colour, {told} do")
        if self.class_map:
            raise ValueError("class_map is not needed by a rule; leave it empty")
        return self


COLUMNS: tuple[str, ...] = tuple(ManifestRow.model_fields)
"""The columns, in the order they are written."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with a manifest: where, and in a sentence what and how to mend it.

    Attributes
    ----------
    row
        As a spreadsheet counts, the names of the columns being row 1; 0 for the whole file.
    column
        Its name, or "".
    message
        What was found, what was expected.
    """

    row: int
    column: str
    message: str

    def __str__(self) -> str:
        place = [f"row {self.row}"] if self.row else []
        place += [self.column] if self.column else []
        words = f"{', '.join(place)}: {self.message}" if place else self.message
        return " ".join(words.split())  # a cell may hold a line break


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest.

    Attributes
    ----------
    path
        The file.
    rows
        In the file's order.
    numbers
        Row number of each, as a spreadsheet counts.
    folder
        What slides and annotations are relative to; the file's own folder if None.
    """

    path: Path
    rows: tuple[ManifestRow, ...]
    numbers: tuple[int, ...]
    folder: Path | None = None

    @property
    def root(self) -> Path:
        """Folder that slides and annotations are relative to."""
        return self.path.parent if self.folder is None else self.folder

    def only(self, indices: Iterable[int]) -> Self:
        """Return the manifest of some of the rows, by index, which keep their numbers."""
        chosen = [(self.rows[index], self.numbers[index]) for index in indices]
        rows, numbers = zip(*chosen, strict=True) if chosen else ((), ())
        return replace(self, rows=rows, numbers=numbers)


def read_manifest(path: Path, *, folder: Path | None = None) -> Manifest:
    """Read a manifest without a fault; slides lie in its own folder if no other is given.

    Raises
    ------
    ConfigError
        Listing every fault, up to 20, each with row and column.
    """
    manifest, faults = inspect_manifest(path)
    if faults:
        listed = " ".join(str(fault) for fault in faults[:_LISTED])
        more = f" And {len(faults) - _LISTED} more." if len(faults) > _LISTED else ""
        raise ConfigError(f"{path.name}: {listed}{more}")
    return replace(manifest, folder=folder)


def inspect_manifest(path: Path) -> tuple[Manifest, list[Fault]]:
    """Read what can be read of a manifest, and list what is wrong with it.

    Raises
    ------
    ConfigError
        If the file cannot be read as text at all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _inspected(path, csv.reader(stream))
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise ConfigError(f"{path.name} cannot be read ({reason}).") from fault
    except (UnicodeDecodeError, csv.Error) as fault:
        raise ConfigError(f"{path.name} is no CSV file in UTF-8; export it as such.") from fault


def write_manifest(path: Path, rows: tuple[ManifestRow, ...] | list[ManifestRow]) -> None:
    """Write rows as a manifest, atomically."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_cells(row) for row in rows)
    partial.replace(path)


def _cells(row: ManifestRow) -> dict[str, str]:
    values = row.model_dump(mode="json")
    values["known_components"] = ";".join(row.known_components)
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _inspected(path: Path, lines: Any) -> tuple[Manifest, list[Fault]]:
    columns = [cell.strip().lower().replace(" ", "_") for cell in next(lines, [])]
    faults = _column_faults(columns)
    rows: list[ManifestRow] = []
    numbers: list[int] = []
    if faults:
        return Manifest(path, (), ()), faults
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        number = lines.line_num
        if len(cells) != len(columns):
            message = f"it has {len(cells)} cells, row 1 has {len(columns)}; quote commas."
            faults.append(Fault(number, "", message))
            continue
        found = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
        try:
            rows.append(ManifestRow.model_validate(found))
            numbers.append(number)
        except ValidationError as fault:
            faults += [_fault(number, error) for error in fault.errors()]
    if not rows and not faults:
        faults.append(Fault(0, "", "it lists no slide; give each slide a row."))
    manifest = Manifest(path, tuple(rows), tuple(numbers))
    return manifest, sorted(faults + _twice(manifest), key=lambda fault: fault.row)


def _column_faults(columns: list[str]) -> list[Fault]:
    faults = [
        Fault(1, name, "this column is missing; add it.")
        for name in _REQUIRED
        if name not in columns
    ]
    known = f"; known are {', '.join(COLUMNS)}"  # said once, however many are wrong
    for name in dict.fromkeys(columns):
        if name not in COLUMNS:
            faults.append(Fault(1, name, f"no such column{known}."))
            known = ""
        elif columns.count(name) > 1:
            faults.append(Fault(1, name, "this column stands twice; keep one."))
    return faults


def _fault(row: int, error: Any) -> Fault:
    """Say a fault that pydantic found in the words of a table."""
    column = str(error["loc"][0]) if error["loc"] else ""
    if not column:
        column, _, rest = error["msg"].removeprefix("Value error, ").partition(" ")
        return Fault(row, column, f"{rest}.")
    found = error["input"]
    if found == "":
        return Fault(row, column, "is empty; fill it in.")
    expected = {
        "stain": f"expected one of {', '.join(Stain)}",
        "marker": f"expected one of {', '.join(Marker)}, or nothing",
        "mpp": f"expected µm/px from {_LOW:g} to {_HIGH:g} (20x is about 0.5, 40x about 0.25)",
        "split": "expected train, val, test or nothing",
        "known_components": f"expected some of {', '.join(Component)}, with ; between",
    }
    if isinstance(found, str) and len(found) > _LONGEST:
        found = f"{found[:_LONGEST]}…"
    return Fault(row, column, f"found '{found}', {expected.get(column, error['msg'])}.")


def _twice(manifest: Manifest) -> list[Fault]:
    first: dict[tuple[str, str], int] = {}
    faults = []
    for row, number in zip(manifest.rows, manifest.numbers, strict=True):
        before = first.setdefault((row.slide, row.annotation), number)
        if before != number:
            message = (
                f"'{row.slide}' with this annotation stands in row {before} already; drop one."
            )
            faults.append(Fault(number, "slide", message))
    return faults
