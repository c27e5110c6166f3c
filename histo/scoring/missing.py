"""Components nothing answered for: said so, with what would be needed, never given as zero."""

from collections.abc import Iterable, Mapping

from histo.scoring.score import NotMeasured
from histo.vocabulary import Component

__all__ = ["NEEDED", "not_measured"]

NEEDED: Mapping[str, str] = {
    Component.TUMOUR: "an H&E slide and a bundle that finds tumour on H&E",
    Component.COLLAGEN: (
        "an H&E, Masson trichrome or picrosirius red slide and a bundle that finds collagen on it"
    ),
    Component.MYOFIBROBLAST: (
        "a DAB immunostain of α-SMA (--marker aSMA), or a bundle trained for it on H&E"
    ),
    Component.MACROPHAGE: (
        "a DAB immunostain of CD68, CD163 or CD204 (--marker CD68), "
        "or a bundle trained for it on H&E"
    ),
    Component.MUSCLE: "a bundle that finds smooth muscle and vessel wall",
    Component.NECROSIS: "a bundle that finds necrosis",
}
"""What it takes to measure each component; brown before a panel names it is never missed."""


def not_measured(measured: Iterable[str]) -> list[NotMeasured]:
    """Return every component a slide may be asked for that is not among the measured ones.

    Examples
    --------
    >>> [entry.component for entry in not_measured(["tumour", "collagen", "necrosis"])]
    ['myofibroblast', 'macrophage', 'muscle']
    """
    known = set(measured)
    return [NotMeasured(str(name), what) for name, what in NEEDED.items() if name not in known]
