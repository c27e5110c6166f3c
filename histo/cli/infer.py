"""``histo infer``: score slides."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json, progress_bar, report, score_words, sentence
from histo.vocabulary import RESEARCH_USE, Device, Precision

if TYPE_CHECKING:
    from histo.pipeline import ScoredSlide, ScoreOptions

__all__ = ["infer", "print_scores"]


def infer(
    slides: given.SlideFiles,
    out: given.Out,
    mpp: given.Mpp = None,
    stain: given.StainSaid = None,
    marker: given.MarkerSaid = None,
    panel: given.PanelName = "default",
    bundle: given.Bundles = None,
    roi: given.Roi = None,
    fibres: given.FibreFields = 12,
    case: given.CaseName = None,
    device: given.RunsOn = Device.AUTO,
    precision: given.PrecisionAsked = Precision.AUTO,
    tile: given.Tile = None,
    batch: given.Batch = 4,
    threads: given.Threads = None,
    apply_icc: given.ApplyIcc = False,
    overwrite: given.Overwrite = False,
    force: given.Force = False,
    as_json: given.AsJson = False,
    debug: given.Debug = False,
) -> None:
    """Score slides: a folder of results for each, complete or absent.

    Exit code 0: all scored. 1: a slide failed (the others are scored). 2: wrong usage.
    """
    with faults(debug=debug):
        from histo.config import InferenceSettings
        from histo.pipeline import ScoreOptions

        settings = InferenceSettings(
            device=device,
            precision=precision,
            tile_px=tile,
            batch=batch,
            threads=threads,
            apply_icc=apply_icc,
        )
        options = ScoreOptions(
            mpp=mpp,
            stain=stain,
            marker=marker,
            panel=panel,
            bundles=tuple(bundle or ()),
            roi=roi,
            fibre_fields=fibres,
            settings=settings,
            overwrite=overwrite,
            force=force,
        )
        entries = _score_all(slides, out, options, as_json=as_json, debug=debug)
        failed = sum("error" in entry for entry in entries)
        if case is not None and failed:
            typer.echo("The case was not put together, as a slide failed.", err=True)
        elif case is not None:
            _write_case(entries, out, case, overwrite=overwrite, as_json=as_json)
        if as_json:
            print_json(entries)
        elif len(entries) > 1:
            typer.echo(f"{len(entries) - failed} of {len(entries)} slides scored.")
        if failed:
            raise typer.Exit(1)


def _score_all(
    slides: list[Path], out: Path, options: "ScoreOptions", *, as_json: bool, debug: bool
) -> list[dict[str, Any]]:
    """Score one after the other; a fault of one is that one's."""
    from histo.pipeline import score_slide

    entries: list[dict[str, Any]] = []
    names = _folder_names(slides)
    for number, (path, name) in enumerate(zip(slides, names, strict=True), 1):
        title = path.name if len(slides) == 1 else f"[{number}/{len(slides)}] {path.name}"
        try:
            with progress_bar(title, quiet=as_json) as tell:
                scored = score_slide(path, out, options, name=name, progress=tell)
        except Exception as fault:
            entries.append({"slide": name, "error": sentence(fault)})
            if debug or not as_json:
                report(fault, debug=debug)
        else:
            values = {score.name: score.value for score in scored.scores}
            entry = {"slide": name, "results": str(scored.folder), "scores": values}
            entries.append({**entry, "warnings": scored.warnings})
            if not as_json:
                print_scores(path.name, scored)
    return entries


def _write_case(
    entries: list[dict[str, Any]], out: Path, name: str, *, overwrite: bool, as_json: bool
) -> None:
    from histo.cli.case import print_case, put_together
    from histo.outputs.case_files import write_case

    found = put_together([Path(entry["results"]) for entry in entries])
    folder = write_case(out, name, found, overwrite=overwrite)
    if not as_json:
        print_case(found)
        typer.echo(f"Case: {folder}")


def _folder_names(slides: list[Path]) -> list[str]:
    """Name a result folder for each slide; slides of the same name are numbered."""
    taken: set[str] = set()  # without case, as Windows and macOS see them
    names = []
    for path in slides:
        name, number = path.stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{path.stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def print_scores(title: str, scored: "ScoredSlide") -> None:
    """Print the headline scores, what was not measured, warnings, and where the rest is."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from histo.scoring.headline import headline_scores

    console = Console(highlight=False, soft_wrap=True)
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("95 % within the slide")
    shown = headline_scores(scored.scores)
    for score in shown:
        interval = "" if score.low != score.low else f"{score.low:.3g} to {score.high:.3g}"
        table.add_row(score.name, *score_words(score), interval)
    console.print(table)
    rest = len(scored.scores) - len(shown)
    console.print(f"{rest} more scores, and what each rests on: scores.csv, scores.json")
    if scored.not_measured:
        names = ", ".join(entry.component for entry in scored.not_measured)
        console.print(f"Not measured: {names} (scores.json says what is needed)")
    for warning in scored.warnings:
        console.print(f"[yellow]Warning:[/] {escape(warning)}")
    console.print(f"Results: {escape(str(scored.folder))}")
    console.print(f"[dim]{RESEARCH_USE}[/]")
