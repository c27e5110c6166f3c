"""Coverage of the within-slide spatial interval on simulated correlated fields.

python -m benchmarks.interval_coverage [draws]

A Gaussian field of known correlation length on a ragged section, 20 mm across, is cut at a
threshold; the fraction above it is the truth. 500 draws of each length and texture are made
into 1 mm tiles, and the intervals that hold the truth are counted. Rough fields have the
correlation exp(-h/ℓ), smooth ones exp(-(h/ℓ)²), which is not the tool's own model.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.special import ndtri

from histo.scoring.space.interval import SpatialIntervals
from histo.scoring.space.lattice import block_sums

TILES = 20
PIXELS_PER_TILE = 5
TILE_UM = 1000.0
FRACTIONS = (0.2, 0.05)
LENGTHS_MM = (0.5, 1.0, 2.0, 4.0, 8.0)
TEXTURES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "rough": lambda h: np.exp(-h),
    "smooth": lambda h: np.exp(-(h**2)),
}


def section(seed: int = 1) -> NDArray[np.bool_]:
    """Return a ragged blob of tissue, 20 mm across at 0.2 mm/px."""
    size = TILES * PIXELS_PER_TILE
    noise = np.random.default_rng(seed).standard_normal((size, size))
    ragged = ndimage.gaussian_filter(noise, size / 10)
    rows, cols = np.mgrid[:size, :size] + 0.5 - size / 2
    return np.hypot(rows, cols) / (size / 2) + 0.2 * ragged / ragged.std() < 0.9


def gaussian_fields(
    correlation: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    length_px: float,
    draws: int,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.float64]]:
    """Yield fields of unit variance, on a torus far wider than the section."""
    size = TILES * PIXELS_PER_TILE
    wide = fft.next_fast_len(2 * size + math.ceil(4 * length_px))
    away = np.minimum(np.arange(wide), wide - np.arange(wide)) / length_px
    power = np.maximum(fft.fft2(correlation(np.hypot(away[:, None], away))).real, 0.0)
    scale = np.sqrt(power / power.sum())
    for _ in range((draws + 1) // 2):
        noise = rng.standard_normal((2, wide, wide))
        wave = fft.fft2((noise[0] + 1j * noise[1]) * scale)[:size, :size]
        yield from (wave.real, wave.imag)


def tiles(plane: NDArray[np.generic]) -> NDArray[np.float64]:
    """Sum pixels into tiles."""
    cut = plane.reshape(TILES, PIXELS_PER_TILE, TILES, PIXELS_PER_TILE)
    return cut.sum(axis=(1, 3)).astype(np.float64)


def plain_holds(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64], side: int, truth: float
) -> bool:
    """Return whether an uncalibrated bootstrap of blocks would have held the truth."""
    ratio = numerator.sum() / denominator.sum()
    weight = block_sums(denominator, side)
    held = weight > 0
    residual = block_sums(numerator - ratio * denominator, side)[held]
    blocks = denominator.sum() / weight[held].mean()
    error = math.sqrt(np.mean(residual**2) * blocks) / denominator.sum()
    return bool(abs(ratio - truth) <= 1.96 * error)


def row(texture: str, length_mm: float, fraction: float, draws: int, made: SpatialIntervals) -> str:
    """Measure one length and return its row of the table."""
    tissue = section()
    length_px = length_mm * 1000 / TILE_UM * PIXELS_PER_TILE
    rng = np.random.default_rng([3, round(10 * length_mm), round(100 * fraction)])
    fields = gaussian_fields(TEXTURES[texture], length_px, draws, rng)
    answered, held, plain, three, widths = 0, 0, 0, 0, []
    for field in fields:
        positive = tiles(tissue & (field > ndtri(1 - fraction)))
        plain += plain_holds(positive, made.denominator, 1, fraction)
        three += plain_holds(positive, made.denominator, 3, fraction)
        found = made.of(positive, bounded=True)
        if found.note:
            continue
        answered += 1
        held += found.low <= fraction <= found.high
        widths.append(found.high - found.low)
    covered = f"{held / answered:.1%}" if answered else "none"
    width = f"{np.median(widths):.3f}" if widths else "none"
    return (
        f"| {texture} | {fraction:.0%} | {length_mm:g} | {answered / draws:.1%} | {covered} | "
        f"{(answered - held) / draws:.1%} | {width} | {plain / draws:.1%} | {three / draws:.1%} |"
    )


def main() -> None:
    """Print the table."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    started = time.process_time()
    made = SpatialIntervals(tiles(section()), TILE_UM)
    area_mm2 = made.denominator.sum() / PIXELS_PER_TILE**2
    print(f"{draws} draws each, section of {area_mm2:.0f} mm², 1 mm tiles, nominal 95 %\n")
    print(
        "| field | fraction | correlation length, mm | answered | covered when answered | "
        "answered and missed, of all | median width | plain tile bootstrap | 3 x 3 blocks |"
    )
    print("| --- " * 9 + "|")
    for fraction in FRACTIONS:
        for texture in TEXTURES:
            for length_mm in LENGTHS_MM:
                print(row(texture, length_mm, fraction, draws, made), flush=True)
    print(f"\n{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
