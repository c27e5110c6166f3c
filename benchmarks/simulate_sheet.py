"""Draw 64 simulated immunostain patches with their labels, and compare their brown with real.

    python benchmarks/simulate_sheet.py ../shared/data --out sheet.png

Outlines: red positive, blue muscle, yellow brown that is not stain; green dots counted cells.
Prints hue and strength of the brown of the simulated patches and of the real images in ``dab/``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from histo.stains import optical_density
from histo.stains.chroma import chroma_plane
from histo.stains.simulate import SimulatedPatch, Tissue, brown_share, simulate_dab, unmixed_tissue
from histo.tissue import white_point

SIDE_PX = 256
UM_PER_PX = 0.5
HE = {  # µm/px
    "slides/cmu_small_region.svs": 0.499,
    "tumour_he/bcss/1008.jpg": 0.25,
    "tumour_he/bcss/1015.jpg": 0.25,
}
HDAB = {"dab/control_cd3.jpg": 0.3, "dab/control_cd8b.jpg": 0.3, "dab/control_rorgt.jpg": 0.3}


def main() -> None:
    """Write the sheet and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("simulated.png"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bare", action="store_true", help="without outlines")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    backgrounds = read_backgrounds(options.data, rng)
    began = time.perf_counter()
    patches = [simulate_dab(backgrounds[k % len(backgrounds)], rng) for k in range(64)]
    print(f"{(time.perf_counter() - began) / 64 * 1e3:.0f} ms a patch of {SIDE_PX} px")
    tiles = [patch.rgb if options.bare else outlined(patch) for patch in patches]
    rows = [np.hstack(tiles[k : k + 8]) for k in range(0, 64, 8)]
    Image.fromarray(np.vstack(rows)).save(options.out)
    describe("simulated", [brown_of(p.rgb, (p.chromogen > 0.1)) for p in patches])
    for path in sorted((options.data / "dab").iterdir()):
        describe(path.name, [brown_of(np.asarray(Image.open(path).convert("RGB")), None)])


def read_backgrounds(data: Path, rng: np.random.Generator) -> list[Tissue]:
    """Cut patches at 0.5 µm/px out of the real images: 8 of each H&E, 2 of each IHC."""
    found = []
    for sources, kind, count in ((HE, "he", 8), (HDAB, "hdab", 2)):
        for name, um in sources.items():
            image = _open(data / name)
            size = [round(length * um / UM_PER_PX) for length in image.size]
            rgb = np.asarray(image.resize(size, Image.Resampling.BOX))
            glass = white_point(rgb)
            left = count
            for _ in range(count * 20):
                row = int(rng.integers(0, max(1, rgb.shape[0] - SIDE_PX)))
                col = int(rng.integers(0, max(1, rgb.shape[1] - SIDE_PX)))
                cut = rgb[row : row + SIDE_PX, col : col + SIDE_PX]
                if kind == "hdab" and brown_share(cut, glass) > 0.001:
                    continue
                tissue = unmixed_tissue(cut, UM_PER_PX, kind, glass)
                if tissue.cover.mean() > 0.3 and left:
                    found.append(tissue)
                    left -= 1
    rng.shuffle(found)
    return found


def outlined(patch: SimulatedPatch) -> NDArray[np.uint8]:
    """Draw the labels' outlines on the patch."""
    rgb = patch.rgb.copy()
    colours = ((255, 220, 0), (30, 60, 255), (255, 0, 0))
    for mask, colour in zip((patch.distractor, patch.muscle, patch.positive), colours, strict=True):
        rgb[mask & ~ndimage.binary_erosion(mask, border_value=1)] = colour
    for row, col in np.rint(patch.centres_px).astype(int):
        rgb[max(0, row - 1) : row + 2, max(0, col - 1) : col + 2] = (0, 255, 0)
    return rgb


def brown_of(rgb: NDArray[np.uint8], where: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Optical densities of the brown pixels, shape (N, 3)."""
    od = optical_density(rgb, white_point(rgb))
    flat = od.reshape(-1, 3)
    plane, density = chroma_plane(flat)
    brown = (plane[:, 0] < -0.25) & (plane[:, 1] < -0.1) & (density > 0.15)
    return flat[brown if where is None else brown & where.ravel()]


def describe(name: str, parts: list[NDArray[np.float32]]) -> None:
    """Print the hue and strength of brown pixels: percentiles 5, 50, 95."""
    od = np.concatenate(parts)
    if len(od) < 200:
        print(f"{name:28s} next to no brown")
        return
    plane, _ = chroma_plane(od)
    length = np.linalg.norm(od, axis=1)
    numbers = [np.percentile(v, (5, 50, 95)).round(2).tolist() for v in (*plane.T, length)]
    unit = np.median(od / length[:, None], axis=0).round(2).tolist()
    print(f"{name:28s} unit {unit} x {numbers[0]} y {numbers[1]} |od| {numbers[2]}")


def _open(path: Path) -> Image.Image:
    if path.suffix == ".svs":
        from openslide import OpenSlide

        with OpenSlide(path) as slide:
            return slide.read_region((0, 0), 0, slide.dimensions).convert("RGB")
    return Image.open(path).convert("RGB")


if __name__ == "__main__":
    main()
