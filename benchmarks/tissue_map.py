"""Time, memory and area error of the tissue map.

python benchmarks/tissue_map.py
"""

import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tissue"))

from drawing import PINK, blob, coverage, stained  # the tests' own phantom sections

from histo.geometry import Spacing
from histo.tissue import tissue_map

EIGHT = Spacing(8.0, 8.0)


def main() -> None:
    """Print one table after the other."""
    share, truth = coverage(blob(950, 1500), 3000)
    print(f"Irregular blob of {truth:.3f} mm², drawn at 0.5 µm/px, found at 8 µm/px")
    for strength in (0.3, 0.5, 1.0, 2.5):
        found = tissue_map(stained(share, PINK * strength), EIGHT)
        area = EIGHT.area_mm2(np.count_nonzero(found.tissue))
        print(f"  stain x {strength:3}: {100 * (area / truth - 1):+.3f} %")
    section = stained(share)
    view = np.tile(section, (8, 11, 1))[:3000, :4000].copy()
    wall, cpu = time.perf_counter(), time.process_time()
    tissue_map(view, EIGHT)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    tracemalloc.start()
    tissue_map(view, EIGHT)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    print(f"View of {view.shape[0]} x {view.shape[1]} px: {wall:.2f} s wall, {cpu:.2f} s CPU,")
    print(f"  {peak_bytes / 2**20:.0f} MiB above the view itself")


if __name__ == "__main__":
    main()
