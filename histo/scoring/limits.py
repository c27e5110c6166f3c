"""When a number would mislead: warnings as data, with limits a panel can change."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from histo.config import WarningLimits
from histo.scoring.score import Score, by_name

__all__ = ["RULES", "Rule", "ScoreWarning", "WarningLimits", "warnings_for"]


@dataclass(frozen=True)
class Rule:
    """A score, the limit it may cross, and what is said if it does.

    Attributes
    ----------
    code
        Stable name of the rule.
    score
        Regular expression of the whole name of the score.
    limit
        Field of :class:`WarningLimits`.
    above
        Whether to warn above the limit or below it.
    message
        One sentence with the fields ``{name}``, ``{value}`` and ``{limit}``.
    withholds_headline
        Whether the result may not be shown as a single headline number.
    """

    code: str
    score: str
    limit: str
    above: bool
    message: str
    withholds_headline: bool = False

    def applies(self, score: Score, limit: float) -> bool:
        """Whether a score crosses the limit; NaN does not."""
        return score.value > limit if self.above else score.value < limit


RULES = (
    Rule(
        "much_excluded",
        "excluded_fraction_of_tissue",
        "excluded_fraction",
        True,
        "{value:.0%} of the tissue is excluded (limit {limit:.0%}): "
        "what is left may not speak for the slide, so no headline value is given.",
        withholds_headline=True,
    ),
    Rule(
        "little_tissue",
        "measurable_tissue_mm2",
        "tissue_mm2",
        False,
        "only {value:.2g} mm² of tissue is measurable (limit {limit:g} mm²): "
        "fractions of so little tissue vary widely.",
    ),
    Rule(
        "little_tumour",
        "tumour_tissue_mm2",
        "tumour_mm2",
        False,
        "only {value:.2g} mm² of tumour was found (limit {limit:g} mm²): "
        "its heterogeneity and its intervals are not given.",
    ),
    Rule(
        "asma_upper_bound",
        "asma_muscle_share_of_positive",
        "muscle_share",
        True,
        "{value:.0%} of the α-SMA is muscle or vessel wall (limit {limit:.0%}): "
        "the α-SMA fraction is an upper bound.",
    ),
    Rule(
        "threshold_sensitive",
        "asma_threshold_sensitivity",
        "threshold_sensitivity",
        True,
        "the α-SMA fraction moves by {value:.0%} as its cut-off moves by 20 % "
        "(limit {limit:.0%}): it depends on the threshold.",
    ),
    Rule(
        "hot_spot_chance",
        r"tam_hotspot_top\d+_chance_p",
        "chance_p",
        True,
        "the hot spot is compatible with chance (p = {value:.2g}, limit {limit:g}): "
        "cells scattered at random have fields as dense.",
    ),
    Rule(
        "tam_profile_size",
        r"tam_profile_size_\w+_um2",
        "smallest_profile_um2",
        False,
        "{name} is {value:.3g} µm² (at least {limit:g} µm² expected): "
        "count and area disagree, one of them is wrong.",
    ),
    Rule(
        "tam_profile_size",
        r"tam_profile_size_\w+_um2",
        "largest_profile_um2",
        True,
        "{name} is {value:.3g} µm² (at most {limit:g} µm² expected): "
        "count and area disagree, one of them is wrong.",
    ),
)
"""What DOMAIN knowledge says must be warned of, in the order warnings are given."""


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
    scores: Sequence[Score], limits: WarningLimits | None = None, rules: Iterable[Rule] = RULES
) -> list[ScoreWarning]:
    """Return the warnings these scores deserve.

    A rule whose score is absent or NaN does not apply.

    Parameters
    ----------
    scores
        All of a slide.
    limits
        Where to warn; None takes the defaults.
    rules
        What to warn of.

    Raises
    ------
    ValueError
        If two scores share a name.
    """
    limits = limits or WarningLimits()
    named = by_name(tuple(scores))
    return [
        warning
        for rule in rules
        for warning in _crossed(rule, named.values(), float(getattr(limits, rule.limit)))
    ]


def _crossed(rule: Rule, scores: Iterable[Score], limit: float) -> Iterator[ScoreWarning]:
    for score in scores:
        if re.fullmatch(rule.score, score.name) and rule.applies(score, limit):
            message = rule.message.format(name=score.name, value=score.value, limit=limit)
            yield ScoreWarning(
                rule.code, message, score.name, score.value, limit, rule.withholds_headline
            )
