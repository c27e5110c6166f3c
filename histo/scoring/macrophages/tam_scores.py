"""Scores of macrophages in a compartment or zone, and when count and area contradict each other."""

from histo.config import WarningLimits
from histo.geometry import Spacing
from histo.scoring.macrophages.tam import TamCounts, TamDensity, tam_density
from histo.scoring.score import Score, joined_notes

__all__ = ["PROFILE_UM2", "tam_scores"]

_LIMITS = WarningLimits()
PROFILE_UM2 = (_LIMITS.smallest_profile_um2, _LIMITS.largest_profile_um2)
"""Size that a macrophage's profile is expected to have, µm²."""


def tam_scores(
    compartment: str,
    counts: TamCounts | None,
    spacing: Spacing,
    *,
    reason: str = "",
    from_he: bool = False,
) -> list[Score]:
    """Return the four scores of one compartment or zone.

    Parameters
    ----------
    compartment
        Name as it stands in the scores: ``nest``, ``stroma``, ``margin``, ``tumour_tissue``, or a
        zone's.
    counts
        Of the whole compartment; None where it cannot be known.
    spacing
        µm/px of the mask.
    reason
        Why it cannot be known or is empty; stands in the notes of the NaN.
    from_he
        Whether the cells were inferred from H&E, which every score then says.

    Returns
    -------
    list of Score
        ``tam_count_<c>``, ``tam_density_<c>_per_mm2``, ``tam_area_fraction_of_<c>`` and
        ``tam_profile_size_<c>_um2``.
    """
    counts = counts or TamCounts(0, 0)
    found = tam_density(counts, spacing)
    where = compartment.replace("_", " ")
    at = f"at {spacing.mean:.3g} µm/px"
    no_area = "" if counts.area_px else f"undefined: {reason or f'there is no {where}'}"
    caution = "inferred from H&E, experimental" if from_he else ""
    return [
        Score(
            f"tam_count_{compartment}",
            float("nan") if no_area else float(counts.profiles),
            "1",
            f"macrophage profiles with their centre in {where}, {at}",
            "",
            no_area or joined_notes(_count_note(found), _hidden_note(counts), caution),
        ),
        Score(
            f"tam_density_{compartment}_per_mm2",
            found.per_mm2,
            "/mm2",
            f"macrophage profiles with their centre in {where}, {at}",
            f"area of {where}",
            no_area or joined_notes(_density_note(found), _hidden_note(counts), caution),
        ),
        Score(
            f"tam_area_fraction_of_{compartment}",
            found.area_fraction,
            "1",
            f"macrophage pixels in {where}, {at}",
            f"area of {where}",
            no_area or joined_notes(_fraction_note(counts), caution),
        ),
        Score(
            f"tam_profile_size_{compartment}_um2",
            found.profile_um2,
            "um2",
            f"macrophage area in {where}, {at}",
            f"macrophage profiles in {where}",
            no_area or joined_notes(_size_note(counts, found), caution),
        ),
    ]


def _count_note(found: TamDensity) -> str:
    return f"95 % Poisson interval {found.count_low:.3g} to {found.count_high:.3g}"


def _density_note(found: TamDensity) -> str:
    return f"{found.profiles} profiles, 95 % Poisson interval {found.low:.3g} to {found.high:.3g}"


def _hidden_note(counts: TamCounts) -> str:
    if not counts.hidden:
        return ""
    return f"{counts.hidden} more are too dark to show a nucleus and are not counted"


def _fraction_note(counts: TamCounts) -> str:
    return "undefined: no macrophage area was given" if counts.positive_px is None else ""


def _size_note(counts: TamCounts, found: TamDensity) -> str:
    if counts.positive_px is None:
        return "undefined: no macrophage area was given"
    if not counts.profiles:
        return "undefined: no profile was counted"
    low, high = PROFILE_UM2
    if low <= found.profile_um2 <= high:
        return ""
    return f"outside {low:g} to {high:g} µm²: count and area disagree"
