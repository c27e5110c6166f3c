"""``histo case``: several slides of one patient, each answering for what its stain shows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json, score_words
from histo.vocabulary import RESEARCH_USE

if TYPE_CHECKING:
    from histo.scoring.case import CaseScore

__all__ = ["case", "print_case", "put_together"]


def case(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Result folders of one patient's slides.", show_default=False),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write the case into.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the case's folder.")] = "case",
    overwrite: given.Overwrite = False,
    as_json: given.AsJson = False,
    debug: given.Debug = False,
) -> None:
    """Put together the slides of one patient: macrophages, α-SMA, collagen, and their index.

    Sections are not registered: areas are compared, not overlap. Nothing is averaged.
    """
    with faults(debug=debug):
        from histo.outputs.case_files import case_document, write_case

        found = put_together(folders)
        if out is not None:
            write_case(out, name, found, overwrite=overwrite)
        if as_json:
            print_json(case_document(found))
        else:
            print_case(found)


def put_together(folders: list[Path]) -> "list[CaseScore]":
    """Return what the slides whose results these folders hold say together.

    Raises
    ------
    TableError
        If a folder holds no results, or a slide is there twice.
    """
    from histo.errors import TableError
    from histo.outputs.case_files import read_case_slide
    from histo.scoring.case import case_scores

    slides = [read_case_slide(folder) for folder in folders]
    try:
        return case_scores(slides)
    except ValueError as fault:
        raise TableError(f"{fault}; give each slide of the patient once.") from fault


def print_case(found: "list[CaseScore]") -> None:
    """Print the scores of a case, and where each comes from."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for column in ("score", "value", "unit", "from", "note"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for one in found:
        score = one.score
        stains = " + ".join(slide.called for slide in one.slides)
        table.add_row(score.name, *score_words(score), stains, score.note)
    console.print(table)
    if not found:
        console.print("None of these slides shows macrophages, α-SMA or collagen.")
    console.print(f"[dim]{RESEARCH_USE}[/]")
