"""``histo agree``: how well tables of scores agree."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json
from histo.vocabulary import RESEARCH_USE

if TYPE_CHECKING:
    from rich.console import Console

    from histo.outputs.agreement_files import AgreementReport, ComparedScore
    from histo.outputs.joined_tables import JoinedScore, JoinedTables
    from histo.scoring.agreement import PatientBootstrap

__all__ = ["AskedScale", "agree"]


class AskedScale(StrEnum):
    """Scales as a person may ask for them."""

    AUTO = "auto"
    RAW = "raw"
    LOG = "log"
    ROOT = "root"


def _two_or_more(tables: list[Path]) -> list[Path]:
    if len(tables) < 2:
        raise typer.BadParameter("agreement takes two tables or more.")
    return tables


def agree(
    tables: Annotated[
        list[Path],
        typer.Argument(
            callback=_two_or_more,
            help="CSV tables: scores.csv, or a column slide and a column for each score.",
            show_default=False,
        ),
    ],
    score: Annotated[
        list[str] | None, typer.Option("--score", help="A score to compare; all common ones.")
    ] = None,
    grade: Annotated[
        list[str] | None, typer.Option("--grade", help="A score that is a grade: adds kappa.")
    ] = None,
    scale: Annotated[
        AskedScale, typer.Option("--scale", help="Auto: log for areas, root for counts.")
    ] = AskedScale.AUTO,
    patient: Annotated[
        str, typer.Option("--patient", help="Column of the patient: intervals by patient.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of resampled intervals.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write agreement/ into; else only print."),
    ] = None,
    overwrite: given.Overwrite = False,
    force: Annotated[
        bool, typer.Option("--force", help="Compare scores of different versions.")
    ] = False,
    as_json: given.AsJson = False,
    debug: given.Debug = False,
) -> None:
    """Compare tables of scores by slide: the first with each other one.

    With three or more the others among themselves are the baseline: readers, say.
    """
    with faults(debug=debug):
        from histo.outputs.agreement_files import agreement_document, write_agreement
        from histo.outputs.folder import result_folder

        names = list(dict.fromkeys([*(score or ()), *(grade or ())]))
        report = _compare(
            tables, names, frozenset(grade or ()), scale, (patient, seed), force=force
        )
        if out is not None:
            with result_folder(out, "agreement", overwrite=overwrite) as folder:
                write_agreement(folder, report)
        if as_json:
            print_json(agreement_document(report))
            return
        _print(report, tables)
        where = "Nothing was written; --out FOLDER writes tables and pictures."
        typer.echo(where if out is None else f"Results: {out / 'agreement'}")
        typer.echo(RESEARCH_USE)


def _compare(
    paths: Sequence[Path],
    names: Sequence[str],
    grades: frozenset[str],
    scale: AskedScale,
    patients: tuple[str, int],
    *,
    force: bool,
) -> "AgreementReport":
    """Read, join and compare; ``patients`` is their column and the seed."""
    from histo.outputs.agreement_files import AgreementReport
    from histo.outputs.joined_tables import join_tables
    from histo.outputs.score_tables import read_score_table
    from histo.scoring.agreement import PatientBootstrap

    column, seed = patients
    tables = [read_score_table(path) for path in paths]
    joined = join_tables(tables, names, patient=column, force=force)
    bootstrap = None if joined.patients is None else PatientBootstrap(joined.patients, seed)
    scores = [
        _compared(score, scale, bootstrap, seed, graded=score.name in grades)
        for score in joined.scores
    ]
    return AgreementReport(
        [table.sha256 for table in tables], joined.slides, scores, bootstrap, _told(joined, scores)
    )


def _compared(
    score: "JoinedScore",
    asked: AskedScale,
    bootstrap: "PatientBootstrap | None",
    seed: int,
    *,
    graded: bool,
) -> "ComparedScore":
    import numpy as np

    from histo.errors import TableError
    from histo.outputs.agreement_files import ComparedScore
    from histo.scoring.agreement import Scale, agreement, choose_scale, usable

    values = score.values
    if graded:
        known = values[np.isfinite(values)]
        if (known != np.round(known)).any():
            raise TableError(f"{score.name} is no grade: grades are whole numbers.")
        scale, why = Scale.RAW, "a grade"
    elif asked is AskedScale.AUTO:
        scale, why = choose_scale(score.name, score.unit, values[score.complete])
    else:
        scale, why = Scale(asked.value), "asked for"
    fit = int(usable(values, scale).sum())
    if fit < 3:
        raise TableError(
            f"{score.name} cannot be compared on the {scale} scale, on which {fit} slides can "
            "stand (log takes values above 0, root 0 and above); try another --scale."
        )
    result = agreement(values, scale, ordinal=graded, bootstrap=bootstrap, seed=seed)
    return ComparedScore(score.name, score.unit, values, result, why)


def _told(joined: "JoinedTables", scores: Sequence["ComparedScore"]) -> list[str]:
    """Return what a reader must be told: what was left out, forced, or is too little."""
    from histo.scoring.agreement import FEWEST_PATIENTS

    told = list(joined.warnings)
    for score in scores:
        left_out = joined.slides - score.result.n
        if left_out:
            told.append(f"{score.name}: {left_out} slides have no value for the scale everywhere.")
    patients = {score.result.patients for score in scores} - {None}
    if patients and min(patients) < FEWEST_PATIENTS:  # type: ignore[type-var,operator]
        told.append(f"No intervals: fewer than {FEWEST_PATIENTS} patients.")
    fewest = min(score.result.n for score in scores)
    if fewest < 20:
        told.append(f"{fewest} slides are few: read the intervals, not the values.")
    return told


def _print(report: "AgreementReport", paths: Sequence[Path]) -> None:
    from rich.console import Console
    from rich.markup import escape

    from histo.outputs.agreement_files import table_letter

    console = Console(highlight=False, soft_wrap=True)
    for number, path in enumerate(paths):
        console.print(f"{table_letter(number)} is {escape(str(path))}")
    for score in report.scores:
        console.print()
        _print_score(console, score)
    console.print()
    for warning in report.warnings:
        console.print(f"[yellow]Warning:[/] {escape(warning)}")


def _print_score(console: "Console", score: "ComparedScore") -> None:
    from rich.markup import escape
    from rich.table import Table

    from histo.outputs.agreement_files import DIFFERENCE, table_letter
    from histo.outputs.agreement_words import estimate_words, plain, unit_words

    result = score.result
    unit = f" ({unit_words(score.unit)})" if unit_words(score.unit) else ""
    whose = "" if result.patients is None else f" of {result.patients} patients"
    title = f"{escape(score.name)}{unit}: {result.n} slides{whose}, {result.scale} scale"
    table = Table(title=f"[bold]{title}[/]", title_justify="left", box=None, pad_edge=False)
    graded = any(pair.kappa for pair in result.pairs)
    for name in ("", "ICC(2,1)", "CCC", DIFFERENCE[result.scale], "95 % of slides"):
        table.add_column(name)
    if graded:
        table.add_column("weighted κ")
    for pair in result.pairs:
        found = pair.bland_altman
        limits = f"{plain(found.lower.value)} to {plain(found.upper.value)}"
        cells = [_two_lines(estimate_words(e)) for e in (pair.icc, pair.ccc, found.bias)]
        kappa = [_two_lines(estimate_words(pair.kappa))] if pair.kappa else []
        letters = f"{table_letter(pair.first)}, {table_letter(pair.second)}"
        table.add_row(letters, *cells, limits, *kappa)
    console.print(table)
    if result.baseline is not None:
        base = result.baseline
        console.print(
            f"Mean ICC: A against the others {estimate_words(base.first_against_others)}; "
            f"the others among themselves {estimate_words(base.among_others)}; "
            f"difference {estimate_words(base.difference, signed=True)}"
        )


def _two_lines(words: str) -> str:
    """Put the interval below the value, so that five columns fit a terminal."""
    return words.replace(" (", "\n").rstrip(")")
