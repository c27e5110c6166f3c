"""What a score is: a number that says what it was divided by."""

from dataclasses import dataclass

__all__ = ["NotMeasured", "Score", "by_name", "joined_notes"]


@dataclass(frozen=True)
class Score:
    """One number with everything needed to read it.

    Attributes
    ----------
    name
        Stable name; a unit, where there is one, stands in it (``collagen_mm2``).
    value
        The number; NaN where it is undefined, never 0 for lack of data.
    unit
        UCUM code: ``mm2`` for areas, ``1`` for fractions (0 to 1).
    numerator
        What was counted, with its threshold and µm/px.
    denominator
        What it was divided by; empty for an amount.
    note
        Why the value is NaN, or what to keep in mind.
    low, high
        95 % within-slide spatial interval: how far the value would move if another part of the
        same tissue had been on the slide. It knows nothing of other slides or patients. NaN where
        none can be given.
    """

    name: str
    value: float
    unit: str
    numerator: str
    denominator: str = ""
    note: str = ""
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class NotMeasured:
    """A component nothing answered for, and what would be needed to measure it."""

    component: str
    needed: str


def by_name(scores: "list[Score] | tuple[Score, ...]") -> dict[str, Score]:
    """Return the scores keyed by name.

    Raises
    ------
    ValueError
        If two scores share a name.
    """
    keyed = {score.name: score for score in scores}
    if len(keyed) != len(scores):
        raise ValueError("two scores share a name; names are unique in a result")
    return keyed


def joined_notes(*notes: str) -> str:
    """Return the notes that say something, as one.

    Examples
    --------
    >>> joined_notes("upper bound", "", "no interval")
    'upper bound; no interval'
    """
    return "; ".join(note for note in notes if note)
