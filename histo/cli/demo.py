"""``histo demo``: draw a slide with known truth, score it, print both."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json, progress_bar
from histo.vocabulary import RESEARCH_USE

if TYPE_CHECKING:
    from histo.pipeline import ScoredSlide
    from histo.slides.phantom import PhantomTruth

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for slide and results.")] = Path(
        "histo-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws another slide.")] = 0,
    width: Annotated[
        float, typer.Option(min=0.5, max=40, help="Of the slide, mm; three quarters as high.")
    ] = 4.0,
    as_json: given.AsJson = False,
    debug: given.Debug = False,
) -> None:
    """Draw a phantom slide, score it as any slide, and print the truth beside the result."""
    with faults(debug=debug):
        from histo.pipeline import ScoreOptions, score_slide
        from histo.slides.phantom import PhantomSpec, write_phantom

        slide = _folder(out) / f"phantom-{seed}.tif"
        spec = PhantomSpec(seed=seed, width_mm=width, height_mm=0.75 * width)
        if not as_json:
            typer.echo(f"Drawing a slide with known truth: {slide} ...", err=True)
        with progress_bar(slide.name, quiet=as_json) as tell:
            truth = write_phantom(
                slide, spec, progress=lambda done, total: tell("drawing", done, total)
            )
            scored = score_slide(slide, out, ScoreOptions(overwrite=True), progress=tell)
        values = {score.name: score.value for score in scored.scores}
        rows = {
            name: {"truth": value, "found": values[name]}
            for name, value in _known(truth).items()
            if name in values
        }
        if as_json:
            print_json({"slide": str(slide), "results": str(scored.folder), "scores": rows})
        else:
            _print(rows)
            _print_next_steps(slide, scored)


def _known(truth: "PhantomTruth") -> dict[str, float]:
    """Return the true value of each score the drawing knows."""
    return {
        "tissue_mm2": truth.tissue_mm2,
        "tumour_mm2": truth.tumour_mm2,
        "tumour_fraction_of_tissue": truth.tumour_mm2 / truth.tissue_mm2,
        "collagen_mm2": truth.collagen_mm2,
        "collagen_fraction_of_tissue": truth.collagen_mm2 / truth.tissue_mm2,
    }


def _folder(out: Path) -> Path:
    from histo.errors import OutputError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{out} is a file; --out expects a folder.") from None
    except OSError as fault:
        raise OutputError(f"{out} cannot be made ({fault.strerror or fault}).") from fault
    return out


def _print(rows: dict[str, dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("score", "truth", "found", "difference"):
        table.add_column(title, justify="left" if title == "score" else "right")
    for name, row in rows.items():
        change = f"{(row['found'] / row['truth'] - 1):+.1%}"
        table.add_row(name, f"{row['truth']:.4g}", f"{row['found']:.4g}", change)
    Console().print(table)


def _print_next_steps(slide: Path, scored: "ScoredSlide") -> None:
    for line in (
        "The slide is a drawing: tissue must agree closely; networks learnt on real sections and "
        "can only be sensible here.",
        f"Open {scored.folder / 'overview.png'} next; in QuPath, {slide} with "
        f"{scored.folder / 'regions.geojson'}.",
        RESEARCH_USE,
    ):
        typer.echo(line)
