"""``histo info``: what a slide is, and what would be refused."""

from typing import TYPE_CHECKING, Any

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json

if TYPE_CHECKING:
    from histo.slides import Slide

__all__ = ["info"]


def info(
    slide: given.SlideFile,
    mpp: given.Mpp = None,
    as_json: given.AsJson = False,
    debug: given.Debug = False,
) -> None:
    """Show size, µm/px and its source, levels, vendor, stain, and what would be refused."""
    with faults(debug=debug):
        from histo.slides import open_slide

        with open_slide(slide, mpp=mpp) as opened:
            facts = {"file": slide.name, **_facts(opened), **_seen(opened)}
        if as_json:
            print_json(facts)
        else:
            for name, text in _lines(facts):
                typer.echo(f"{name:<16} {text}")


def _facts(slide: "Slide") -> dict[str, Any]:
    """Return what the file says."""
    details = slide.info
    return {
        "vendor": details.vendor,
        "reader": details.reader,
        "size_px": _size(slide.shape),
        "levels": [
            {"size_px": _size(level.shape), "downsample": level.downsample[0]}
            for level in slide.levels
        ],
        "um_per_px": None,
        "um_per_px_source": details.spacing_source,
        "size_mm": None,
        "objective": details.objective_power,
        "icc_profile": details.icc_profile,
    }


def _seen(slide: "Slide") -> dict[str, Any]:
    """Return what scoring would find, as far as it would get; where it stops is ``refused``."""
    from histo.errors import HistoError
    from histo.pipeline import ScoreOptions, choose_bundles, survey_slide
    from histo.pipeline.answering import marker_of

    found: dict[str, Any] = {}
    notes, refused = list(slide.info.notes), []
    try:
        spacing = slide.spacing
        found["um_per_px"] = {"x": spacing.col, "y": spacing.row}
        height, width = slide.shape
        found["size_mm"] = [width * spacing.col / 1000, height * spacing.row / 1000]
        seen = survey_slide(slide)
        tissue = seen.tissue
        found["tissue_mm2"] = tissue.spacing.area_mm2(int(tissue.tissue.sum()))
        found["excluded_mm2"] = tissue.spacing.area_mm2(int((tissue.exclusion > 0).sum()))
        found["stain"] = str(seen.stain.stain)
        found["stain_confidence"] = seen.stain.confidence
        marker = marker_of(slide.name, seen.stain, ScoreOptions())
        found["marker"] = None if marker is None else str(marker)
        bundles, more = choose_bundles(seen.stain, ScoreOptions(marker=marker))
        found["bundles"] = [bundle.card.name for bundle in bundles]
        notes += more
    except HistoError as fault:
        refused.append(str(fault))
    return {**found, "notes": notes, "refused": refused}


def _size(shape: tuple[int, int]) -> list[int]:
    return [shape[1], shape[0]]


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (name, words) of what is worth a line to a person."""
    mm, size, levels = facts["size_mm"], facts["size_px"], facts["levels"]
    lines = [
        ("file", facts["file"]),
        ("format", f"{facts['vendor']}, read by {facts['reader']}"),
        ("size", f"{size[0]} x {size[1]} px" + (f", {mm[0]:.2f} x {mm[1]:.2f} mm" if mm else "")),
        ("levels", ", ".join(f"1:{level['downsample']:g}" for level in levels)),
        ("spacing", _spacing(facts)),
        ("ICC profile", "embedded" if facts["icc_profile"] else "none"),
    ]
    if facts["objective"]:
        lines.append(("objective", f"{facts['objective']:g}x"))
    if "tissue_mm2" in facts:
        lines.append(("tissue", f"{facts['tissue_mm2']:.4g} mm²"))
        lines.append(("  of it unfit", f"{facts['excluded_mm2']:.4g} mm²"))
    if "stain" in facts:
        lines.append(("stain", f"{facts['stain']} (confidence {facts['stain_confidence']:.2f})"))
    if facts.get("marker"):
        lines.append(("marker", f"{facts['marker']}, by the file's name"))
    if "bundles" in facts:
        lines.append(("bundles", ", ".join(facts["bundles"])))
    lines += [("note", note) for note in facts["notes"]]
    return lines + [("refused", fault) for fault in facts["refused"] or ["no"]]


def _spacing(facts: dict[str, Any]) -> str:
    um = facts["um_per_px"]
    if um is None:
        return "not known"
    return f"{um['x']:.4g} x {um['y']:.4g} µm/px (from {facts['um_per_px_source']})"
