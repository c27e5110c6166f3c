"""Rules for µm/px: where it may come from, what is plausible, and what to say when it is not."""

from math import isfinite

from histo.errors import SpacingError
from histo.geometry import Spacing

__all__ = ["PLAUSIBLE_UM_PER_PX", "parse_positive", "plausible", "resolve_spacing", "user_spacing"]

PLAUSIBLE_UM_PER_PX = (0.1, 1.2)
_REMEDY = "Pass --mpp (20x is about 0.5, 40x about 0.25{hint})."
_DIFFERS = 0.05


def plausible(um_per_px: float) -> bool:
    """Whether a number can be the µm/px of a scanned slide."""
    low, high = PLAUSIBLE_UM_PER_PX
    return isfinite(um_per_px) and low <= um_per_px <= high


def parse_positive(text: object) -> float | None:
    """Read a positive number from a file's text field; None where it holds none."""
    try:
        number = float(str(text).replace(",", "."))
    except ValueError:
        return None
    return number if isfinite(number) and number > 0 else None


def user_spacing(mpp: float | tuple[float, float] | None, name: str) -> Spacing | None:
    """Check the µm/px a user gives; a pair is (row, col).

    Raises
    ------
    SpacingError
        If it is outside the plausible range.
    """
    if mpp is None:
        return None
    row, col = (mpp, mpp) if isinstance(mpp, int | float) else mpp
    for value in (row, col):
        if not plausible(value):
            raise SpacingError(
                f"{name}: --mpp {value:g} is outside {_range()} µm/px; "
                "20x is about 0.5, 40x about 0.25.",
                slide=name,
            )
    return Spacing(float(row), float(col), "user")


def resolve_spacing(
    name: str,
    found: Spacing | None,
    user: Spacing | None = None,
    objective_power: float | None = None,
) -> tuple[Spacing | SpacingError, tuple[str, ...]]:
    """Decide on a slide's spacing.

    Parameters
    ----------
    name
        File name, for the message.
    found, user
        What the file says and what the user says; the user's word counts.
    objective_power
        Nominal magnification, offered as a hint where the spacing is missing.

    Returns
    -------
    spacing
        The spacing, or the error to raise when somebody asks for it: a slide without µm/px can
        still be looked at.
    notes
        Sentences for the user.
    """
    if user is not None:
        return user, _notes(found, user)
    hint = f"; the slide says {objective_power:g}x" if objective_power else ""
    remedy = _REMEDY.format(hint=hint)
    if found is None:
        return SpacingError(f"{name} has no µm/px. {remedy}", slide=name), ()
    for value in found.pair:
        if not plausible(value):
            fault = f"{name} says {value:.4g} µm/px, outside the plausible {_range()}. {remedy}"
            return SpacingError(fault, slide=name), ()
    return found, ()


def _range() -> str:
    low, high = PLAUSIBLE_UM_PER_PX
    return f"{low:g} to {high:g}"


def _notes(found: Spacing | None, user: Spacing) -> tuple[str, ...]:
    if found is None:
        return ()
    off = max(abs(user.row / found.row - 1), abs(user.col / found.col - 1))
    if off <= _DIFFERS:
        return ()
    return (f"--mpp {user.mean:.4g} replaces the slide's own {found.mean:.4g} µm/px.",)
