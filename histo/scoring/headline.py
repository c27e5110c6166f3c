"""The scores a reader meets first; the others wait in the files."""

import re
from collections.abc import Iterable

from histo.scoring.score import Score
from histo.vocabulary import Component

__all__ = ["headline_scores"]

_AREAS = "|".join(component for component in Component if component != Component.CELL)
_HEADLINE = re.compile(
    "|".join(
        (
            "tissue_mm2",
            "measurable_tissue_mm2",
            "excluded_fraction_of_tissue",
            f"(?:{_AREAS})_(?:mm2|fraction_of_tissue)",
            "stroma_mm2",
            "tumour_stroma_ratio",
            "collagen_fraction_of_stroma",
            "collagen_coherency",
            "tam_count_tissue",
            "tam_density_(?:tissue|tumour_tissue|nest|stroma)_per_mm2",
            r"tam_hotspot_top\d+_per_mm2",
            "asma_fraction_of_stroma",
            "asma_h_score",
            "(?:pseudo_)?activated_stroma_index",
        )
    )
)


def headline_scores(scores: Iterable[Score]) -> list[Score]:
    """Return the scores that are told first, in their order: areas, fractions, densities, indices.

    Examples
    --------
    >>> found = [Score(name, 1.0, "1", "") for name in ("tumour_mm2", "tumour_tile_gini")]
    >>> [score.name for score in headline_scores(found)]
    ['tumour_mm2']
    """
    return [score for score in scores if _HEADLINE.fullmatch(score.name)]
