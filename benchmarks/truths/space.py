"""Space on phantoms: lattices, Poisson and clustered points, checkerboards, known correlation."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.truths import Truth
from histo.geometry import Spacing
from histo.scoring.space.correlation import correlation_length_um, correlogram
from histo.scoring.space.heterogeneity import heterogeneity
from histo.scoring.space.interval import spatial_interval
from histo.scoring.space.nearest import nearest_distances_um, nearest_neighbours
from histo.scoring.space.overlap import morisita_horn
from histo.scoring.space.ripley import RipleySettings, ripley_l
from histo.scoring.space.tiles import tile_grid
from histo.scoring.space.windows import points_inside, random_points

__all__ = ["truths"]

TEN = Spacing(10.0, 10.0)
RADII = np.arange(20.0, 201.0, 20.0)


def letter_c(size: int = 400) -> NDArray[np.bool_]:
    """Return a ring with a gap, 4 mm across at 10 µm/px."""
    rows, cols = np.mgrid[:size, :size] + 0.5 - size / 2
    radius = np.hypot(rows, cols) / (size / 2)
    ring: NDArray[np.bool_] = (radius < 0.95) & (radius > 0.6)
    return ring & ~((np.abs(rows) < size / 8) & (cols > 0))


def truths() -> list[Truth]:
    """Return every spatial score on a phantom beside its truth."""
    return [*_lattice(), *_poisson(), *_clusters(), *_tiles(), *_correlated()]


def _lattice() -> list[Truth]:
    rows, cols = np.mgrid[5:400:10, 5:400:10]
    points = np.stack([rows.ravel(), cols.ravel()], axis=1).astype(np.float64)
    found = nearest_neighbours(points, np.ones((400, 400), bool), TEN)
    case = "square lattice of 100 µm over 4 mm x 4 mm"
    moved = nearest_distances_um(points + np.array([3.0, 4.0]), TEN, points)
    return [
        Truth("tam_nearest_neighbour_um", case, found.mean_um, 100.0, 1e-6, "its spacing"),
        Truth("tam_nearest_neighbour_ratio", case, found.ratio, 2.0, 1e-6, "s / (s / 2)"),
        Truth(
            "tam_to_tumour_cell_nearest_median_um",
            "the lattice and itself moved by 30 and 40 µm",
            float(np.median(moved)),
            50.0,
            1e-6,
            "3-4-5 triangle",
        ),
    ]


def _poisson() -> list[Truth]:
    inside = letter_c()
    points = random_points(inside, 3000, np.random.default_rng(0))
    found = nearest_neighbours(points, inside, TEN)
    density = 3000 / (inside.sum() * 100.0)
    scattered = ripley_l(points, inside, TEN, RipleySettings(RADII, simulations=39))
    case = "3,000 random points in a C of 6.1 mm²"
    outside = np.sum((scattered.l_um < scattered.low_um) | (scattered.l_um > scattered.high_um))
    return [
        Truth(
            "tam_nearest_neighbour_um",
            case,
            found.mean_um,
            1 / (2 * math.sqrt(density)),
            0.5,
            "1/(2 √λ), Clark and Evans 1954",
        ),
        Truth("tam_nearest_neighbour_ratio", case, found.ratio, 1.0, 0.05, "Poisson process"),
        Truth(
            "nearest_neighbours",
            f"{case}: largest |G(r) - (1 - exp(-λπr²))|",
            float(np.nanmax(np.abs(found.g - found.poisson))),
            0.0,
            1.36 / math.sqrt(found.used),
            "Kolmogorov's 95 % limit",
        ),
        Truth(
            "ripley_l",
            f"{case}: largest |L(r) - r|, µm",
            float(np.abs(scattered.l_um - RADII).max()),
            0.0,
            3.0,
            "K = πr² whatever the mask's shape",
        ),
        Truth("ripley_l", f"{case}: radii outside the envelope", float(outside), 0, 1, "39 draws"),
    ]


def _clusters() -> list[Truth]:
    """Thomas process: K(r) = πr² + (1 - exp(-r²/4σ²))/κ for parents of density κ."""
    inside = np.ones((400, 400), bool)
    sigma_um, parents_mm2, found = 30.0, 20.0, []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        wide = rng.uniform(-40, 440, (rng.poisson(parents_mm2 * 4.8**2), 2))
        points = np.repeat(wide, rng.poisson(15, len(wide)), axis=0)
        points = points + rng.normal(0, sigma_um / 10, points.shape)
        points = points[points_inside(points, inside)]
        found.append(ripley_l(points, inside, TEN, RipleySettings(RADII, simulations=0)).l_um[4])
    k_um2 = math.pi * 100.0**2 + (1 - math.exp(-(100.0**2) / (4 * sigma_um**2))) * 1e6 / parents_mm2
    case = "L(100 µm) of clusters of σ 30 µm, 20/mm², mean of 6"
    truth = math.sqrt(k_um2 / math.pi)
    return [Truth("ripley_l", case, float(np.mean(found)), truth, 0.05 * truth, "Thomas process")]


def _tiles() -> list[Truth]:
    grid = tile_grid(np.ones((600, 600), bool), TEN)
    board = np.indices((6, 6)).sum(axis=0) % 2
    found = heterogeneity(10.0 + 20 * board, np.ones((6, 6)), grid, counted=True)
    case = "checkerboard of 10 and 30 cells per 1 mm² tile, 6 x 6"
    variance = 100.0 * 36 / 35
    wide = tile_grid(np.ones((4000, 4000), bool), TEN)
    points = random_points(np.ones((4000, 4000), bool), 160_000, np.random.default_rng(1))
    even = heterogeneity(wide.counts(points), wide.eligible_mm2, wide, counted=True)
    scattered = "160,000 random points over 1,600 tiles"
    halves = np.array([1, 1, 0]), np.array([0, 3, 3])
    return [
        Truth("tam_tile_cv", case, found.cv, math.sqrt(variance) / 20, 1e-9, "by hand"),
        Truth("tam_tile_gini", case, found.gini, 0.25, 1e-9, "by hand"),
        Truth("tam_tile_moran_i", case, found.moran_i, -1.0, 1e-9, "rook neighbours all differ"),
        Truth(
            "tam_tile_excess_cv2",
            case,
            found.excess_cv2,
            (variance - 20) / 400,
            1e-9,
            "(s² - m)/m²",
        ),
        Truth("tam_tile_excess_cv2", scattered, even.excess_cv2, 0.0, 0.001, "Poisson: s² = m"),
        Truth("tam_tile_cv", scattered, even.cv, 0.1, 0.005, "Poisson: 1/√100"),
        Truth("tam_tile_moran_i", scattered, even.moran_i, -1 / 1599, 0.05, "-1/(N - 1)"),
        Truth(
            "tam_tumour_cell_morisita_horn",
            "half of each kind in a shared tile",
            morisita_horn(*halves),
            0.5,
            1e-9,
            "by hand",
        ),
        Truth(
            "tam_tile_cv",
            "16 tiles",
            heterogeneity(
                np.ones((4, 4)), np.ones((4, 4)), tile_grid(np.ones((400, 400), bool), TEN)
            ).cv,
            math.nan,
            0.0,
            "under 20 tiles",
        ),
    ]


def _correlated() -> list[Truth]:
    mask = letter_c().astype(np.float64)
    found = []
    for seed in range(6):
        noise = np.random.default_rng(seed).standard_normal(mask.shape)
        field = ndimage.gaussian_filter(noise, 5.0, mode="wrap")
        found.append(correlation_length_um(correlogram(field * mask, mask, 10.0)))
    ramp = spatial_interval(np.indices((12, 12))[0] + 1.0, np.ones((12, 12)), 1000.0)
    return [
        Truth(
            "correlation_length_um",
            "noise smoothed by σ 50 µm in a C, mean of 6",
            float(np.mean(found)),
            100.0,
            10.0,
            "exp(-(h/2σ)²)",
        ),
        Truth("spatial_interval", "a ramp over the slide", ramp.low, math.nan, 0.0, "declined"),
    ]
