"""Regions, zones, α-SMA, tumour-stroma ratio and composites on discs, half-planes and stripes."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.truths import Truth
from histo.geometry import Spacing
from histo.scoring.composites import StainedArea, activated_stroma_index
from histo.scoring.places.amounts import compartment_scores
from histo.scoring.places.discs import closed
from histo.scoring.places.distances import signed_distance_um
from histo.scoring.places.ledger import area_ledger, ledger_scores
from histo.scoring.places.ratio import FieldSettings, stroma_rich_field, tsr_scores
from histo.scoring.places.regions import Regions
from histo.scoring.places.zones import nest_zones, zone_scores
from histo.scoring.score import Score, by_name
from histo.scoring.sma import h_score_scores, sma_scores

__all__ = ["truths"]

Mask = NDArray[np.bool_]

TWO_UM = Spacing(2.0, 2.0)


def truths() -> list[Truth]:
    """Return every truth of this room; a few seconds."""
    return [
        *_disc(),
        *_half_plane(),
        *_stripes(),
        *_field(),
        *_asma(),
        *_ledger(),
        *_asi(),
        *_against_scipy(),
    ]


def _out_um(size: int, um_per_px: float) -> NDArray[np.float64]:
    rows, cols = (np.mgrid[:size, :size] + 0.5 - size / 2) * um_per_px
    return np.hypot(rows, cols)


def _disc() -> list[Truth]:
    """Return areas around a round tumour of 0.6 mm radius, at 2 µm/px."""
    radius, case = 600.0, "disc of tumour, radius 600 µm, 2 µm/px"
    tumour = _out_um(1120, 2.0) < radius
    tissue = np.ones_like(tumour)
    regions = Regions(TWO_UM, tissue, tissue, tumour)
    ledger = area_ledger(regions, np.zeros(tissue.shape, np.uint8))
    found = by_name(ledger_scores(ledger, regions))
    found |= by_name(zone_scores({}, regions))
    ring = "π (R² - r²)"
    areas = [("nest_mm2", 0.0, radius, 0.01), ("tumour_region_mm2", 0.0, radius, 0.01)]
    areas += [("margin_inner_mm2", 100.0, radius, 0.01)]
    areas += [("margin_outer_mm2", radius, radius + 500, 0.01)]
    # The narrowest ring is 10 px wide; a digital outline is right to a fraction of a pixel.
    tolerances = (0.03, 0.01, 0.01, 0.01, 0.01)
    areas += [
        (f"{zone.name}_mm2", radius + zone.low_um, radius + zone.high_um, tolerance)
        for zone, tolerance in zip(nest_zones(), tolerances, strict=True)
    ]
    rows = []
    for name, low, high, tolerance in areas:
        truth = math.pi * (high**2 - low**2) * 1e-6
        rows.append(Truth(name, case, found[name].value, truth, tolerance * truth, ring))
    return rows


def _half_plane() -> list[Truth]:
    """Return distances to a straight front and the zones beside it, with oblong pixels."""
    case = "half-plane, pixels of 2 x 5 µm"
    spacing = Spacing(5.0, 2.0)
    tumour = np.zeros((60, 800), bool)
    tumour[:, :400] = True
    distance = signed_distance_um(tumour, spacing)
    place = (np.arange(800) + 0.5 - 400) * 2.0
    near = np.abs(place) < 500
    error = float(np.abs(distance - place)[:, near].max())
    tissue = np.ones_like(tumour)
    collagen = tissue & (np.arange(800) < 425)  # up to 50 µm beyond the front
    regions = Regions(spacing, tissue, tissue, tumour)
    found = by_name(zone_scores({"collagen": collagen}, regions))
    share, edge = "collagen_fraction_of_", "exact: 50 µm of collagen beyond the front"
    names = {"nest_zone_20_50_um": 1.0, "nest_zone_50_100_um": 0.0, "margin_outer": 0.1}
    return [
        Truth("signed_distance_um", case, error, 0.0, 1e-3, "largest error, x - x0"),
        Truth("margin_mm2", case, _margin(regions), 0.3 * 1.0, 1e-9, "exact: 1000 µm x 300 µm"),
        *(
            Truth(share + name, case, found[share + name].value, truth, 1e-9, edge)
            for name, truth in names.items()
        ),
    ]


def _margin(regions: Regions) -> float:
    return regions.spacing.area_mm2(np.count_nonzero(regions.margin))


def _stripes() -> list[Truth]:
    """Return ratios of nests 100 µm wide with 60 µm of stroma between, a third of it collagen."""
    case = "stripes: nest 100 µm, stroma 60 µm, 2 µm/px"
    column = np.arange(1650)  # ends on a nest, so all stroma lies between two
    tumour = np.broadcast_to(column % 80 < 50, (800, 1650)).copy()
    collagen = np.broadcast_to(column % 80 >= 70, tumour.shape).copy()
    tissue = np.ones_like(tumour)
    regions = Regions(TWO_UM, tissue, tissue, tumour)
    found = by_name(compartment_scores({"collagen": collagen}, regions))
    found |= by_name(tsr_scores(regions, FieldSettings(field_number=10)))
    nests, gaps = 21 * 100, 20 * 60
    whole, field = "tumour_stroma_ratio", "tumour_stroma_ratio_worst_field"
    exact = "exact: widths"
    return [
        Truth(whole, case, found[whole].value, gaps / (nests + gaps), 1e-9, exact),
        # A field of 1 mm holds 6.25 periods, so it may hold a stripe more of one than of the other.
        Truth(field, f"{case}, FN 10", found[field].value, 60 / 160, 0.04, "widths, ± a stripe"),
        _row("collagen_fraction_of_stroma", case, found, 1 / 3, 1e-9, exact),
        _row("collagen_fraction_of_nest", case, found, 0.0, 0.0, exact),
        _row("collagen_fraction_of_margin", case, found, math.nan, 0.0, "no tissue beyond: NaN"),
    ]


def _row(
    name: str, case: str, found: dict[str, Score], truth: float, tolerance: float, reference: str
) -> Truth:
    return Truth(name, case, found[name].value, truth, tolerance, reference)


def _field() -> list[Truth]:
    """Return the most stromal field: a round lake in the middle of tumour, and no field at all."""
    out = _out_um(800, 5.0)
    lake = out < 700
    found = stroma_rich_field(~lake, lake, Spacing(5.0, 5.0))
    name, half = "tumour_stroma_ratio_worst_field", out < 900
    small = stroma_rich_field(half & ~lake, lake, Spacing(5.0, 5.0))
    case = "lake of radius 700 µm in tumour, FN 22"
    return [
        Truth(name, case, found.ratio, (700 / 1100) ** 2, 0.005, "r² / R²"),
        Truth(name, "tumour narrower than the field", small.ratio, math.nan, 0.0, "none: NaN"),
        Truth("field area", "FN 22, 10x", FieldSettings().area_mm2, 3.80, 0.005, "π (22/20)²"),
    ]


def _asma() -> list[Truth]:
    """Return the α-SMA fraction with muscle off both sides, and the pixel H-score."""
    case = "stroma 100 columns, 20 of them muscle; α-SMA on 10 + 10"
    tissue = np.ones((150, 200), bool)
    column = np.broadcast_to(np.arange(200), tissue.shape)
    tumour, muscle = (column < 50) | (column >= 150), (column >= 130) & (column < 150)
    positive = (column >= 120) & (column < 140)
    regions = Regions(Spacing(2.0, 2.0), tissue, tissue, tumour, muscle=muscle)
    found = by_name(sma_scores(positive, regions))
    bound = by_name(sma_scores(positive, Regions(TWO_UM, tissue, tissue, tumour)))
    density = np.select([column < 60, column < 80, column < 100], [0.7, 0.5, 0.3], 0.1).astype(
        np.float32
    )
    shades = by_name(h_score_scores(density, regions))
    name, exact = "asma_fraction_of_stroma", "exact: columns"
    return [
        Truth(name, case, found[name].value, 10 / 80, 1e-9, exact),
        Truth(name, "the same without a muscle class", bound[name].value, 20 / 100, 1e-9, exact),
        _row("asma_muscle_share_of_positive", case, found, 0.5, 1e-9, exact),
        # Of 80 columns 10 are 3+ (OD 0.7), 20 are 2+ (0.5) and 20 are 1+ (0.3).
        _row("asma_h_score", "OD 0.7/0.5/0.3/0.1", shades, 100 * (30 + 40 + 20) / 80, 1e-9, exact),
        _row("asma_threshold_sensitivity", "OD 0.7/0.5/0.3/0.1", shades, 0.0, 1e-9, exact),
    ]


def _ledger() -> list[Truth]:
    """Return tissue less the lines of its ledger, on a random slide."""
    rng = np.random.default_rng(0)
    out = _out_um(400, 4.0)
    tissue = out < 750
    exclusion = rng.integers(0, 40, tissue.shape) % 37 % 5 * (rng.random(tissue.shape) < 0.1)
    exclusion = exclusion.astype(np.uint8)
    tumour = (ndimage.gaussian_filter(rng.standard_normal(tissue.shape), 6) > 0) & (out < 500)
    regions = Regions(
        Spacing(4.0, 4.0), tissue, tissue & (exclusion == 0), tumour, out < 90, out > 300
    )
    ledger = area_ledger(regions, exclusion)
    left = regions.spacing.area_mm2(ledger.tissue_px - ledger.accounted_px)
    return [Truth("area ledger", "random nests, necrosis, specks", left, 0.0, 0.0, "sum of lines")]


def _asi() -> list[Truth]:
    """Return the activated stroma index and its refusal."""
    asma, name, region = StainedArea(0.06, 1.0), "activated_stroma_index", "1 mm² of stroma"
    some = activated_stroma_index(asma, StainedArea(0.30, 1.0))
    little = activated_stroma_index(asma, StainedArea(0.009, 1.0))
    return [
        Truth(name, f"{region}, 6 % and 30 %", some, 0.2, 1e-12, "0.06 / 0.30"),
        Truth(name, f"{region}, collagen 0.9 %", little, math.nan, 0.0, "under 1 %: NaN"),
    ]


def _against_scipy() -> list[Truth]:
    """Return differences to scipy's distance map on an irregular mask."""
    noise = np.random.default_rng(1).standard_normal((500, 500))
    mask = ndimage.gaussian_filter(noise, 9) > 0.02
    padded = np.pad(mask, 60, mode="edge")
    grown = ndimage.distance_transform_edt(~padded) <= 50
    truth = (ndimage.distance_transform_edt(grown) > 50)[60:-60, 60:-60]
    differing = float(np.count_nonzero(closed(mask, 100.0, TWO_UM) != truth))
    far = 2 * ndimage.distance_transform_edt(~mask) - 1
    near = 1 - 2 * ndimage.distance_transform_edt(mask)
    found = signed_distance_um(mask, TWO_UM)
    error = float(np.abs(found - np.where(mask, near, far))[np.isfinite(found)].max())
    case, scipy = "irregular nests, 2 µm/px", "scipy.ndimage.distance_transform_edt"
    return [
        Truth("closing of 100 µm, px that differ", case, differing, 0.0, 0.0, scipy),
        Truth("signed_distance_um, largest difference", case, error, 0.0, 2.0, f"{scipy}, 1 px"),
    ]
