"""What reading and blending cost beside the network: the pipeline with a network that is free.

    python benchmarks/pipeline_overhead.py [--slide FILE] [--tile 512] [--batch 4] [--threads 2]

CPU time is that of all threads, so Mpx/s of a core does not depend on what else runs. Tile Mpx
are what the network sees (cells and their margins), tissue Mpx are the planned cells.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.inference import (
    FlowSettings,
    Target,
    TilePlan,
    TileSettings,
    plan_tiles,
    read_batches,
    segment,
)
from histo.slides import Slide, native_spacing, open_slide
from histo.slides.phantom import PhantomSpec, write_phantom

_FORWARD_S_CORE_PER_MPX = 0.28
"""U-Net/MobileNetV2 on OpenVINO bf16, 512 px tiles, two cores."""


@dataclass
class NullNetwork:
    """Answers 0.5 everywhere, after a nap as long as a forward pass would take."""

    outputs: tuple[str, ...] = ("collagen", "tumour")
    reduction: int = 4
    stride: int = 32
    lanes: int = 1
    nap_s_per_mpx: float = 0.0

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return 0.5 at every output pixel."""
        count, height, width, _ = tiles.shape
        time.sleep(self.nap_s_per_mpx * count * height * width * 1e-6)
        shape = (count, len(self.outputs), height // self.reduction, width // self.reduction)
        return np.full(shape, 0.5, np.float32)


@dataclass
class Taken:
    """Wall time, and CPU time of all threads."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextmanager
def clocked() -> Iterator[Taken]:
    """Time the block."""
    taken = Taken()
    wall, cpu = time.perf_counter(), time.process_time()
    yield taken
    taken.wall_s, taken.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def plan_for(slide: Slide, tile_px: int, network: NullNetwork) -> TilePlan:
    """Everything that is not glass, seen at 16 µm/px."""
    view, spacing = slide.thumbnail(16.0)
    tissue = (slide.glass.astype(int) - view).max(axis=2) > 12
    grid = native_spacing(slide, 0.5)
    return plan_tiles(
        slide.frame_shape(grid),
        grid,
        Target(tissue, Spacing(*spacing.pair)),
        TileSettings(tile_px, 64, 32),
        reduction=network.reduction,
        stride_px=network.stride,
    )


def show(name: str, taken: Taken, plan: TilePlan) -> None:
    """Print one line."""
    tile_mpx = plan.network_px * 1e-6
    tissue_mpx = sum(tile.cell.height * tile.cell.width for tile in plan) * 1e-6
    share = taken.cpu_s / (tile_mpx * _FORWARD_S_CORE_PER_MPX)
    print(
        f"{name:24s} {taken.wall_s:7.2f} s  {taken.cpu_s:7.2f} core s  "
        f"{tile_mpx / taken.cpu_s:7.0f} tile Mpx/s/core  "
        f"{tissue_mpx / taken.cpu_s:7.0f} tissue Mpx/s/core  {share:6.1%} of the forward's CPU"
    )


def measure(path: Path, reader: str, arguments: argparse.Namespace) -> None:
    """Read, then read and blend, then do both beside a network that naps."""
    flow = FlowSettings(arguments.batch, arguments.threads)
    with (
        open_slide(path, reader=reader) as slide,  # type: ignore[arg-type]
        tempfile.TemporaryDirectory() as scratch,
    ):
        network = NullNetwork()
        plan = plan_for(slide, arguments.tile, network)
        print(
            f"\n{reader}: {len(plan)} tiles of up to {plan.tile_px} px, "
            f"{flow.batch} a batch, {flow.threads} reader threads"
        )
        with clocked() as taken:
            for _ in read_batches(slide, plan, flow):
                pass
        show("read", taken, plan)
        with clocked() as taken:
            segment(slide, plan, network, flow, scratch=Path(scratch))
        show("read + canvas", taken, plan)
        network = NullNetwork(nap_s_per_mpx=_FORWARD_S_CORE_PER_MPX / 2)
        with clocked() as taken:
            segment(slide, plan, network, flow, scratch=Path(scratch))
        show("with the forward's nap", taken, plan)
        nap_s = network.nap_s_per_mpx * plan.network_px * 1e-6
        print(f"{'':24s} {taken.wall_s / nap_s:.3f} times the naps alone")


def main() -> None:
    """Measure the direct reader and OpenSlide."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slide", type=Path, help="default: a phantom of 6 x 4 mm, 96 Mpx")
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.slide
        if path is None:
            path = Path(folder) / "phantom.tif"
            write_phantom(path, PhantomSpec(seed=1, width_mm=6, height_mm=4))
        for reader in ("auto", "openslide"):
            measure(path, reader, arguments)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
