"""Every score of one slide, in the order a reader meets them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box
from histo.scoring.areas import area_scores
from histo.scoring.composites import StainedArea, asi_score
from histo.scoring.frame import ComponentProbabilities, TissueMasks, masks_in_frame, uint8_threshold
from histo.scoring.macrophages.cells import CENTRES, Cells, CellSettings, find_cells
from histo.scoring.macrophages.hotspot_scores import hot_spot_scores
from histo.scoring.macrophages.hotspots import HotSpots, HotSpotSettings, find_hot_spots
from histo.scoring.macrophages.tam import count_tam, count_tam_zones
from histo.scoring.macrophages.tam_scores import tam_scores
from histo.scoring.places.amounts import compartment_scores
from histo.scoring.places.ledger import area_ledger, ledger_scores
from histo.scoring.places.ratio import FieldSettings, tsr_scores
from histo.scoring.places.regions import COMPARTMENTS, Regions, RegionSettings, find_regions
from histo.scoring.places.zones import nest_ring_map, nest_zones, zone_scores
from histo.scoring.score import Score, joined_notes
from histo.scoring.sma import sma_scores
from histo.scoring.space.windows import points_inside
from histo.scoring.spatial import SpatialSpread, with_interval
from histo.vocabulary import Component

__all__ = ["ScoreSettings", "SlideScores", "slide_scores"]

Mask = NDArray[np.bool_]
_FROM_HE = "inferred from H&E, experimental"


@dataclass(frozen=True)
class ScoreSettings:
    """Scales and fields of every score, grouped by idea.

    ``cells`` finds macrophages in their own map, ``centres`` in a map of cell centres.
    """

    regions: RegionSettings = field(default_factory=RegionSettings)
    cells: CellSettings = field(default_factory=CellSettings)
    centres: CellSettings = CENTRES
    hot_spots: HotSpotSettings = field(default_factory=HotSpotSettings)
    fields: FieldSettings = field(default_factory=FieldSettings)


@dataclass(frozen=True)
class SlideScores:
    """The scores, and what they were read from, for pictures.

    Attributes
    ----------
    scores
        Each name once.
    regions
        Compartments; None without a component map.
    cells, hot_spots
        Macrophages and their densest fields; None where they were not looked for.
    """

    scores: list[Score]
    regions: Regions | None = None
    cells: Cells | None = None
    hot_spots: HotSpots | None = None


def slide_scores(
    tissue_map: TissueMasks,
    component_map: ComponentProbabilities | None,
    thresholds: Mapping[str, float],
    *,
    from_he: bool = False,
    settings: ScoreSettings | None = None,
) -> SlideScores:
    """Score everything that was measured on a slide.

    Parameters
    ----------
    tissue_map
        Masks of tissue and exclusion.
    component_map
        Probability of each component; None where nothing answered.
    thresholds
        For each component the probability from which a pixel counts.
    from_he
        Whether the slide is H&E: macrophages and α-SMA are then inferred, and say so.
    settings
        None takes the defaults.

    Raises
    ------
    ValueError
        If a component has no threshold, or one outside (0, 1].
    """
    settings = settings or ScoreSettings()
    scores = area_scores(tissue_map, component_map, thresholds)
    if component_map is None:
        return SlideScores(scores)
    regions = find_regions(tissue_map, component_map, thresholds, settings.regions)
    found = _Found(component_map, thresholds, regions, from_he)
    if found.has(Component.TUMOUR):
        exclusion = _exclusions(tissue_map, regions)
        scores += ledger_scores(area_ledger(regions, exclusion), regions)
        del exclusion
        scores += tsr_scores(regions, settings.fields)
    if found.has(Component.COLLAGEN):
        scores = _with_collagen(scores, found)
    if found.has(Component.MYOFIBROBLAST):
        scores += _asma_scores(found)
    rings = nest_ring_map(regions)
    if found.has(Component.TUMOUR):
        scores += _cautioned(zone_scores(found.by_zone(), regions, rings), found)
    if not found.has(Component.MACROPHAGE):
        return SlideScores(scores, regions)
    cells = _macrophages(found, settings)
    home = found.home()
    hot = find_hot_spots(cells.points, home.mask, regions.spacing, settings.hot_spots)
    scores += _tam_scores(found, cells, home, rings) + hot_spot_scores(hot, settings.hot_spots)
    return SlideScores(scores, regions, cells, hot)


@dataclass(frozen=True)
class _Found:
    """The component map at its thresholds."""

    component_map: ComponentProbabilities
    thresholds: Mapping[str, float]
    regions: Regions
    from_he: bool

    def has(self, component: Component) -> bool:
        return component in self.component_map.components

    def mask(self, component: Component, inside: Mask | None = None) -> Mask:
        """Return where a component is, in eligible tissue (or inside another mask)."""
        plane = self.component_map.probability[self.component_map.components.index(component)]
        above: Mask = plane >= uint8_threshold(self.thresholds[component])
        above &= self.regions.eligible if inside is None else inside
        return above

    @property
    def measurable(self) -> Mask:
        """Return the denominator of fractions of tissue; necrosis is in it."""
        if self.regions.necrosis is None:
            return self.regions.eligible  # the same, and there already
        return self.regions.tissue & self.regions.measurable

    def asma(self) -> Mask:
        """Return α-SMA without muscle and vessel wall, where their class is there."""
        positive, muscle = self.mask(Component.MYOFIBROBLAST), self.regions.muscle
        return positive if muscle is None else positive & ~muscle

    def by_zone(self) -> dict[str, Mask]:
        """Return what is measured by distance from the tumour."""
        masks = {}
        if self.has(Component.COLLAGEN):
            masks["collagen"] = self.mask(Component.COLLAGEN)
        if self.has(Component.MYOFIBROBLAST):
            masks["asma"] = self.asma()
        return masks

    def home(self) -> "_Home":
        """Return tumour tissue where tumour was found, else all eligible tissue."""
        tissue = self.regions.tumour_tissue
        if tissue is not None and tissue.any():
            return _Home("tumour_tissue", tissue)
        return _Home("tissue", self.regions.eligible)


class _Home(NamedTuple):
    """The compartment macrophages are described in, drawn once."""

    name: str
    mask: Mask


def _macrophages(found: _Found, settings: ScoreSettings) -> Cells:
    """Return the peaks of the map of centres, where there is one; else of the macrophage map."""
    source, how = Component.MACROPHAGE, settings.cells
    if found.has(Component.CELL):
        source, how = Component.CELL, settings.centres
    plane = found.component_map.probability[found.component_map.components.index(source)]
    how = replace(how, threshold=found.thresholds[source])
    cells = find_cells(plane, found.regions.spacing, how)
    return cells.select(points_inside(cells.points, found.regions.eligible))


def _with_collagen(scores: list[Score], found: _Found) -> list[Score]:
    """Add collagen by compartment and zone, its interval and its heterogeneity."""
    regions, measurable = found.regions, found.measurable
    collagen = found.mask(Component.COLLAGEN, measurable)
    home = SpatialSpread(measurable, regions.spacing, "tissue")
    scores = with_interval(scores, "collagen_fraction_of_tissue", home.of_area(collagen))
    if measurable is not regions.eligible:
        collagen &= regions.eligible
    added = _placed(compartment_scores({"collagen": collagen}, regions), found)
    if regions.stroma is not None and regions.stroma.any():
        home = SpatialSpread(regions.stroma, regions.spacing, "stroma")
        collagen &= regions.stroma
        added = with_interval(added, "collagen_fraction_of_stroma", home.of_area(collagen))
    return scores + added + home.area_heterogeneity("collagen", collagen)


def _placed(scores: list[Score], found: _Found) -> list[Score]:
    """Keep every compartment where a tumour class is there; else the stroma's fraction alone."""
    if found.has(Component.TUMOUR):
        return scores
    return [score for score in scores if score.name.endswith("_of_stroma")]


def _asma_scores(found: _Found) -> list[Score]:
    """Return α-SMA in the stroma and by zone, and with collagen the activated stroma index."""
    regions, positive = found.regions, found.mask(Component.MYOFIBROBLAST)
    scores = sma_scores(positive, regions)
    free, stroma = found.asma(), regions.stroma
    if stroma is not None and stroma.any():
        rest = stroma if regions.muscle is None else stroma & ~regions.muscle
        spread = SpatialSpread(rest, regions.spacing, "stroma")
        scores = with_interval(scores, "asma_fraction_of_stroma", spread.of_area(free & rest))
        scores += spread.area_heterogeneity("asma", free & rest)
    if found.has(Component.COLLAGEN):
        scores.append(_index(found, free))
    return _cautioned(scores, found)


def _index(found: _Found, free: Mask) -> Score:
    stroma, spacing = found.regions.stroma, found.regions.spacing
    if stroma is None or not stroma.any():
        return asi_score(None, None, pseudo=found.from_he)
    region = spacing.area_mm2(int(stroma.sum()))
    areas = [
        StainedArea(spacing.area_mm2(int((mask & stroma).sum())), region)
        for mask in (free, found.mask(Component.COLLAGEN))
    ]
    return asi_score(areas[0], areas[1], pseudo=found.from_he)


def _tam_scores(
    found: _Found, cells: Cells, home: _Home, rings: NDArray[np.uint8] | None
) -> list[Score]:
    """Return macrophages in the whole tissue, by compartment and by ring around the nests."""
    regions, positive = found.regions, found.mask(Component.MACROPHAGE)
    names = ("tissue", *COMPARTMENTS) if found.has(Component.TUMOUR) else ("tissue",)
    scores: list[Score] = []
    for name in names:  # one at a time: some are drawn when asked
        mask = regions.eligible if name == "tissue" else getattr(regions, name)
        counts = None if mask is None else count_tam(cells.points, mask, positive)
        reason = "" if name == "tissue" else regions.reason(name)
        scores += tam_scores(name, counts, regions.spacing, reason=reason, from_he=found.from_he)
    del mask
    if rings is not None:
        zones = {number: zone.name for number, zone in enumerate(nest_zones(), start=1)}
        for name, counted in count_tam_zones(cells.points, rings, zones, positive).items():
            scores += tam_scores(name, counted, regions.spacing, from_he=found.from_he)
    spread = SpatialSpread(home.mask, regions.spacing, home.name.replace("_", " "))
    points = cells.points[points_inside(cells.points, home.mask)]
    density = f"tam_density_{home.name}_per_mm2"
    scores = with_interval(scores, density, spread.of_points(points))
    scores += spread.point_heterogeneity("tam", points)
    return scores + spread.pattern("tam", points)


def _exclusions(tissue_map: TissueMasks, regions: Regions) -> NDArray[np.uint8]:
    """Return the reasons of exclusion in the frame of the regions."""
    height, width = regions.tissue.shape
    _, exclusion = masks_in_frame(tissue_map, regions.spacing, Box(0, 0, height, width))
    return exclusion


def _cautioned(scores: list[Score], found: _Found) -> list[Score]:
    """Say of each α-SMA score of an H&E slide that it is inferred."""
    if not found.from_he:
        return scores
    return [
        replace(score, note=joined_notes(score.note, _FROM_HE))
        if score.name.startswith("asma_")
        else score
        for score in scores
    ]
