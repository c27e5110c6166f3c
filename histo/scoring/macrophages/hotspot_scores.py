"""Scores of hot spots: never without the region's density and what chance gives."""

import math

from histo.scoring.macrophages.hotspots import ChanceTop, HotSpots, HotSpotSettings
from histo.scoring.score import Score

__all__ = ["hot_spot_scores"]


def hot_spot_scores(found: HotSpots, settings: HotSpotSettings | None = None) -> list[Score]:
    """Return the density of the region, and for each k the hot spot and its chance values.

    Parameters
    ----------
    found
        From :func:`find_hot_spots`.
    settings
        Those it was found with.

    Returns
    -------
    list of Score
        ``tam_hotspot_region_density_per_mm2``, then for each k ``tam_hotspot_top<k>_per_mm2``,
        ``tam_hotspot_top<k>_by_chance_per_mm2`` and ``tam_hotspot_top<k>_chance_p``.
    """
    settings = settings or HotSpotSettings()
    what = f"high-power fields of {found.hpf_mm2:.3f} mm² (FN {settings.field_number:g} at 40x)"
    empty = "" if found.area_mm2 else "undefined: there is no eligible area"
    scores = [
        Score(
            "tam_hotspot_region_density_per_mm2",
            found.per_mm2,
            "/mm2",
            "macrophage profiles in the eligible region",
            "its area",
            empty,
        )
    ]
    for top in found.top:
        scores += _top_scores(top, found, what, settings.runs)
    return scores


def _top_scores(top: ChanceTop, found: HotSpots, what: str, runs: int) -> list[Score]:
    name, of = f"tam_hotspot_top{top.k}", f"mean over the {top.k} densest {what}"
    fields = len(found.fields.counts)
    missing = (
        f"undefined: only {fields} fields that do not overlap are half eligible"
        if fields < top.k
        else ""
    )
    untold = missing or ("undefined: nothing to simulate" if math.isnan(top.p) else "")
    verdict = "" if untold else f"p = {top.p:.2g} in {runs} Poisson fields of the same density"
    if not untold and top.compatible_with_chance:
        verdict = f"compatible with chance: {verdict}"
    area, null = "eligible area of each field", f"{runs} homogeneous Poisson processes"
    return [
        Score(f"{name}_per_mm2", top.observed, "/mm2", of, area, missing or verdict),
        Score(f"{name}_by_chance_per_mm2", top.expected, "/mm2", f"{of}, in {null}", area, untold),
        Score(
            f"{name}_chance_p",
            top.p,
            "1",
            "1 + simulated fields at least as dense",
            f"1 + {null}",
            untold,
        ),
    ]
