"""``histo train``: from a configuration to a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from histo.cli import options as given
from histo.cli.console import faults

__all__ = ["train"]


def train(
    config: Annotated[str, typer.Option(help="A YAML file, or the name of a shipped one.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the bundle; runs/NAME if unset.")
    ] = None,
    cross_validation: Annotated[
        bool, typer.Option(help="Measure on held-out cores and organs first.")
    ] = True,
    debug: given.Debug = False,
) -> None:
    """Train a network from a configuration and write its bundle."""
    with faults(debug=debug):
        _needs_extra()
        from histo.assets import config_path
        from histo.training.config import TrainingConfig
        from histo.training.run import train_bundle

        settings = TrainingConfig.from_yaml(config_path(config))
        folder = out or Path("runs") / settings.name
        train_bundle(settings, folder, cross_validation=cross_validation, say=typer.echo)


def _needs_extra() -> None:
    from importlib.util import find_spec

    from histo.errors import BackendError

    if any(find_spec(name) is None for name in ("torch", "lightning", "albumentations", "onnx")):
        raise BackendError("training needs more: pip install 'histo-stroma[train]'")
