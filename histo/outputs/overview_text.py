"""The words of the overview: headline, particulars, warnings, legend."""

import math
from dataclasses import dataclass
from typing import Literal

from histo.outputs.results import SlideResults
from histo.scoring import Score, by_name
from histo.vocabulary import COLOURS, RESEARCH_USE, Exclusion

__all__ = ["Entry", "legend_entries", "page_text"]


@dataclass(frozen=True)
class Entry:
    """One entry of the legend."""

    kind: Literal["outline", "fill", "hatch", "text"]
    label: str
    colour: tuple[int, int, int] = (0, 0, 0)


def page_text(results: SlideResults) -> list[tuple[str, str]]:
    """Return the header, paragraph by paragraph, as (``title``, ``text`` or ``warning``, words).

    A warning that withholds the headline takes its place.
    """
    scores = by_name(tuple(results.scores))
    withheld = any(warning.withholds_headline for warning in results.warnings)
    title = "No headline value" if withheld else _headline(results, scores)
    return [
        ("title", title),
        ("text", _particulars(results, scores)),
        ("text", RESEARCH_USE),
        *(("warning", f"Warning: {warning.message}") for warning in results.warnings),
    ]


def _headline(results: SlideResults, scores: dict[str, Score]) -> str:
    parts = [
        f"{name} {_percent(scores[f'{name}_fraction_of_tissue'].value)}"
        for _, name in results.areas
        if f"{name}_fraction_of_tissue" in scores
    ]
    if not parts:
        return "Tissue only: no component was measured"
    words = f"{', '.join(parts)} of measurable tissue"
    density = scores.get("tam_density_tissue_per_mm2")
    if density is not None and math.isfinite(density.value):
        words += f", {density.value:.3g} macrophages per mm²"
    return words[0].upper() + words[1:]


def _particulars(results: SlideResults, scores: dict[str, Score]) -> str:
    parts = []
    if "measurable_tissue_mm2" in scores:
        parts.append(f"{_area(scores['measurable_tissue_mm2'].value)} of measurable tissue")
    if "excluded_fraction_of_tissue" in scores:
        parts.append(f"{_percent(scores['excluded_fraction_of_tissue'].value)} of tissue excluded")
    slide = results.slide
    if slide.stain is not None:
        parts.append(f"{slide.stain} {slide.marker}" if slide.marker else str(slide.stain))
    parts.append(f"{slide.spacing.mean:.4g} µm/px ({slide.spacing.source})")
    parts += [f"{bundle['name']} {bundle.get('version', '')}".strip() for bundle in results.bundles]
    return "  ·  ".join(parts)


def legend_entries(results: SlideResults) -> list[Entry]:
    """Return what the colours mean, and what was not measured."""
    scores = by_name(tuple(results.scores))
    entries = [Entry("outline", _with_area("tissue", "tissue_mm2", scores), COLOURS["tissue"])]
    for _, name in results.areas:
        label = f"{name}, probability from {results.thresholds[name]:.2g}"
        entries.append(Entry("fill", _with_area(label, f"{name}_mm2", scores), COLOURS[name]))
    for reason in Exclusion:
        score = scores.get(f"excluded_{reason}_mm2")
        if score is not None and score.value > 0:
            label = _with_area(f"excluded: {reason}", score.name, scores)
            entries.append(Entry("hatch", label, COLOURS[reason]))
    if results.not_measured:
        names = ", ".join(str(entry.component) for entry in results.not_measured)
        entries.append(Entry("text", f"not measured: {names}"))
    return entries


def _with_area(label: str, name: str, scores: dict[str, Score]) -> str:
    return f"{label} ({_area(scores[name].value)})" if name in scores else label


def _area(mm2: float) -> str:
    if 0 < mm2 < 0.001:
        return "under 0.001 mm²"
    return f"{mm2:.4g} mm²" if mm2 >= 1 else f"{mm2:.3f} mm²"


def _percent(fraction: float) -> str:
    return "undefined" if math.isnan(fraction) else f"{100 * fraction:.1f} %"
