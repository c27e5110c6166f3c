"""``histo models``: the bundles, their cards, and whether their files are what they claim."""

from typing import Annotated

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json

__all__ = ["app"]

app = typer.Typer(help="List, show and verify bundles.", no_args_is_help=True)

_NAME = Annotated[str, typer.Argument(help="Bundle by name or folder.", show_default=False)]


@app.command("list")
def list_bundles(as_json: given.AsJson = False, debug: given.Debug = False) -> None:
    """List the bundles that ship with histo."""
    with faults(debug=debug):
        from histo.assets import bundle_names
        from histo.nn import load_bundle

        cards = [load_bundle(name).card for name in bundle_names()]
        if as_json:
            print_json([card.model_dump(mode="json") for card in cards])
            return
        if not cards:
            typer.echo("No bundle ships with this installation; histo doctor says more.", err=True)
        rows = [(card.name, ", ".join(card.stains), ", ".join(card.components)) for card in cards]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for card, row in zip(cards, rows, strict=True):
            cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            typer.echo(f"{cells}  {card.um_per_px} µm/px")


@app.command("show")
def show(name: _NAME, as_json: given.AsJson = False, debug: given.Debug = False) -> None:
    """Show the card of a bundle."""
    with faults(debug=debug):
        from histo.nn import load_bundle
        from histo.nn.readme import bundle_readme

        card = load_bundle(name).card
        if as_json:
            print_json(card.model_dump(mode="json"))
            return
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(bundle_readme(card)))


@app.command("verify")
def verify(name: _NAME, as_json: given.AsJson = False, debug: given.Debug = False) -> None:
    """Check digests, licence, size, and that every backend here gives the reference output."""
    with faults(debug=debug):
        from histo.nn import load_bundle, verify_bundle

        checks = verify_bundle(load_bundle(name))
        if as_json:
            print_json([check.as_dict() for check in checks])
        else:
            for check in checks:
                typer.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}: {check.detail}")
        if not all(check.passed for check in checks):
            raise typer.Exit(1)
