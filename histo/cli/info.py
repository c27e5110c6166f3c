"""``histo info``: what a slide is, and what would be refused."""

from pathlib import Path
from typing import Annotated, Any

import typer

from histo.cli.console import DEBUG, JSON, faults, print_json

__all__ = ["info"]


def info(
    slide: Annotated[Path, typer.Argument(help="A slide file.", show_default=False)],
    mpp: Annotated[float | None, typer.Option(help="µm/px of the slide.")] = None,
    as_json: bool = JSON,
    debug: bool = DEBUG,
) -> None:
    """Show size, µm/px and its source, levels, vendor, stain, and what would be refused."""
    with faults(debug=debug):
        facts = _facts(slide, mpp)
        if as_json:
            print_json(facts)
            return
        for key, value in facts.items():
            for line in value if isinstance(value, list) else [value]:
                typer.echo(f"{key.replace('_', ' '):<16} {line}")


def _facts(path: Path, mpp: float | None) -> dict[str, Any]:
    from histo.errors import HistoError
    from histo.slides import open_slide

    with open_slide(path, mpp=mpp) as slide:
        height, width = slide.shape
        details = slide.info
        facts: dict[str, Any] = {
            "file": path.name,
            "size_px": f"{width} x {height}",
            "um_per_px": None,
            "spacing_source": details.spacing_source,
            "levels": [
                f"{level.shape[1]} x {level.shape[0]} (1:{level.downsample[0]:g})"
                for level in slide.levels
            ],
            "vendor": details.vendor,
            "reader": details.reader,
            "objective": details.objective_power,
            "icc_profile": "embedded" if details.icc_profile else "none",
            "notes": list(details.notes),
            "refused": [],
        }
        try:
            spacing = slide.spacing
            facts["um_per_px"] = f"{spacing.col:.4g} x {spacing.row:.4g}"
            facts["size_mm"] = (
                f"{width * spacing.col / 1000:.2f} x {height * spacing.row / 1000:.2f}"
            )
            facts |= _seen(slide)
        except HistoError as fault:
            facts["refused"].append(str(fault))
    return facts


def _seen(slide: Any) -> dict[str, Any]:
    """Look at the low-power view: stain and tissue."""
    from histo.pipeline import TISSUE_UM_PER_PX, ScoreOptions, choose_bundles
    from histo.errors import HistoError
    from histo.stains import identify_stain
    from histo.tissue import tissue_map

    view, spacing = slide.thumbnail(TISSUE_UM_PER_PX)
    tissue = tissue_map(view, spacing)
    guess = identify_stain(view, tissue.measurable, tissue.white_point)
    found: dict[str, Any] = {
        "stain": f"{guess.stain} (confidence {guess.confidence:.2f})",
        "tissue_mm2": round(spacing.area_mm2(int(tissue.tissue.sum())), 3),
    }
    try:
        bundles, notes = choose_bundles(guess, ScoreOptions())
        found["bundles"] = [bundle.card.name for bundle in bundles]
        found["notes"] = [*slide.info.notes, *notes]
    except HistoError as fault:
        found["refused"] = [str(fault)]
    return found
