"""Backgrounds drawn from a seed: pink ground, blue nuclei, glass beside them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GLASS = (243, 242, 244)
COLUMNS = "background,image,source,split,organ,um_per_px,box"


def drawn_tissue(seed: int, side_px: int = 160) -> NDArray[np.uint8]:
    """An H&E image at 0.5 µm/px, uint8, (H, W, 3): nuclei 7 µm wide, a strip of glass."""
    draw = np.random.default_rng(seed)
    rows, cols = np.mgrid[:side_px, :side_px]
    rgb = np.full((side_px, side_px, 3), (226, 178, 200), float)
    for row, col in draw.uniform(0, side_px, (side_px * side_px // 700, 2)):
        rgb[np.hypot(rows - row, cols - col) < 7] = (96, 78, 150)
    rgb[:, : side_px // 10] = GLASS
    return (rgb + draw.normal(0, 3, rgb.shape)).clip(0, 255).astype(np.uint8)


def write_backgrounds(folder: Path) -> Path:
    """Write one background a split, and their manifest; return the manifest."""
    lines = [COLUMNS]
    for seed, split in enumerate(("train", "val", "test")):
        Image.fromarray(drawn_tissue(seed)).save(folder / f"{split}.png")
        lines.append(f"{split},{split}.png,he,{split},drawn,0.5,all")
    path = folder / "backgrounds.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def painted_values(manifest: Path, **data: Any) -> dict[str, Any]:
    """The smallest experiment: two steps of two paintings."""
    return {
        "name": "tiny-dab",
        "seed": 3,
        "components": ["positive", "cell", "muscle"],
        "data": {
            "kind": "painted",
            "manifest": str(manifest),
            "windows": 2,
            "paintings": 4,
            "judged": 6,
            "simulation": {"scenes": {"macrophages": 0.5, "fibres": 0.5}},
            **data,
        },
        "network": {
            "arguments": {
                "encoder_name": "mobilenet_v2",
                "encoder_depth": 3,
                "decoder_channels": [16, 8, 8],
            }
        },
        "augmentation": {"scale": [0.9, 1.1]},
        "optim": {"steps": 2, "batch": 2, "crop_px": 64, "precision": "32-true"},
        "card": {
            "version": "1",
            "summary": "tiny",
            "licence": "Apache-2.0",
            "stains": ["H-DAB"],
            "markers": ["CD68"],
            "um_per_px": 1.0,
            "canvas_um_per_px": 1.0,
            "tile_px": 64,
            "context_px": 16,
            "data": [{"name": "drawn", "source": "code", "licence": "CC0-1.0", "samples": 1}],
            "intended_use": "tests",
            "failure_modes": ["everything"],
        },
    }
