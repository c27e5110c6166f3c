"""Tables of scores put side by side by slide, or one sentence why they cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.errors import TableError
from histo.outputs.score_tables import ScoreTable

__all__ = ["FEWEST_SLIDES", "JoinedScore", "JoinedTables", "join_tables"]

FEWEST_SLIDES = 3
"""Below it no figure of agreement has an interval."""


@dataclass(frozen=True)
class JoinedScore:
    """One score of the slides all tables have.

    Attributes
    ----------
    name, unit
        Of the score; the unit is empty if no table tells it.
    values : ndarray of float64, shape (slides, tables)
        NaN where a table has no value.
    """

    name: str
    unit: str
    values: NDArray[np.float64]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which slides have a value in every table."""
        return np.asarray(np.isfinite(self.values).all(axis=1))


@dataclass(frozen=True)
class JoinedTables:
    """Scores side by side.

    Attributes
    ----------
    slides
        Number of slides that stand in every table.
    scores
        What can be compared.
    patients : ndarray of int64, shape (slides,) or None
        A number for each patient; None if they were not asked for.
    warnings
        What was left out or forced.
    """

    slides: int
    scores: tuple[JoinedScore, ...]
    patients: NDArray[np.int64] | None
    warnings: tuple[str, ...]


def join_tables(
    tables: Sequence[ScoreTable],
    names: Sequence[str] = (),
    *,
    patient: str = "",
    force: bool = False,
) -> JoinedTables:
    """Put the slides that stand in every table side by side.

    Parameters
    ----------
    tables
        Two or more.
    names
        Scores to compare; none takes every score all tables have that is not the same everywhere.
    patient
        Column that says whose slide it is, in at least one table; empty asks for none.
    force
        Compare scores made by different versions; it is then a warning.

    Raises
    ------
    TableError
        If fewer than three slides are common, a score is in none or not in all, has different
        units, or versions without ``force``, or fewer than three values; or if the column of the
        patient is missing, has an empty cell or differs between tables.
    """
    slides = _common_slides(tables)
    chosen = list(dict.fromkeys(names)) or _common_scores(tables, patient)
    warnings: list[str] = []
    scores = []
    for name in chosen:
        score = _joined(tables, name, slides)
        reason = _unfit(score, asked=bool(names))
        if reason and names:
            raise TableError(f"{name} cannot be compared: {reason}.")
        if reason:
            warnings.append(f"{name} is not compared: {reason}.")
            continue
        warnings += _clashes(tables, name, slides, force)
        scores.append(score)
    if not scores:
        raise TableError(f"no score can be compared; {warnings[0]}")
    whose = _patients(tables, patient, slides) if patient else None
    return JoinedTables(len(slides), tuple(scores), whose, tuple(dict.fromkeys(warnings)))


def _common_slides(tables: Sequence[ScoreTable]) -> list[str]:
    """Return the slides of all tables, in an order that does not depend on that of rows."""
    common = sorted(set.intersection(*(set(table.slides) for table in tables)))
    if len(common) >= FEWEST_SLIDES:
        return common
    counts = ", ".join(f"{table.file} {len(table.slides)}" for table in tables)
    if not common:
        raise TableError(
            f"the tables have no slide in common (slides: {counts}); histo's tables call a slide "
            "by its fingerprint, which scores.json also holds."
        )
    raise TableError(
        f"the tables have {len(common)} slides in common, agreement needs {FEWEST_SLIDES} "
        f"(slides: {counts})."
    )


def _common_scores(tables: Sequence[ScoreTable], patient: str) -> list[str]:
    rest = [set(table.scores) for table in tables[1:]]
    common = [
        name for name in tables[0].scores if name != patient and all(name in held for held in rest)
    ]
    if not common:
        held = "; ".join(f"{table.file} has {_some(table.scores)}" for table in tables)
        raise TableError(f"the tables have no score in common: {held}.")
    return common


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6]) or "no numbers"
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


def _joined(tables: Sequence[ScoreTable], name: str, slides: Sequence[str]) -> JoinedScore:
    columns: list[list[float]] = []
    units: dict[str, str] = {}
    for table in tables:
        if name not in table.cells:
            raise TableError(f"{table.file} has no score {name}; it has {_some(table.scores)}.")
        values = table.values(name)
        columns.append([values.get(slide, np.nan) for slide in slides])
        for slide, cell in table.cells[name].items():
            if cell.unit and slide in values:
                units.setdefault(cell.unit, table.file)
    if len(units) > 1:
        (one, here), (other, there) = list(units.items())[:2]
        raise TableError(
            f"{name} is in {one} in {here} and in {other} in {there}; bring it to one unit."
        )
    return JoinedScore(name, next(iter(units), ""), np.array(columns, dtype=np.float64).T)


def _unfit(score: JoinedScore, *, asked: bool) -> str:
    """Say why a score cannot be compared, if so; one nobody asked for must also vary."""
    complete = score.values[score.complete]
    if len(complete) < FEWEST_SLIDES:
        return f"{len(complete)} slides have it in every table, agreement needs {FEWEST_SLIDES}"
    if not asked and (complete == complete[0, 0]).all():
        return f"it is {complete[0, 0]:g} everywhere"
    return ""


def _clashes(
    tables: Sequence[ScoreTable], name: str, slides: Sequence[str], force: bool
) -> list[str]:
    """Refuse, or warn of, a score that different versions made."""
    made: dict[str, set[str]] = {}
    for table in tables:
        cells = table.cells[name]
        for slide in slides:
            for column, version in (cells[slide].made_by if slide in cells else {}).items():
                made.setdefault(column, set()).add(version)
    mixed = [
        f"{column} {' and '.join(sorted(versions))}"
        for column, versions in made.items()
        if len(versions) > 1
    ]
    if not mixed:
        return []
    told = f"scores were made by different versions ({', '.join(mixed)})"
    if not force:
        raise TableError(f"{told}; score the slides again with one, or pass --force.")
    return [f"Forced: {told}."]


def _patients(
    tables: Sequence[ScoreTable], column: str, slides: Sequence[str]
) -> NDArray[np.int64]:
    telling = [table for table in tables if column in table.texts]
    if not telling:
        held = "; ".join(f"{table.file} has {_some(list(table.texts))}" for table in tables)
        raise TableError(f"no table has a column {column!r} for the patient: {held}.")
    whose = [telling[0].texts[column].get(slide, "") for slide in slides]
    if not all(whose):
        empty = whose.count("")
        raise TableError(f"{telling[0].file}: {column} is empty for {empty} of the slides.")
    for table in telling[1:]:
        if [table.texts[column].get(slide, "") for slide in slides] != whose:
            raise TableError(
                f"{column} differs between {telling[0].file} and {table.file} for the same slide."
            )
    return np.unique(whose, return_inverse=True)[1].astype(np.int64)
