"""What scoring costs: every score of a 20 mm x 20 mm tumour with 200,000 macrophages.

python benchmarks/scoring.py
python benchmarks/scoring.py --side-mm 5    # a smoke test
"""

import argparse
import resource
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.scoring import slide_scores as room
from histo.scoring.slide_scores import slide_scores

UM_PER_PX = 2.0
PER_MM2 = 500.0
COMPONENTS = ("tumour", "collagen", "myofibroblast", "macrophage")


@dataclass(frozen=True)
class Slide:
    """A tissue map and a component map in one, as scoring asks for them."""

    tissue: NDArray[np.bool_]
    exclusion: NDArray[np.uint8]
    probability: NDArray[np.uint8]
    spacing: Spacing
    components: tuple[str, ...] = COMPONENTS


def drawn(side_mm: float, seed: int) -> Slide:
    """Draw nests, fibres and cells on a disc of tissue, in a process of its own."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "planes.npy"
        artist = get_context("spawn").Process(target=_draw, args=(side_mm, seed, file))
        artist.start()
        artist.join()
        planes = np.load(file)
    tissue = planes[-1] > 0
    exclusion = np.zeros(tissue.shape, np.uint8)
    return Slide(tissue, exclusion, planes[:-1], Spacing(UM_PER_PX, UM_PER_PX))


def _draw(side_mm: float, seed: int, file: Path) -> None:
    side = int(side_mm * 1000 / UM_PER_PX)
    rng = np.random.default_rng(seed)
    step = 10

    def patches(sigma: float, level: float) -> NDArray[np.uint8]:
        coarse = ndimage.gaussian_filter(rng.normal(size=(side // step, side // step)), sigma)
        above = (coarse > level * coarse.std()).astype(np.uint8) * 255
        return above.repeat(step, axis=0).repeat(step, axis=1)

    rows, cols = np.ogrid[:side, :side]
    radius = np.hypot(rows - side / 2, cols - side / 2)
    cells = np.zeros((side, side), np.uint8)
    at = rng.integers(4, side - 4, (2, int(PER_MM2 * side_mm**2)))
    for row in range(-2, 3):
        for col in range(-2, 3):
            cells[at[0] + row, at[1] + col] = 255
    tumour = patches(4, 0.3) * (radius < 0.4 * side)
    tissue = (radius < 0.49 * side).astype(np.uint8)
    np.save(file, np.stack([tumour, patches(2, 0.2), patches(1.5, 1.3), cells, tissue]))


def timed(spent: dict[str, float]) -> None:
    """Add up the time of every function the assembly calls."""
    for name in dir(room):
        function = getattr(room, name)
        if not (callable(function) and getattr(function, "__module__", "").startswith("histo")):
            continue
        if name.startswith("_") or isinstance(function, type) or name == "slide_scores":
            continue

        def wrapped(*given: object, _call=function, _name=name, **named: object) -> object:
            began = time.process_time()
            try:
                return _call(*given, **named)
            finally:
                spent[_name] = spent.get(_name, 0.0) + time.process_time() - began

        setattr(room, name, wrapped)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side-mm", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    slide = drawn(given.side_mm, given.seed)
    before_mb = peak_mb()
    spent: dict[str, float] = {}
    timed(spent)
    wall, cpu = time.perf_counter(), time.process_time()
    found = slide_scores(slide, slide, dict.fromkeys(COMPONENTS, 0.5))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    height, width = slide.tissue.shape
    cells = 0 if found.cells is None else len(found.cells)
    print(f"{len(found.scores)} scores of {height} x {width} px, {cells:,} macrophages:")
    print(f"{wall:.1f} s ({cpu:.1f} s of CPU), peak {peak_mb():.0f} MB, {before_mb:.0f} MB before")
    print("\n| step | CPU s | share |\n| --- | --- | --- |")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"| `{name}` | {seconds:.2f} | {seconds / cpu:.0%} |")


def peak_mb() -> float:
    """Return the peak resident memory so far."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
