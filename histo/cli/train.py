"""``histo train``: from a configuration to a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from histo.cli import options as given
from histo.cli.console import faults

__all__ = ["train"]


def train(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings to change: optim.lr=3e-4 seed=1", show_default=False),
    ] = None,
    config: Annotated[
        str, typer.Option(help="A YAML file, or the name of a shipped one.", show_default=False)
    ] = ...,  # type: ignore[assignment]
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the bundle; runs/NAME if unset.")
    ] = None,
    cross_validation: Annotated[
        bool, typer.Option(help="Measure on held-out cores, patients and organs first.")
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of this run.")
    ] = False,
    debug: given.Debug = False,
) -> None:
    """Train a network from a configuration and write its bundle.

    Under torchrun all processes share one training.
    """
    with faults(debug=debug):
        _needs_extra()
        from histo.assets import config_path
        from histo.training.overrides import read_config
        from histo.training.run import train_bundle

        settings = read_config(config_path(config), overrides or ())
        train_bundle(
            settings,
            out or Path("runs") / settings.name,
            cross_validation=cross_validation,
            resume=resume,
            say=typer.echo,
        )


def _needs_extra() -> None:
    from importlib.util import find_spec

    from histo.errors import BackendError

    if any(find_spec(name) is None for name in ("torch", "lightning", "albumentations", "onnx")):
        raise BackendError("training needs more: pip install 'histo-stroma[train]'")
