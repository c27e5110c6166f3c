"""``histo demo``: draw a slide with known truth, score it, print both."""

from pathlib import Path
from typing import Annotated

import typer

from histo.cli.console import DEBUG, JSON, faults, print_json, progress_bar

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for slide and results.")] = Path(
        "histo-demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed draws another slide.")] = 0,
    as_json: bool = JSON,
    debug: bool = DEBUG,
) -> None:
    """Draw a phantom slide, score it as any slide, and print the truth beside the result."""
    with faults(debug=debug):
        from histo.pipeline import ScoreOptions, score_slide
        from histo.slides.phantom import PhantomSpec, write_phantom

        slide = out / f"phantom-{seed}.tif"
        out.mkdir(parents=True, exist_ok=True)
        if not as_json:
            typer.echo("Drawing a slide with known truth ...", err=True)
        truth = write_phantom(slide, PhantomSpec(seed=seed))
        with progress_bar(slide.name, quiet=as_json) as tell:
            scored = score_slide(slide, out, ScoreOptions(overwrite=True), progress=tell)
        known = {
            "tissue_mm2": truth.tissue_mm2,
            "collagen_mm2": truth.collagen_mm2,
            "collagen_fraction_of_tissue": truth.collagen_mm2 / truth.tissue_mm2,
        }
        values = {score.name: score.value for score in scored.scores}
        if as_json:
            rows = {name: {"truth": known[name], "found": values[name]} for name in known}
            print_json({"results": str(scored.folder), "scores": rows})
            return
        _print(known, values)
        typer.echo(f"Open {scored.folder / 'overview.png'}")


def _print(known: dict[str, float], values: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("score", "truth", "found", "difference"):
        table.add_column(title, justify="left" if title == "score" else "right")
    for name, truth in known.items():
        change = f"{(values[name] / truth - 1):+.1%}"
        table.add_row(name, f"{truth:.4g}", f"{values[name]:.4g}", change)
    console = Console()
    console.print(table)
    console.print(
        "The slide is a drawing: tissue must agree closely; the network learnt collagen on real "
        "sections and can only be sensible here.",
        highlight=False,
    )
