"""What a bundle owes to the data it learnt from: the strictest licence of the set."""

import re
from collections.abc import Iterable

from histo.errors import LicenceError

__all__ = ["UNSTATED", "family", "is_freer", "require_inherited", "strictest"]

UNSTATED = "unstated"

# From the freest to the strictest.
_ORDER = (
    "CC0",
    "permissive",
    "CC-BY",
    "CC-BY-SA",
    "CC-BY-NC",
    "CC-BY-NC-SA",
    "CC-BY-ND",
    "CC-BY-NC-ND",
    UNSTATED,
)
_UNSTATED = re.compile(r"\b(check|unstated|(none|not) stated|no licen[cs]e)\b")
_FREE = re.compile(r"\b(cc\s*0|cc\s*zero|public domain|pddl)\b")
_PERMISSIVE = re.compile(r"\b(apache|mit|bsd|isc)\b")
_COPYLEFT = re.compile(r"\b[al]?gpl\b")
_CREATIVE_COMMONS = re.compile(r"\b(cc|creative commons)\b")
_CONDITIONS = {
    "NC": re.compile(r"\b(nc|non commercial|noncommercial)\b"),
    "ND": re.compile(r"\b(nd|no deriv\w*|noderiv\w*)\b"),
    "SA": re.compile(r"\b(sa|share alike|sharealike)\b"),
}


def family(licence: str) -> str:
    """Return the family of a licence as people write it, e.g. ``CC-BY-NC-SA``.

    Apache, MIT and BSD are ``permissive``; GPL counts as ``CC-BY-SA``, as it asks for the same
    terms; what is not recognised, or says "check", "none stated" or "not stated", is ``unstated``.

    Examples
    --------
    >>> family("cc-by-nc-sa-4.0"), family("Apache-2.0"), family("see paper")
    ('CC-BY-NC-SA', 'permissive', 'unstated')
    """
    words = " ".join(re.findall(r"[a-z]+|\d+", licence.lower()))
    if _UNSTATED.search(words):  # also of a part of the data: nobody knows which licence holds
        return UNSTATED
    if _FREE.search(words):
        return "CC0"
    if _CREATIVE_COMMONS.search(words):
        return _creative_commons({c for c, found in _CONDITIONS.items() if found.search(words)})
    if _COPYLEFT.search(words):
        return "CC-BY-SA"
    return "permissive" if _PERMISSIVE.search(words) else UNSTATED


def strictest(licences: Iterable[str]) -> str:
    """Return the family that meets the conditions of every licence.

    It is the strictest of the set, and of CC-BY-SA beside CC-BY-NC the licence with both
    conditions, CC-BY-NC-SA. Without any licence it is ``unstated``.

    Examples
    --------
    >>> strictest(["CC0", "MIT", "CC BY 4.0"])
    'CC-BY'
    """
    families = {family(licence) for licence in licences}
    if not families or UNSTATED in families:
        return UNSTATED
    conditions = {part for name in families for part in name.split("-")} & {"NC", "ND", "SA"}
    if conditions:
        return _creative_commons(conditions)
    return max(families, key=_ORDER.index)


def is_freer(licence: str, than: str) -> bool:
    """Whether a licence stands before another in the order of strictness."""
    return _ORDER.index(family(licence)) < _ORDER.index(family(than))


def require_inherited(licence: str, data_licences: Iterable[str]) -> None:
    """Refuse a bundle whose licence is freer than its data allow.

    Raises
    ------
    LicenceError
        Saying which licence the bundle has to carry.
    """
    needed = strictest(data_licences)
    if needed == "permissive" or not is_freer(licence, needed):
        return  # permissive licences of data ask for notice, which the card gives
    if needed == UNSTATED:
        raise LicenceError(
            f"the bundle says {licence}, but the licence of some of its data is not stated; find "
            "it out and put it in the manifest, or say 'unstated' on the card."
        )
    raise LicenceError(
        f"the bundle says {licence}, but its data are {needed}; put {needed} on its card."
    )


def _creative_commons(conditions: set[str]) -> str:
    if "ND" in conditions:
        conditions = conditions - {"SA"}  # nothing derived may be shared at all
    return "-".join(["CC-BY", *(c for c in ("NC", "ND", "SA") if c in conditions)])
