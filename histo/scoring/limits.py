"""When a number would mislead: warnings as data, with limits a preset can change."""

from collections.abc import Sequence
from dataclasses import dataclass

from histo.scoring.score import Score, by_name

__all__ = ["ScoreWarning", "WarningLimits", "warnings_for"]


@dataclass(frozen=True)
class WarningLimits:
    """From where on a result carries a warning.

    Attributes
    ----------
    excluded_fraction
        More excluded tissue than this share of all tissue, and the headline is withheld.
    tissue_mm2
        Less measurable tissue than this is too little to speak for a tumour.
    """

    excluded_fraction: float = 0.30
    tissue_mm2: float = 1.0


@dataclass(frozen=True)
class ScoreWarning:
    """A warning and the number that caused it.

    Attributes
    ----------
    code
        Stable name of the rule.
    message
        One sentence for a reader.
    score, value, limit
        The score that caused it, its value, and the limit it crossed.
    withholds_headline
        Whether the result may not be shown as a single headline number.
    """

    code: str
    message: str
    score: str
    value: float
    limit: float
    withholds_headline: bool = False


def warnings_for(
    scores: Sequence[Score], limits: WarningLimits | None = None
) -> list[ScoreWarning]:
    """Return the warnings these scores deserve.

    A rule whose score is absent or NaN does not apply.

    Parameters
    ----------
    scores
        As :func:`histo.scoring.area_scores` gives them.
    limits
        Where to warn; None takes the defaults.
    """
    limits = limits or WarningLimits()
    values = {name: score.value for name, score in by_name(tuple(scores)).items()}
    found = []
    excluded = values.get("excluded_fraction_of_tissue", float("nan"))
    if excluded > limits.excluded_fraction:
        message = (
            f"{excluded:.0%} of the tissue is excluded (limit {limits.excluded_fraction:.0%}): "
            "what is left may not speak for the slide, so no headline value is given."
        )
        name, limit = "excluded_fraction_of_tissue", limits.excluded_fraction
        found.append(ScoreWarning("much_excluded", message, name, excluded, limit, True))
    tissue = values.get("measurable_tissue_mm2", float("nan"))
    if tissue < limits.tissue_mm2:
        message = (
            f"only {tissue:.2g} mm² of tissue is measurable (limit {limits.tissue_mm2:g} mm²): "
            "fractions of so little tissue vary widely."
        )
        name, limit = "measurable_tissue_mm2", limits.tissue_mm2
        found.append(ScoreWarning("little_tissue", message, name, tissue, limit))
    return found
