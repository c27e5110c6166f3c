"""Cores drawn from a seed: pink fibres that shine in second harmonic generation, nuclei, glass."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GLASS, PALE, FIBRE, NUCLEUS = (243, 241, 244), (236, 200, 216), (214, 120, 160), (110, 80, 150)
COLUMNS = "core,organ,image,label,um_per_px"
STUDY = {"a": "breast", "b": "breast", "c": "breast", "d": "kidney", "e": "kidney", "f": "kidney"}


def drawn_core(
    seed: int, height: int = 96, width: int = 104
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An H&E image and its SHG image, uint8, (H, W, 3) and (H, W)."""
    draw = np.random.default_rng(seed)
    rows, cols = np.mgrid[:height, :width]
    disc = np.hypot(rows - height / 2, cols - width / 2) < 0.47 * min(height, width)
    angle, phase = draw.uniform(0, np.pi), draw.uniform(0, 9)
    along = rows * np.cos(angle) + cols * np.sin(angle)
    fibres = disc & (np.sin(along / 4 + phase + np.sin(cols / 9)) > 0.2)
    nuclei = disc & ~fibres & (draw.random((height, width)) < 0.1)
    rgb = np.full((height, width, 3), GLASS)
    for mask, colour in ((disc, PALE), (fibres, FIBRE), (nuclei, NUCLEUS)):
        rgb[mask] = colour
    rgb = rgb + draw.normal(0, 3, rgb.shape)
    shg = np.where(fibres, 190, 15) + draw.normal(0, 10, fibres.shape)
    return rgb.clip(0, 255).astype(np.uint8), shg.clip(0, 255).astype(np.uint8)


def write_study(folder: Path) -> Path:
    """Write six cores of two organs and their manifest; return the manifest."""
    folder.mkdir(exist_ok=True)
    rows = []
    for seed, (name, organ) in enumerate(STUDY.items()):
        rgb, shg = drawn_core(seed)
        Image.fromarray(rgb).save(folder / f"{name}_he.png")
        Image.fromarray(shg).save(folder / f"{name}_shg.png")
        rows.append(f"{name},{organ},{name}_he.png,{name}_shg.png,2.0")
    return write_manifest(folder, rows)


def write_counter_study(folder: Path) -> Path:
    """Write two images at half the spacing, their left halves known to hold no collagen."""
    rows = ["sample,organ,image,mask,um_per_px"]
    for seed, (name, organ) in enumerate({"nests": "breast", "glands": "kidney"}.items(), 9):
        rgb, _ = drawn_core(seed, 192, 208)
        absent = np.zeros((192, 208), np.uint8)
        absent[:, :101] = 255
        Image.fromarray(rgb).save(folder / f"{name}.png")
        Image.fromarray(absent).save(folder / f"{name}_mask.png")
        rows.append(f"{name},{organ},{name}.png,{name}_mask.png,1.0")
    path = folder / "counter.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def write_manifest(folder: Path, rows: list[str], columns: str = COLUMNS) -> Path:
    """Write a manifest beside the images."""
    path = folder / "study.csv"
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return path


def training_values(manifest: Path, **optim: Any) -> dict[str, Any]:
    """The smallest experiment: three steps of two crops, two folds, no weights from elsewhere."""
    return {
        "name": "tiny-collagen",
        "seed": 5,
        "components": ["collagen"],
        "data": {"kind": "shg", "manifest": str(manifest), "folds": 2},
        "network": {
            "arguments": {
                "encoder_name": "mobilenet_v2",
                "encoder_depth": 3,
                "decoder_channels": [16, 8, 8],
            }
        },
        "optim": {
            "steps": 3,
            "batch": 2,
            "crop_px": 64,
            "workers": 0,
            "jobs": 1,
            "precision": "32-true",
            **optim,
        },
        "card": {
            "version": "1",
            "summary": "Learnt from drawings.",
            "licence": "Apache-2.0",
            "stains": ["H&E"],
            "um_per_px": 2.0,
            "tile_px": 64,
            "context_px": 8,
            "data": [{"name": "drawings", "source": "a seed", "licence": "CC0-1.0", "samples": 6}],
            "intended_use": "Tests.",
            "failure_modes": ["It never saw tissue."],
        },
    }
