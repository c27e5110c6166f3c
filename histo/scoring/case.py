"""Several slides of one patient: each answers for what its stain shows; nothing is averaged."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from histo.scoring.composites import StainedArea, asi_score
from histo.scoring.score import Score
from histo.vocabulary import Marker, Stain

__all__ = ["CaseScore", "CaseSlide", "Spread", "case_scores", "spreads"]

UNREGISTERED = "unregistered sections: areas, not overlap"
"""What every composite of two sections says."""

_TAM = (Marker.CD68, Marker.CD163, Marker.CD204)


@dataclass(frozen=True)
class CaseSlide:
    """A scored slide of a case.

    Attributes
    ----------
    fingerprint
        Hash of its content.
    stain
        As it was scored.
    marker
        What the brown of an immunostain stands for; None for others.
    scores
        Its scores by name.
    """

    fingerprint: str
    stain: Stain
    marker: Marker | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """Stain or marker, for a reader."""
        return str(self.marker or self.stain)


@dataclass(frozen=True)
class CaseScore:
    """A score of a case, and the slides it comes from."""

    score: Score
    slides: tuple[CaseSlide, ...]


@dataclass(frozen=True)
class Spread:
    """Smallest and largest value where several slides answer for one score."""

    name: str
    low: float
    high: float
    slides: int


def case_scores(slides: Sequence[CaseSlide]) -> list[CaseScore]:
    """Return what the slides of one patient say together.

    Macrophages come from CD68, CD163 and CD204 slides, α-SMA from its own, collagen from trichrome
    and picrosirius red, or from H&E if there is neither. Where several slides answer, each stands
    for itself. The activated stroma index is given for every pair of an α-SMA slide and a collagen
    slide; the sections are not registered, so it compares areas.

    Parameters
    ----------
    slides
        All of one patient.

    Raises
    ------
    ValueError
        If a slide is there twice.
    """
    if len({slide.fingerprint for slide in slides}) != len(slides):
        raise ValueError("a slide is in the case twice")
    tam = [slide for slide in slides if slide.marker in _TAM]
    asma = [slide for slide in slides if slide.marker == Marker.ASMA]
    collagen = [slide for slide in slides if slide.stain in (Stain.MASSON, Stain.PSR)]
    collagen = collagen or [slide for slide in slides if slide.stain == Stain.HE]
    found = [
        CaseScore(score, (slide,))
        for members, wanted in ((tam, _is_tam), (asma, _is_asma), (collagen, _is_collagen))
        for slide in members
        for score in slide.scores.values()
        if wanted(score.name)
    ]
    return found + [_asi(*pair) for pair in product(asma, collagen)]


def spreads(found: Sequence[CaseScore]) -> list[Spread]:
    """Return the range of each score that several slides give; values that are NaN are left out."""
    values: dict[str, list[float]] = {}
    for one in found:
        if not math.isnan(one.score.value):
            values.setdefault(one.score.name, []).append(one.score.value)
    return [
        Spread(name, min(several), max(several), len(several))
        for name, several in values.items()
        if len(several) > 1
    ]


def _asi(asma: CaseSlide, collagen: CaseSlide) -> CaseScore:
    areas = [
        _share(slide.scores.get(f"{name}_fraction_of_stroma"))
        for slide, name in ((asma, "asma"), (collagen, "collagen"))
    ]
    return CaseScore(asi_score(*areas, note=UNREGISTERED), (asma, collagen))


def _share(score: Score | None) -> StainedArea | None:
    """Return a fraction as a stained part of 1 mm²: the index asks for shares only."""
    if score is None or math.isnan(score.value):
        return None
    return StainedArea(score.value, 1.0)


def _starts_with(prefix: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(prefix)


_is_tam, _is_asma, _is_collagen = (_starts_with(p) for p in ("tam_", "asma_", "collagen_"))
