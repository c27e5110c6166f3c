"""``histo infer``: score slides."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from histo.cli.console import DEBUG, JSON, faults, print_json, progress_bar, sentence
from histo.vocabulary import RESEARCH_USE, Marker, Stain

if TYPE_CHECKING:
    from histo.pipeline import ScoredSlide, ScoreOptions

__all__ = ["infer", "print_scores"]


def infer(
    slides: Annotated[list[Path], typer.Argument(help="Slide files.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    mpp: Annotated[
        float | None, typer.Option(help="µm/px of the slide; counts before its own.")
    ] = None,
    stain: Annotated[
        Stain | None, typer.Option(case_sensitive=False, help="The stain; else it is identified.")
    ] = None,
    marker: Annotated[
        Marker | None, typer.Option(case_sensitive=False, help="What the brown of DAB stands for.")
    ] = None,
    panel: Annotated[str, typer.Option(help="Preset: which bundles answer.")] = "default",
    bundle: Annotated[
        list[str] | None, typer.Option(help="Bundle by name or folder, instead of the panel's.")
    ] = None,
    roi: Annotated[
        Path | None, typer.Option(help="GeoJSON of regions; only tissue inside is scored.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps or torch-cpu.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, f32 or bf16.")] = "auto",
    tile: Annotated[int | None, typer.Option(help="Tile side in px.")] = None,
    batch: Annotated[int, typer.Option(help="Tiles at once.")] = 4,
    threads: Annotated[int | None, typer.Option(help="Reader threads.")] = None,
    apply_icc: Annotated[bool, typer.Option("--apply-icc", help="Apply the ICC profile.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace older results.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Go on where stains clash.")] = False,
    as_json: bool = JSON,
    debug: bool = DEBUG,
) -> None:
    """Score slides: a folder of results for each, complete or absent.

    Exit code 0: all scored. 1: a slide failed (the others are scored). 2: wrong usage.
    """
    with faults(debug=debug):
        from histo.config import InferenceSettings
        from histo.pipeline import ScoreOptions

        settings = InferenceSettings.parse(
            {
                "device": device,
                "precision": precision,
                "tile_px": tile,
                "batch": batch,
                "threads": threads,
                "apply_icc": apply_icc,
            },
            "the command line",
        )
        options = ScoreOptions(
            mpp=mpp,
            stain=stain,
            marker=marker,
            panel=panel,
            bundles=tuple(bundle or ()),
            roi=roi,
            settings=settings,
            overwrite=overwrite,
            force=force,
        )
        entries = _score_all(slides, out, options, as_json=as_json, debug=debug)
        if as_json:
            print_json(entries)
        elif len(entries) > 1:
            failed = sum("error" in entry for entry in entries)
            typer.echo(f"{len(entries) - failed} of {len(entries)} slides scored.")
        if any("error" in entry for entry in entries):
            raise typer.Exit(1)


def _score_all(
    slides: list[Path], out: Path, options: "ScoreOptions", *, as_json: bool, debug: bool
) -> list[dict[str, Any]]:
    """Score one after the other; a fault of one is that one's."""
    from histo.errors import HistoError
    from histo.pipeline import score_slide

    entries: list[dict[str, Any]] = []
    names = _folder_names(slides)
    for number, (path, name) in enumerate(zip(slides, names, strict=True), 1):
        title = path.name if len(slides) == 1 else f"[{number}/{len(slides)}] {path.name}"
        try:
            with progress_bar(title, quiet=as_json) as tell:
                scored = score_slide(path, out, options, name=name, progress=tell)
        except Exception as fault:
            if debug and not isinstance(fault, HistoError):
                raise
            entries.append({"slide": name, "error": sentence(fault)})
            if not as_json:
                typer.echo(f"Error: {sentence(fault)}", err=True)
        else:
            values = {score.name: score.value for score in scored.scores}
            entry = {"slide": name, "results": str(scored.folder), "scores": values}
            entries.append({**entry, "warnings": scored.warnings})
            if not as_json:
                print_scores(path.name, scored)
    return entries


def _folder_names(slides: list[Path]) -> list[str]:
    """Name a result folder for each slide; slides of the same name are numbered."""
    seen: dict[str, int] = {}
    names = []
    for path in slides:
        key = path.stem.casefold()
        seen[key] = seen.get(key, 0) + 1
        names.append(path.stem if seen[key] == 1 else f"{path.stem}-{seen[key]}")
    return names


def print_scores(title: str, scored: "ScoredSlide") -> None:
    """Print what matters for a person: scores that are not zero exclusions, and warnings."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for score in scored.scores:
        if score.name.startswith("excluded_") and score.value == 0:
            continue
        value = "not defined" if score.value != score.value else f"{score.value:.4g}"
        table.add_row(score.name, value, "" if score.unit == "1" else score.unit)
    console.print(table)
    for warning in scored.warnings:
        console.print(f"[yellow]Warning:[/] {warning}", highlight=False)
    console.print(f"Results: {scored.folder}", highlight=False, soft_wrap=True)
    console.print(f"[dim]{RESEARCH_USE}[/]", highlight=False)
