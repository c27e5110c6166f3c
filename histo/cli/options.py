"""The options of commands: their words, and what is wrong usage whatever the slide."""

from pathlib import Path
from typing import Annotated

import typer

from histo.assets import bundle_path, config_path
from histo.errors import BundleError, ConfigError
from histo.vocabulary import Device, Marker, Precision, Stain

__all__ = [
    "ApplyIcc",
    "AsJson",
    "Batch",
    "Bundles",
    "CaseName",
    "Debug",
    "FibreFields",
    "Force",
    "MarkerSaid",
    "Mpp",
    "Out",
    "Overwrite",
    "PanelName",
    "PrecisionAsked",
    "Roi",
    "RunsOn",
    "SlideFile",
    "SlideFiles",
    "StainSaid",
    "Threads",
    "Tile",
]


def _plausible(mpp: float | None) -> float | None:
    """Refuse a µm/px that no slide has."""
    if mpp is None:
        return None
    from histo.slides.spacing import PLAUSIBLE_UM_PER_PX, plausible

    if not plausible(mpp):
        low, high = PLAUSIBLE_UM_PER_PX
        raise typer.BadParameter(
            f"{mpp:g} is outside {low:g} to {high:g} µm/px; 20x is about 0.5, 40x about 0.25."
        )
    return mpp


def _known_panel(name: str) -> str:
    try:
        config_path(name)
    except ConfigError as fault:
        raise typer.BadParameter(str(fault)) from None
    return name


def _known_bundles(names: list[str] | None) -> list[str]:
    try:
        for name in names or ():
            bundle_path(name)
    except BundleError as fault:
        raise typer.BadParameter(str(fault)) from None
    return names or []


SlideFile = Annotated[Path, typer.Argument(help="A slide file.", show_default=False)]
SlideFiles = Annotated[list[Path], typer.Argument(help="Slide files.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")]
Mpp = Annotated[
    float | None,
    typer.Option("--mpp", callback=_plausible, help="µm/px of the slide; counts before its own."),
]
StainSaid = Annotated[
    Stain | None,
    typer.Option("--stain", case_sensitive=False, help="The stain; else it is identified."),
]
MarkerSaid = Annotated[
    Marker | None,
    typer.Option("--marker", case_sensitive=False, help="What the brown of DAB stands for."),
]
PanelName = Annotated[
    str, typer.Option("--panel", callback=_known_panel, help="Preset: which bundles answer.")
]
Bundles = Annotated[
    list[str] | None,
    typer.Option(
        "--bundle", callback=_known_bundles, help="Bundle by name or folder, not the panel's."
    ),
]
CaseName = Annotated[
    str | None,
    typer.Option("--case", help="The slides are one patient's: also write a case of this name."),
]
Roi = Annotated[
    Path | None,
    typer.Option(
        "--roi",
        exists=True,
        dir_okay=False,
        help="Regions (GeoJSON, ImageScope or ASAP XML); only tissue inside is scored.",
    ),
]
RunsOn = Annotated[Device, typer.Option("--device", help="Where the network runs.")]
PrecisionAsked = Annotated[Precision, typer.Option("--precision", help="Its arithmetic.")]
Tile = Annotated[int | None, typer.Option("--tile", min=64, max=8192, help="Tile side in px.")]
Batch = Annotated[int, typer.Option("--batch", min=1, max=1024, help="Tiles at once.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, max=256, help="Reader threads.")]
FibreFields = Annotated[
    int,
    typer.Option(
        "--fibres", min=0, max=1000, help="Fields to measure fibres in; 0 leaves them out."
    ),
]
ApplyIcc = Annotated[bool, typer.Option("--apply-icc", help="Apply the ICC profile.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace older results.")]
Force = Annotated[bool, typer.Option("--force", help="Go on where stains clash.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and details.")]
