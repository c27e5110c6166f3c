"""What the inference benchmark runs on: two slides, a mask of their tissue, and a bundle.

Started by ``inference.py`` in a process of its own, so that its memory is not handed down.
"""

from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import yaml
from inference_process import answer
from numpy.typing import NDArray
from PIL import Image

from histo.geometry import Box
from histo.nn import load_bundle
from histo.nn.bundle import CARD, GRAPH, REFERENCE, WEIGHTS
from histo.pipeline import survey_slide
from histo.slides import open_slide
from histo.slides.phantom import PhantomSpec, write_mosaic, write_phantom

CANVAS_UM_PER_PX = 2.0

_REAL = "cmu_small_region.svs"
_CROP_PX = 512
_MIN_TISSUE_OF_CROP = 0.95


def slide_for(path: Path, job: dict[str, Any], heights: int) -> dict[str, Any]:
    """Write a slide, or use the one an earlier run left, and find its tissue.

    Parameters
    ----------
    path
        File to write.
    job
        ``source`` ("phantom" or "real"), ``side_mm``, ``um_per_px``, ``seed``, ``data``.
    heights
        Its height in widths.

    Returns
    -------
    dict
        ``path``; ``mask``, its measurable tissue as an RGB picture (what TIAToolbox reads);
        ``tissue_mpx``, measurable tissue in millions of grid pixels; ``slide_mpx``, with glass.
    """
    if not path.exists():
        _draw(path, job, heights)
    with open_slide(path) as slide:
        tissue = survey_slide(slide).tissue
        slide_mpx = slide.shape[0] * slide.shape[1] * 1e-6
    mask = path.with_suffix(".mask.png")
    grey = np.where(tissue.measurable, np.uint8(255), np.uint8(0))
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(mask)
    grid_px = tissue.spacing.row * tissue.spacing.col / job["um_per_px"] ** 2
    tissue_mpx = float(np.count_nonzero(tissue.measurable) * grid_px * 1e-6)
    return {
        "path": str(path),
        "mask": str(mask),
        "tissue_mpx": tissue_mpx,
        "slide_mpx": slide_mpx,
    }


def _draw(path: Path, job: dict[str, Any], heights: int) -> None:
    width_mm, height_mm = job["side_mm"], job["side_mm"] * heights
    if job["source"] == "real":
        shape = (
            round(height_mm * 1000 / job["um_per_px"]),
            round(width_mm * 1000 / job["um_per_px"]),
        )
        write_mosaic(path, _crops(Path(job["data"])), shape, job["um_per_px"], seed=job["seed"])
    else:
        write_phantom(path, PhantomSpec(job["seed"], width_mm, height_mm, job["um_per_px"]))


def _crops(data: Path) -> list[NDArray[np.uint8]]:
    """Return the parts of a real slide that are nearly all tissue."""
    with open_slide(data / "slides" / _REAL) as slide:
        pixels = slide.read_level(0, Box(0, 0, *slide.shape))
        tissue = survey_slide(slide).tissue.measurable
    rows, cols = (side / small for side, small in zip(pixels.shape, tissue.shape, strict=False))
    found = []
    for row in range(0, pixels.shape[0] - _CROP_PX + 1, _CROP_PX // 8):
        for col in range(0, pixels.shape[1] - _CROP_PX + 1, _CROP_PX // 8):
            box = Box(row, col, _CROP_PX, _CROP_PX)
            down = slice(int(row / rows), int(box.bottom / rows))
            across = slice(int(col / cols), int(box.right / cols))
            if tissue[down, across].mean() >= _MIN_TISSUE_OF_CROP:
                found.append(pixels[box.slices])
    return found


def bundle_for(source: str, folder: Path, job: dict[str, Any]) -> Path:
    """Copy a bundle with a card that asks for the benchmark's µm/px and tiles; same weights."""
    bundle = load_bundle(source)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, GRAPH, REFERENCE):
        copyfile(bundle.file(name), folder / name)
    changes = {
        "name": f"{bundle.card.name}-benchmark",
        "um_per_px": job["um_per_px"],
        "tile_px": job["tile_px"],
        "canvas_um_per_px": CANVAS_UM_PER_PX,
    }
    card = bundle.card.model_copy(update=changes).model_dump(mode="json")
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True)
    (folder / CARD).write_text(text, encoding="utf-8")
    return folder


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Make everything the job asks for in its ``folder``."""
    folder = Path(job["folder"])
    stem = f"{job['source']}-{job['side_mm']:g}mm-{job['seed']}"
    bundle = bundle_for(job["bundle"], folder / "bundle", job)
    card = load_bundle(bundle).card
    return {
        "slide": slide_for(folder / f"{stem}.tif", job, 1),
        "tall": slide_for(folder / f"{stem}-x4.tif", job, 4),
        "bundle": str(bundle),
        "network": f"{card.network.name}, "
        + ", ".join(f"{name} {value}" for name, value in card.network.arguments.items()),
        "context_px": card.context_px,
        "blend_px": card.blend_px,
    }


if __name__ == "__main__":
    answer(prepare)
