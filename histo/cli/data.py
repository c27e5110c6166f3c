"""``histo data``: manifests checked, split, looked at, and made from public data sets."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json, progress_bar

if TYPE_CHECKING:
    from histo.training.manifests.check import Check
    from histo.training.manifests.recipes import Recipe

__all__ = ["app"]

app = typer.Typer(help="Check, split and prepare manifests of training data.", no_args_is_help=True)

_Manifest = Annotated[Path, typer.Argument(help="A manifest, CSV.", show_default=False)]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


class _By(StrEnum):
    """What stays together in a split."""

    PATIENT = "patient"
    SITE = "site"


@app.command("check")
def check(
    manifest: _Manifest,
    as_json: given.AsJson = False,
    quiet: _Quiet = False,
    debug: given.Debug = False,
) -> None:
    """Check columns, files, µm/px, patients crossing splits, class balance and licences."""
    with faults(debug=debug):
        from histo.training.manifests.check import check_manifest
        from histo.training.manifests.manifest import inspect_manifest

        read, wrong = inspect_manifest(manifest)
        with progress_bar(manifest.name, quiet=quiet or as_json) as tell:
            found = check_manifest(read, tell=lambda done, total: tell("slides", done, total))
        found.faults = sorted([*wrong, *found.faults], key=lambda fault: fault.row)
        if as_json:
            print_json(_as_dict(found, len(read.rows)))
        else:
            _print(found, len(read.rows))
        if found.faults:
            raise typer.Exit(1)


@app.command("split")
def split(
    manifest: _Manifest,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The new manifest; the same one if unset.")
    ] = None,
    by: Annotated[_By, typer.Option(help="What stays together.")] = _By.PATIENT,
    train: Annotated[float, typer.Option(min=0.01, help="Share of train.")] = 0.7,
    val: Annotated[float, typer.Option(min=0, help="Share of validation.")] = 0.15,
    test: Annotated[float, typer.Option(min=0, help="Share of test.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Forget the splits there are.")] = False,
    debug: given.Debug = False,
) -> None:
    """Give every row a split, balanced over organs; a patient is never in two."""
    with faults(debug=debug):
        from collections import Counter

        from histo.errors import ConfigError
        from histo.training.manifests.manifest import read_manifest, write_manifest
        from histo.training.manifests.split import Shares, split_rows

        read = read_manifest(manifest)
        target = out or manifest
        if target.resolve().parent != manifest.resolve().parent:
            raise ConfigError(
                "--out stays in the manifest's folder, as its paths are relative to that."
            )
        rows = split_rows(read.rows, Shares(train, val, test), by=by.value, seed=seed, again=again)
        write_manifest(target, rows)
        for name, count in sorted(Counter(row.split for row in rows).items()):
            patients = len({row.patient for row in rows if row.split == name})
            typer.echo(f"{name:<6} {count} rows, {patients} patients")


@app.command("prepare")
def prepare(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, or a YAML file.")],
    folder: Annotated[Path, typer.Argument(help="Where the download was unpacked.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The manifest; FOLDER/manifest.csv if unset.")
    ] = None,
    mpp: given.Mpp = None,
    overwrite: given.Overwrite = False,
    debug: given.Debug = False,
) -> None:
    """Make the manifest of a public data set from its folder; nothing is downloaded."""
    with faults(debug=debug):
        from histo.errors import OutputError
        from histo.training.manifests.manifest import write_manifest
        from histo.training.manifests.recipes import load_recipe, prepare_rows

        known = load_recipe(recipe)
        target = out or folder / "manifest.csv"
        if target.exists() and not overwrite:
            raise OutputError(f"{target.name} is there already; --overwrite replaces it.")
        rows, left_out = prepare_rows(known, folder, target.parent, mpp)
        write_manifest(target, rows)
        patients = len({row.patient for row in rows})
        typer.echo(f"{target.name}: {len(rows)} rows, {patients} patients, licence {known.licence}")
        if left_out:
            typer.echo(f"{left_out} slides have no annotation file and were left out.", err=True)
        for line in known.unknown:
            typer.echo(f"Note: {line}", err=True)


@app.command("recipes")
def recipes(as_json: given.AsJson = False, debug: given.Debug = False) -> None:
    """List the public data sets there are recipes for."""
    with faults(debug=debug):
        from histo.training.manifests.recipes import load_recipe, recipe_names

        known = [load_recipe(name) for name in recipe_names()]
        if as_json:
            print_json([recipe.model_dump(mode="json") for recipe in known])
            return
        for recipe in known:
            typer.echo(f"{recipe.name:<10} {_teaches(recipe):<29} {recipe.licence}")
            typer.echo(f"{'':<10} {recipe.title}; {recipe.link}")


@app.command("preview")
def preview(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture, PNG.")] = Path("sheet.png"),
    um_per_px: Annotated[float, typer.Option(min=0.1, max=16, help="Of the patches.")] = 0.5,
    tile: Annotated[int, typer.Option(min=64, max=1024, help="Side of a patch, px.")] = 256,
    split: Annotated[str, typer.Option(help="Rows of this split only.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other patches.")] = 0,
    plain: Annotated[bool, typer.Option("--plain", help="As scanned, nothing changed.")] = False,
    overwrite: given.Overwrite = False,
    debug: given.Debug = False,
) -> None:
    """Draw 64 patches as training sees them, with the outlines of their labels."""
    with faults(debug=debug):
        from histo.errors import OutputError
        from histo.training.manifests.manifest import read_manifest
        from histo.training.samples.preview import preview_samples, preview_sheet, write_sheet
        from histo.training.samples.slide_samples import SampleSettings

        if out.exists() and not overwrite:
            raise OutputError(f"{out.name} is there already; --overwrite replaces it.")
        settings = SampleSettings(um_per_px, tile, count=64, seed=seed, glass_share=0.3)
        read = read_manifest(manifest)
        samples = preview_samples(read, settings, split=split, augmented=not plain)
        write_sheet(out, preview_sheet(samples))
        typer.echo(f"{out.name}: 64 patches; outlines of {', '.join(samples.components)}")


def _teaches(recipe: "Recipe") -> str:
    found = [c for class_map in recipe.class_maps.values() for c in class_map.components]
    return ", ".join(dict.fromkeys(found)) or "registration"


def _as_dict(found: "Check", rows: int) -> dict[str, Any]:
    return {
        "rows": rows,
        "faults": [vars(fault) for fault in found.faults],
        "warnings": found.warnings,
        "balance": [vars(entry) for entry in found.balance],
        "licences": found.licences,
        "licence": found.licence,
    }


def _print(found: "Check", rows: int) -> None:
    for fault in found.faults:
        typer.echo(f"FAULT  {fault}", err=True)
    for warning in found.warnings:
        typer.echo(f"note   {warning}", err=True)
    for entry in found.balance:
        typer.echo(
            f"{entry.split:<8} {entry.component:<14} {entry.present_mm2:10.4g} of "
            f"{entry.known_mm2:.4g} mm2 known, {entry.rows} rows, {entry.patients} patients"
        )
    listed = ", ".join(f"{name} ({count})" for name, count in found.licences.items())
    typer.echo(f"licences: {listed or 'none'}; a bundle inherits {found.licence}")
    typer.echo(f"{rows} rows, {len(found.faults)} faults, {len(found.warnings)} notes")
