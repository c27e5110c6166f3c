"""A card, a bundle of empty files and MobileNetV2 weights, all made in code."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from histo.nn.bundle import CARD, GRAPH, REFERENCE, WEIGHTS
from histo.provenance import file_sha256

STRIDE_PX = 8

Arrays = dict[str, NDArray[np.float32]]


def card_values() -> dict[str, Any]:
    """A sound card of a network small enough to build in a blink."""
    return {
        "name": "tiny",
        "version": "1",
        "summary": "A network made from a seed.",
        "licence": "Apache-2.0",
        "stains": ["H&E"],
        "components": ["collagen", "tumour"],
        "um_per_px": 2.0,
        "tile_px": 64,
        "context_px": 8,
        "thresholds": {"collagen": 0.5, "tumour": 0.25},
        "network": {
            "arguments": {
                "encoder_name": "mobilenet_v2",
                "encoder_depth": 3,
                "decoder_channels": [16, 8, 8],
            }
        },
        "data": [{"name": "noise", "source": "a seed", "licence": "CC0-1.0", "samples": 1}],
        "intended_use": "Tests.",
        "failure_modes": ["It knows nothing."],
    }


def write_card(folder: Path, **changes: Any) -> Path:
    """Write a sound card with changes; a value of None takes the key away."""
    values = {**card_values(), **changes}
    kept = {key: value for key, value in values.items() if value is not None}
    path = folder / CARD
    path.write_text(yaml.safe_dump(kept, allow_unicode=True), encoding="utf-8")
    return path


def write_paper_bundle(folder: Path) -> Path:
    """Write a bundle that is right on paper: files of a few bytes, and a card with digests."""
    folder.mkdir(exist_ok=True)
    for name in (WEIGHTS, GRAPH, REFERENCE):
        (folder / name).write_bytes(name.encode())
    digests = {name: file_sha256(folder / name) for name in (WEIGHTS, GRAPH, REFERENCE)}
    write_card(folder, sha256=digests)
    return folder


def noise_tiles(count: int, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Tiles of smooth random colour, uint8, (N, H, W, 3)."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(60, 250, (count, -(-height // 4), -(-width // 4), 3))
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :height, :width]
    return (fine + draw.integers(-30, 6, fine.shape)).clip(0, 255).astype(np.uint8)


INVERTED_RESIDUALS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
"""Expansion, channels, repeats, first stride: Table 2 of 10.1109/CVPR.2018.00474, to stride 16."""


def kernel_shapes() -> list[tuple[int, int, int, int]]:
    """Kernels in forward order, (out, in, kh, kw); depthwise ones have in = 1."""
    shapes = [(32, 3, 3, 3)]
    channels = 32
    for expansion, out, repeats, _ in INVERTED_RESIDUALS:
        for _ in range(repeats):
            wide = channels * expansion
            if expansion > 1:
                shapes.append((wide, channels, 1, 1))
            shapes += [(wide, 1, 3, 3), (out, wide, 1, 1)]
            channels = out
    return shapes


def folded_mobilenet_v2(seed: int) -> tuple[Arrays, list[Arrays]]:
    """Random convolutions with batch norms: folded as TensorFlow stores them, and as they were.

    Returns
    -------
    arrays
        ``NN_KIND_w`` (out, kh, kw, in), depthwise (1, kh, kw, out), and ``NN_KIND_b``.
    layers
        For each layer ``kernel`` (out, in, kh, kw) and the norm's ``gamma``, ``beta``, ``mean``
        and ``variance``.
    """
    draw = np.random.default_rng(seed)
    arrays: Arrays = {}
    layers = []
    for number, shape in enumerate(kernel_shapes()):
        out, depthwise = shape[0], shape[1] == 1
        layer = {
            "kernel": draw.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape),
            "gamma": draw.uniform(0.5, 1.5, out),
            "beta": draw.normal(0, 0.5, out),
            "mean": draw.normal(0, 0.3, out),
            "variance": draw.uniform(0.5, 2, out),
        }
        layer = {name: values.astype(np.float32) for name, values in layer.items()}
        slope = layer["gamma"] / np.sqrt(layer["variance"] + 1e-3)
        folded = layer["kernel"] * slope[:, None, None, None]
        name = f"{number:02d}_{'DEPTHWISE_' if depthwise else ''}CONV_2D"
        arrays[f"{name}_w"] = folded.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
        arrays[f"{name}_b"] = layer["beta"] - slope * layer["mean"]
        layers.append(layer)
    return arrays, layers
