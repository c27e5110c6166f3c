"""``histo evaluate``: how well a bundle agrees with annotations."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json, progress_bar
from histo.vocabulary import RESEARCH_USE, Device, Precision

if TYPE_CHECKING:
    from histo.outputs.evaluation_files import EvaluationReport

__all__ = ["evaluate"]


class _Split(StrEnum):
    """Which rows of a manifest."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    ALL = "all"


class _ChosenOn(StrEnum):
    """Which rows thresholds may be chosen on."""

    TRAIN = "train"
    VAL = "val"


def evaluate(
    bundle: Annotated[str, typer.Argument(help="A bundle, by name or folder.", show_default=False)],
    manifest: Annotated[
        Path, typer.Argument(help="A manifest, CSV (see histo data).", show_default=False)
    ],
    split: Annotated[_Split, typer.Option("--split", help="Which rows.")] = _Split.TEST,
    threshold_from: Annotated[
        _ChosenOn | None,
        typer.Option("--threshold-from", help="Choose thresholds on these rows; else the card's."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write evaluation/ into; else only print."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            exists=True,
            file_okay=False,
            help="Folder the manifest's files are relative to; its own if unset.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of resampled intervals.")] = 0,
    device: given.RunsOn = Device.AUTO,
    precision: given.PrecisionAsked = Precision.AUTO,
    tile: given.Tile = None,
    batch: given.Batch = 4,
    threads: given.Threads = None,
    overwrite: given.Overwrite = False,
    as_json: given.AsJson = False,
    debug: given.Debug = False,
) -> None:
    """Run a bundle over annotated slides and say how well it agrees, with pictures of cases.

    Open evaluation/evaluation.md first; docs/evaluation.md says what each figure means.
    """
    with faults(debug=debug):
        from histo.config import InferenceSettings
        from histo.outputs.evaluation_files import evaluation_document, write_evaluation
        from histo.outputs.folder import result_folder
        from histo.pipeline.evaluation import EvaluationOptions, evaluate_bundle

        settings = InferenceSettings(
            device=device, precision=precision, tile_px=tile, batch=batch, threads=threads
        )
        chosen_on = None if threshold_from is None else threshold_from.value
        options = EvaluationOptions(split.value, chosen_on, data, settings, seed)
        with progress_bar(manifest.name, quiet=as_json) as tell:
            report = evaluate_bundle(bundle, manifest, options, progress=tell)
        if out is not None:
            with result_folder(out, "evaluation", overwrite=overwrite) as folder:
                write_evaluation(folder, report)
        if as_json:
            print_json(evaluation_document(report))
            return
        _print(report)
        where = "Nothing was written; --out FOLDER writes the page and its pictures."
        typer.echo(where if out is None else f"Open: {out / 'evaluation' / 'evaluation.md'}")
        typer.echo(RESEARCH_USE)


def _print(report: "EvaluationReport") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from histo.outputs.agreement_words import estimate_words

    console = Console(highlight=False, soft_wrap=True)
    evaluation = report.evaluation
    title = f"{report.bundle['name']}: {report.measured_on}"
    groups = [evaluation.overall(component) for component in evaluation.components]
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("figure")
    for group in groups:
        table.add_column(str(group.component))
    for name in dict.fromkeys(name for group in groups for name in group.figures):
        found = [group.figures.get(name) for group in groups]
        table.add_row(name, *("" if one is None else estimate_words(one) for one in found))
    source = f"chosen on {report.threshold_from}" if report.threshold_from else "the card's"
    cuts = (f"{evaluation.thresholds[group.component]:.3f}" for group in groups)
    table.add_row(f"threshold ({source})", *cuts)
    console.print(table)
    console.print(report.intervals)
    for warning in report.warnings:
        console.print(f"[yellow]Warning:[/] {escape(warning)}")
