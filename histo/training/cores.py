"""Tissue-microarray cores with H&E and second-harmonic generation of the same section."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from histo.errors import ConfigError
from histo.geometry import Spacing
from histo.tissue import tissue_map
from histo.training.config import LabelConfig

__all__ = ["Core", "otsu_threshold", "read_cores"]

_COLUMNS = ("core", "organ", "image", "label", "um_per_px")


@dataclass(frozen=True)
class Core:
    """One core, ready to learn from.

    Attributes
    ----------
    rgb
        uint8, (H, W, 3).
    shg
        float32, (H, W), 0..1: contrast-stretched SHG as delivered.
    target
        float32, (H, W), 0..1: smoothed SHG to the power ``gamma``.
    tissue
        bool, (H, W): tissue of the core; metrics look only here.
    weight
        float32, (H, W): how much a pixel teaches.
    """

    name: str
    organ: str
    rgb: NDArray[np.uint8]
    shg: NDArray[np.float32]
    target: NDArray[np.float32]
    tissue: NDArray[np.bool_]
    weight: NDArray[np.float32]
    um_per_px: float


def read_cores(manifest: Path, root: Path, label: LabelConfig) -> list[Core]:
    """Read every core of a manifest (columns core, organ, image, label, um_per_px).

    Raises
    ------
    ConfigError
        With the row number, if a column, a file or a number is missing or wrong.
    """
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = set(_COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise ConfigError(f"{manifest.name} lacks the column {sorted(missing)[0]}.")
            rows = list(reader)
    except OSError as fault:
        raise ConfigError(f"the manifest {manifest.name} cannot be read: {fault}.") from fault
    return [_core(row, f"{manifest.name} row {n}", root, label) for n, row in enumerate(rows, 2)]


def _core(row: dict[str, str], where: str, root: Path, label: LabelConfig) -> Core:
    try:
        rgb = np.asarray(Image.open(root / row["image"]).convert("RGB"))
        raw = np.asarray(Image.open(root / row["label"]).convert("L"))
        um_per_px = float(row["um_per_px"])
    except (OSError, ValueError) as fault:
        raise ConfigError(f"{where}: {fault}.") from fault
    if rgb.shape[:2] != raw.shape:
        raise ConfigError(f"{where}: image is {rgb.shape[:2]} px, its label {raw.shape}.")
    shg = raw.astype(np.float32) / np.float32(255)
    tissue = tissue_map(rgb, Spacing(um_per_px, um_per_px)).tissue
    smooth = ndimage.gaussian_filter(shg, label.smooth_px)
    target = np.where(tissue, np.clip(smooth, 0, 1) ** label.gamma, 0).astype(np.float32)
    border = rgb.max(axis=2) < 12  # black frame of the registration: nothing is known there
    weight = np.where(tissue, 1.0, np.where(border, 0.0, label.background_weight))
    return Core(
        name=row["core"],
        organ=row["organ"],
        rgb=rgb,
        shg=shg,
        target=target,
        tissue=tissue,
        weight=weight.astype(np.float32),
        um_per_px=um_per_px,
    )


def otsu_threshold(values: NDArray[np.floating]) -> float:
    """Otsu's threshold of values in 0..1, on 256 bins (10.1109/TSMC.1979.4310076)."""
    counts, edges = np.histogram(values, bins=256, range=(0.0, 1.0))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = mass / below - (mass[-1] - mass) / above
        between = np.nan_to_num(below * above * gap**2)
    return float(edges[1:][int(np.argmax(between))])
