"""The score specification: what every score is, in one versioned file that code and docs read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from histo.scoring.score import Score

__all__ = ["Reference", "ScoreSpec", "Specification", "specification"]

_PLACES = {
    "component": "tumour|collagen|myofibroblast|macrophage|muscle|necrosis|positive",
    "compartment": "nest|stroma|margin|tumour_tissue|tissue",
    "zone": r"nest_zone_\d+_\d+_um|margin_inner|margin_outer",
    "exclusion": "blur|pen|fold|bubble",
    "what": "collagen|tam|asma",
    "part": "collagen|asma",
    "k": r"\d+",
}
"""What a placeholder in a score's name stands for."""


@dataclass(frozen=True)
class Reference:
    """Where a score comes from."""

    text: str
    doi: str = ""


@dataclass(frozen=True)
class ScoreSpec:
    """One score, or a family of scores whose names differ in a placeholder.

    Attributes
    ----------
    name
        Name as it stands in results; ``{component}`` and the like stand for any of theirs.
    unit
        UCUM code.
    title, formula, numerator, denominator
        For a reader.
    max_um_per_px
        Coarsest analysis at which it means anything; None where any will do.
    needs
        Components, compartments or other inputs without which it is NaN or not measured.
    low, high
        Range a sane value lies in; None is open.
    warnings
        Codes of the warnings it may carry.
    reading
        What it is, how to read it, when not to believe it: for a pathologist.
    """

    name: str
    unit: str
    title: str
    formula: str
    numerator: str
    denominator: str
    reading: str
    group: str
    max_um_per_px: float | None = None
    needs: tuple[str, ...] = ()
    stains: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    warnings: tuple[str, ...] = ()
    references: tuple[Reference, ...] = field(default=())

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a score's whole name must match."""
        return _pattern(self.name)

    def allows(self, value: float) -> bool:
        """Whether a value lies in the sane range; NaN always does."""
        below = self.low is not None and value < self.low
        above = self.high is not None and value > self.high
        return not (below or above)


@dataclass(frozen=True)
class Specification:
    """Every score histo can give."""

    version: str
    scores: tuple[ScoreSpec, ...]

    def of(self, name: str) -> ScoreSpec:
        """Return the entry a score's name belongs to.

        Raises
        ------
        KeyError
            If there is none: a score without specification is a defect.
        """
        for entry in self.scores:
            if entry.pattern.fullmatch(name):
                return entry
        raise KeyError(f"the score {name} is not in specification.yaml")

    def faults(self, scores: Iterable[Score]) -> list[str]:
        """Return a sentence for each score that disagrees with its entry; empty if none does."""
        found = []
        for score in scores:
            try:
                entry = self.of(score.name)
            except KeyError as fault:
                found.append(str(fault.args[0]))
                continue
            if entry.unit != score.unit:
                found.append(f"{score.name} is in {score.unit}, its specification in {entry.unit}")
            if not entry.allows(score.value):
                found.append(f"{score.name} = {score.value:g} is outside its sane range")
        return found

    def too_coarse(self, scores: Iterable[Score], um_per_px: float) -> list[str]:
        """Return the names of the scores that mean something at finer pixels only.

        Parameters
        ----------
        scores
            Measured on one canvas.
        um_per_px
            Of that canvas; 3 % above the limit is allowed, as scanners are.
        """
        limits = ((score.name, self.of(score.name).max_um_per_px) for score in scores)
        return [name for name, most in limits if most is not None and um_per_px > 1.03 * most]


@cache
def specification() -> Specification:
    """Return the specification that ships with histo."""
    file = resources.files("histo.scoring") / "specification.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return Specification(
        version=str(content["version"]),
        scores=tuple(
            _entry(entry, group["group"])
            for group in content["groups"]
            for entry in group["scores"]
        ),
    )


def _entry(values: dict[str, Any], group: str) -> ScoreSpec:
    low, high = values.pop("range", [None, None])
    references = tuple(Reference(**one) for one in values.pop("references", []))
    for name in ("needs", "stains", "warnings"):
        values[name] = tuple(values.get(name, ()))
    return ScoreSpec(group=group, low=low, high=high, references=references, **values)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", name)
    return re.compile(
        "".join(
            f"(?:{_PLACES[part]})" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
    )
