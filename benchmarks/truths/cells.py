"""Cells, macrophage densities and hot spots on phantoms of known count."""

import math

import numpy as np
from scipy.stats import chi2

from benchmarks.truths import Truth
from histo.geometry import Spacing
from histo.scoring.macrophages.cells import find_cells
from histo.scoring.macrophages.fields import hpf_area_mm2
from histo.scoring.macrophages.hotspot_scores import hot_spot_scores
from histo.scoring.macrophages.hotspots import HotSpotSettings, find_hot_spots
from histo.scoring.macrophages.matching import match_counts
from histo.scoring.macrophages.poisson import expected_top_ratio, poisson_interval
from histo.scoring.macrophages.profiles import profile_areas_um2
from histo.scoring.macrophages.tam import TamCounts, count_tam, count_tam_zones
from histo.scoring.macrophages.tam_scores import tam_scores
from histo.scoring.score import by_name

__all__ = ["truths"]

ONE_UM = Spacing(1.0, 1.0)
TEN_UM = Spacing(10.0, 10.0)


def truths() -> list[Truth]:
    """Return every truth of this room; about two seconds."""
    return [
        *_intervals(),
        *_detection(),
        *_densities(),
        *_monusac(),
        *_hot_spots(),
        *_chance(),
    ]


def _intervals() -> list[Truth]:
    found = []
    for count in (0, 5, 10, 50):
        ends = poisson_interval(count)
        known = (
            chi2.ppf(0.025, 2 * count) / 2 if count else 0.0,
            chi2.isf(0.025, 2 * count + 2) / 2,
        )
        for side, value, truth in zip(("low", "high"), ends, known, strict=True):
            case = f"{side} end, {count} counted"
            found.append(
                Truth("poisson_interval", case, value, truth, 1e-9, "chi-squared quantile (scipy)")
            )
    return found


def _disc_map(
    radius_um: float, pitch_px: int = 30, side: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Cones on a jittered lattice: probability 0.5 at the rim of each disc."""
    rng = np.random.default_rng(1)
    lattice = np.stack(np.mgrid[:side, :side], -1).reshape(-1, 2)
    centres = (lattice + 0.5) * pitch_px + rng.uniform(-4, 4, lattice.shape)
    rows, cols = np.mgrid[: side * pitch_px, : side * pitch_px] + 0.5
    gap = np.full(rows.shape, np.inf)
    for row, col in centres:
        part = (
            slice(max(0, int(row) - 20), int(row) + 20),
            slice(max(0, int(col) - 20), int(col) + 20),
        )
        gap[part] = np.minimum(gap[part], np.hypot(rows[part] - row, cols[part] - col))
    return np.clip(1.0 - 0.5 * gap / radius_um, 0, 1), centres


def _detection() -> list[Truth]:
    field, centres = _disc_map(8.0)
    cells = find_cells(field, ONE_UM)
    blocks = find_cells(field, ONE_UM, block_px=77)
    areas = profile_areas_um2(field, cells, ONE_UM, block_px=300)
    case = "400 discs of 8 µm radius, jittered lattice of 30 µm, 1 µm/px"
    shifted = cells.points + np.array([0.0, 9.0])
    found = [
        Truth("find_cells", case, len(cells), 400, 0, "number drawn"),
        Truth("find_cells", f"{case}, blocks of 77 px", len(blocks), 400, 0, "number drawn"),
        Truth(
            "find_cells",
            f"{case}: largest move between blocks of 77 and 1024 px, px",
            float(np.abs(blocks.points - cells.points).max()),
            0,
            0,
            "the map is the same",
        ),
        Truth(
            "profile_areas_um2",
            f"{case}: mean",
            float(areas.mean()),
            math.pi * 64,
            0.01 * math.pi * 64,
            "π r²",
        ),
    ]
    for name, points, radius, truth in (
        ("in place", cells.points, 7.5, 1.0),
        ("9 µm beside", shifted, 7.5, 0.0),
        ("9 µm beside", shifted, 10.0, 1.0),
    ):
        f1 = match_counts(points, centres, ONE_UM, radius).f1
        # A detected centre lies up to 0.7 µm beside the drawn one; 9 µm stays between both radii.
        found.append(Truth("F1", f"{name}, within {radius} µm", f1, truth, 0, "by construction"))
    return found


def _densities() -> list[Truth]:
    rng = np.random.default_rng(2)
    zones = np.repeat(np.arange(4), 250)[None].repeat(1000, 0)  # four bands of 2.5 mm x 10 mm
    numbers = (0, 12, 500, 40_000)
    points = [
        np.column_stack([rng.random(n) * 1000, (band + rng.random(n)) * 250])
        for band, n in enumerate(numbers)
    ]
    names = {band: f"band_{band}" for band in range(4)}
    counts = count_tam_zones(np.concatenate(points), zones, names)
    found = []
    for (name, each), number in zip(counts.items(), numbers, strict=True):
        score = f"tam_density_{name}_per_mm2"
        value = by_name(tam_scores(name, each, TEN_UM))[score].value
        case = f"{number} points in a zone of 25 mm²"
        found.append(Truth(score, case, value, number / 25, 1e-9, "number drawn / area"))
    nothing = by_name(tam_scores("nest", TamCounts(0, 0), TEN_UM))["tam_density_nest_per_mm2"]
    found.append(
        Truth(nothing.name, "no such compartment", nothing.value, math.nan, 0, "must decline")
    )
    return found


def _monusac() -> list[Truth]:
    """Score the annotated MoNuSAC sample by hand: 7 macrophages, 1153 x 1307 px."""
    inside = np.ones((1153, 1307), bool)
    positive = np.zeros(inside.size, bool)
    positive[:85_514] = True  # sum of the seven polygons' areas, 85,514.5 px (shoelace)
    centres = np.random.default_rng(3).random((7, 2)) * inside.shape
    counts = count_tam(centres, inside, positive.reshape(inside.shape))
    spacing = Spacing(0.19448, 0.19448)
    scores = by_name(tam_scores("tumour_tissue", counts, spacing))
    case, by_hand = "7 profiles on 1153 x 1307 px of 0.19448 µm", "by hand from the XML"
    return [
        Truth(name, case, scores[name].value, truth, tolerance, by_hand)
        for name, truth, tolerance in (
            ("tam_density_tumour_tissue_per_mm2", 122.8127, 1e-3),
            ("tam_area_fraction_of_tumour_tissue", 0.056746, 1e-5),
            ("tam_profile_size_tumour_tissue_um2", 462.05, 0.05),
        )
    ]


def _hot_spots() -> list[Truth]:
    rng = np.random.default_rng(4)
    middles = np.array([[100.0, 100.0], [400.0, 120.0], [250.0, 380.0], [90, 400.0], [410, 410]])
    planted = np.concatenate([m + rng.uniform(-8, 8, (60, 2)) for m in middles])
    choice = HotSpotSettings(runs=19)
    region = np.ones((500, 500), bool)
    found = by_name(hot_spot_scores(find_hot_spots(planted, region, TEN_UM, choice), choice))
    small = np.ones((60, 60), bool)
    none = by_name(hot_spot_scores(find_hot_spots(planted, small, TEN_UM, choice), choice))
    top = "tam_hotspot_top5_per_mm2"
    dense = 60 / hpf_area_mm2()
    return [
        Truth("hpf_area_mm2", "FN 22 at 40x", hpf_area_mm2(22), 0.238, 5e-4, "π (FN / 80)²"),
        Truth(
            top,
            "5 clusters of 60 in 25 mm², 10 µm/px",
            found[top].value,
            dense,
            0.01 * dense,
            "60 / field area",
        ),
        Truth(top, "0.36 mm²: no room for 5 fields", none[top].value, math.nan, 0, "must decline"),
    ]


def _chance() -> list[Truth]:
    rng = np.random.default_rng(5)
    region = np.ones((1000, 1000), bool)
    points = rng.random((rng.poisson(10_000), 2)) * 1000
    found = find_hot_spots(points, region, TEN_UM, HotSpotSettings(runs=49))
    top = found.top[0]
    case = "Poisson field of 100/mm² over 100 mm²"
    ratio = expected_top_ratio(100.0, 100.0, 5, hpf_area_mm2(22))
    return [
        Truth(
            "tam_hotspot_top5_per_mm2",
            f"{case}, free fields",
            top.observed,
            top.expected,
            top.high - top.expected,
            "49 simulations of the same density and mask",
        ),
        Truth("expected_top_ratio", f"{case}, fixed fields", ratio, 1.57, 0.01, "quoted: 1.57"),
    ]
