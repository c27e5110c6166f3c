"""How fast samples come from slides: patches a second of one worker, and cores that feed a GPU.

A phantom slide is written, a thousand polygons are drawn on it, and one process makes samples with
and without random changes::

    python benchmarks/sampling.py --width-mm 20 --height-mm 15 --gpu-patches-per-s 400

``--gpu-patches-per-s`` is what the network takes in training; measure it with the batch in use.
"""

import argparse
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch

from histo.slides import open_slide
from histo.slides.phantom import PhantomSpec, write_phantom
from histo.training.config import AugmentationConfig
from histo.training.manifests.manifest import Manifest, ManifestRow, read_manifest, write_manifest
from histo.training.samples.open_rows import OpenRows
from histo.training.samples.slide_places import survey
from histo.training.samples.slide_samples import SampleSettings, SlideSamples
from histo.vocabulary import Component

CLASSES = """
classes: {Tumour: tumour, Collagen: collagen, Stroma: background}
border_um: 4
"""
COMPONENTS = (Component.TUMOUR, Component.COLLAGEN)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--width-mm", type=float, default=20.0)
    parser.add_argument("--height-mm", type=float, default=15.0)
    parser.add_argument("--polygons", type=int, default=1000)
    parser.add_argument("--um-per-px", type=float, default=0.5)
    parser.add_argument("--tile-px", type=int, default=512)
    parser.add_argument("--patches", type=int, default=100)
    parser.add_argument("--gpu-patches-per-s", type=float, default=400.0)
    parser.add_argument("--folder", type=Path, help="keep the slide here")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with TemporaryDirectory() as scratch:
        manifest = _manifest(wanted.folder or Path(scratch), wanted)
        _report(manifest, wanted)


def _manifest(folder: Path, wanted: argparse.Namespace) -> Manifest:
    folder.mkdir(exist_ok=True)
    slide = folder / "phantom.tif"
    if not slide.exists():
        write_phantom(
            slide, PhantomSpec(seed=3, width_mm=wanted.width_mm, height_mm=wanted.height_mm)
        )
    with open_slide(slide) as opened:
        shape = opened.shape
    (folder / "phantom.geojson").write_text(json.dumps(_polygons(wanted.polygons, shape)))
    (folder / "classes.yaml").write_text(CLASSES)
    row = ManifestRow(
        slide="phantom.tif",
        annotation="phantom.geojson",
        patient="p",
        stain="H&E",
        class_map="classes.yaml",
    )
    write_manifest(folder / "phantom.csv", [row])
    return read_manifest(folder / "phantom.csv")


def _polygons(count: int, shape: tuple[int, int]) -> dict[str, object]:
    """Return rough rings of 200 corners and 60 to 300 µm radius, spread over the slide."""
    draw = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    features = []
    for number in range(count):
        radius = draw.uniform(120, 600) * (1 + 0.1 * np.cos(7 * angle + draw.uniform(0, 6)))
        row, col = draw.uniform(0.1, 0.9, 2) * shape
        ring = np.column_stack([col + radius * np.cos(angle), row + radius * np.sin(angle)])
        corners = ring.round(1).tolist()
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]]},
                "properties": {
                    "classification": {"name": ("Tumour", "Collagen", "Stroma")[number % 3]}
                },
            }
        )
    return {"type": "FeatureCollection", "features": features}


def _report(manifest: Manifest, wanted: argparse.Namespace) -> None:
    size = (manifest.root / "phantom.tif").stat().st_size / 2**20
    print(
        f"slide {wanted.width_mm:g} x {wanted.height_mm:g} mm ({size:.0f} MiB, JPEG), "
        f"{wanted.polygons} polygons of 200 corners, tiles of {wanted.tile_px} px at "
        f"{wanted.um_per_px:g} µm/px; one process, one thread; load average "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    _, cpu, wall = _timed(lambda: survey(manifest, threads=1))
    print(f"survey of the slide: {cpu:.2f} s of CPU, {wall:.2f} s")
    rows = OpenRows(manifest, 1)
    _, cpu, wall = _timed(lambda: rows[0])
    print(f"opening the slide and its annotation: {cpu * 1e3:.0f} ms of CPU, {wall * 1e3:.0f} ms")
    rows.close()
    print("\n| samples | patches/s a core | ms of CPU | cores for the GPU |\n|---|---|---|---|")
    changes = AugmentationConfig()
    _line("as scanned", manifest, wanted, None, 0.0)
    _line("augmented", manifest, wanted, changes, 0.0)
    _line("augmented, 30 % on other glass", manifest, wanted, changes, 0.3)
    scale = 1024 if sys.platform != "darwin" else 1024**2
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    print(f"\nPeak memory of the process, libraries and survey included: {memory:.0f} MiB")
    print(f"The GPU is taken to consume {wanted.gpu_patches_per_s:g} patches/s.")


def _line(
    name: str,
    manifest: Manifest,
    wanted: argparse.Namespace,
    changes: AugmentationConfig | None,
    glass_share: float,
) -> None:
    settings = SampleSettings(wanted.um_per_px, wanted.tile_px, glass_share=glass_share)
    samples = SlideSamples(manifest, COMPONENTS, settings, changes=changes)
    samples[0]  # opens the slide
    _, cpu, _ = _timed(lambda: [samples[number] for number in range(1, wanted.patches + 1)])
    rate = wanted.patches / cpu
    cores = math.ceil(wanted.gpu_patches_per_s / rate)
    print(f"| {name} | {rate:.1f} | {1e3 / rate:.0f} | {cores} |", flush=True)


def _timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """Return the result, and CPU and wall seconds; CPU does not mind other programs much."""
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    return done, time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    main()
