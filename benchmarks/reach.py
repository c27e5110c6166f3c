"""How far a network looks: the context a bundle's card must declare.

Around a patch, everything farther than a radius is replaced by other tissue; the largest change of
the patch's probabilities says what the network still sees from there::

    python benchmarks/reach.py he-collagen
    python benchmarks/reach.py he-collagen --slide slide.svs

The effective reach is the smallest radius at which no probability moves by more than 2/255.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from histo.config import InferenceSettings
from histo.geometry import Box
from histo.nn import load_bundle, load_predictor
from histo.slides import native_spacing, open_slide
from histo.slides.phantom import PhantomSpec, write_phantom

PATCH_PX = 32
LIMIT = 2 / 255


def main() -> None:
    """Print a table of radius against change."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("--slide", type=Path, help="a real slide; a phantom by default")
    parser.add_argument("--mpp", type=float)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--pairs", type=int, default=24)
    wanted = parser.parse_args()
    bundle = load_bundle(wanted.bundle)
    settings = InferenceSettings.model_validate({"device": "cpu", "precision": wanted.precision})
    predict = load_predictor(bundle, settings)
    side = 2 * (bundle.card.network.stride_px * 12) + PATCH_PX
    side += -side % predict.stride
    with TemporaryDirectory() as scratch:
        path = wanted.slide or Path(scratch) / "phantom.tif"
        if wanted.slide is None:
            write_phantom(path, PhantomSpec(seed=1))
        tiles = _tissue_tiles(path, wanted.mpp, bundle.card.um_per_px, side, wanted.pairs)
    radii = range(8, (side - PATCH_PX) // 2 + 1, 8)
    reach = None
    print("| radius px | largest change | 99.9th percentile | mean |\n|---|---|---|---|")
    for radius in radii:
        change = _changes(predict, tiles, radius)
        print(
            f"| {radius} | {change.max():.4f} | {np.quantile(change, 0.999):.4f} "
            f"| {change.mean():.5f} |"
        )
        if change.max() > LIMIT:
            reach = None
        elif reach is None:
            reach = radius
    print(f"\nEffective reach (largest change at most 2/255): {reach} px")


def _tissue_tiles(
    path: Path, mpp: float | None, um_per_px: float, side: int, count: int
) -> NDArray[np.uint8]:
    """Return tiles that are mostly tissue, shape (count, side, side, 3)."""
    draw = np.random.default_rng(0)
    with open_slide(path, mpp=mpp) as slide:
        grid = native_spacing(slide, um_per_px)
        height, width = slide.frame_shape(grid)
        found: list[NDArray[np.uint8]] = []
        for _ in range(4000):
            row = int(draw.integers(0, max(1, height - side)))
            col = int(draw.integers(0, max(1, width - side)))
            tile = slide.read(Box(row, col, side, side), grid)
            if (tile.min(axis=2) < slide.glass.min() - 20).mean() > 0.4:
                found.append(tile)
            if len(found) == count:
                break
    if not found:
        raise SystemExit("no tile of that size holds enough tissue; give a larger --slide")
    return np.stack(found)


def _changes(predict: object, tiles: NDArray[np.uint8], radius: int) -> NDArray[np.float32]:
    """Return the change of each patch when all beyond the radius is swapped with another tile's."""
    side = tiles.shape[1]
    middle = (side - PATCH_PX) // 2
    patch = slice(middle, middle + PATCH_PX)
    kept = slice(middle - radius, middle + PATCH_PX + radius)
    other = np.roll(tiles, 1, axis=0)[:, ::-1].copy()
    other[:, kept, kept] = tiles[:, kept, kept]
    before, after = (predict(batch)[:, :, patch, patch] for batch in (tiles, other))  # type: ignore[operator]
    return np.abs(after - before)


if __name__ == "__main__":
    main()
