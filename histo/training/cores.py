"""Tissue-microarray cores with H&E and second-harmonic generation of the same section."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from histo.errors import ConfigError, TissueError
from histo.geometry import Spacing
from histo.tissue import tissue_map
from histo.training.config import LabelConfig

__all__ = ["Core", "otsu_threshold", "read_cores"]

_TISSUE_UM_PER_PX = 8.0
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
        With the row number, if a column, a file or a number is missing or wrong, a core is listed
        twice, or a file shows no tissue.
    """
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = set(_COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise ConfigError(f"{manifest.name} lacks the column {sorted(missing)[0]}.")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        reason = getattr(fault, "strerror", None) or "it is no UTF-8 CSV file"
        raise ConfigError(f"the manifest {manifest.name} cannot be read: {reason}.") from fault
    if not rows:
        raise ConfigError(f"the manifest {manifest.name} lists no core.")
    first_row: dict[str, int] = {}
    for n, row in enumerate(rows, 2):
        if first_row.setdefault(row["core"], n) != n:
            raise ConfigError(
                f"{manifest.name} row {n}: core {row['core']} stands in row "
                f"{first_row[row['core']]} already."
            )
    return [_core(row, f"{manifest.name} row {n}", root, label) for n, row in enumerate(rows, 2)]


def _core(row: dict[str, str | None], where: str, root: Path, label: LabelConfig) -> Core:
    cells = {column: row[column] or "" for column in _COLUMNS}
    empty = [column for column, cell in cells.items() if not cell]
    if empty:
        raise ConfigError(f"{where}: {empty[0]} is empty.")
    rgb = _pixels(root, cells["image"], "RGB", where)
    raw = _pixels(root, cells["label"], "L", where)
    if rgb.shape[:2] != raw.shape:
        raise ConfigError(f"{where}: image is {rgb.shape[:2]} px, its label {raw.shape}.")
    try:
        um_per_px = float(cells["um_per_px"])
        spacing = Spacing(um_per_px, um_per_px)
    except ValueError as fault:
        raise ConfigError(
            f"{where}: um_per_px is a number above 0, found '{cells['um_per_px']}'."
        ) from fault
    try:
        tissue = _tissue(rgb, spacing)
    except TissueError as fault:
        raise ConfigError(f"{where}: {fault}") from fault
    shg = raw.astype(np.float32) / np.float32(255)
    smooth = ndimage.gaussian_filter(shg, label.smooth_px)
    target = np.where(tissue, np.clip(smooth, 0, 1) ** label.gamma, 0).astype(np.float32)
    border = rgb.max(axis=2) < 12  # black frame of the registration: nothing is known there
    weight = np.where(tissue, 1.0, np.where(border, 0.0, label.background_weight))
    return Core(
        name=cells["core"],
        organ=cells["organ"],
        rgb=rgb,
        shg=shg,
        target=target,
        tissue=tissue,
        weight=weight.astype(np.float32),
        um_per_px=um_per_px,
    )


def _tissue(rgb: NDArray[np.uint8], spacing: Spacing) -> NDArray[np.bool_]:
    """Find tissue at low power, as scoring does, and say it at the core's own pixels."""
    k = max(1, round(_TISSUE_UM_PER_PX / spacing.mean))
    view = np.asarray(Image.fromarray(rgb).reduce(k))
    low = tissue_map(view, spacing.scaled(k)).tissue
    height, width = rgb.shape[:2]
    return low.repeat(k, axis=0).repeat(k, axis=1)[:height, :width]


def _pixels(root: Path, name: str, mode: str, where: str) -> NDArray[np.uint8]:
    try:
        with Image.open(root / name) as image:
            if image.mode[0] in "IF":  # Pillow would clip such pixels at 255
                raise ConfigError(f"{where}: {name} has more than 8 bits a channel; save it as 8.")
            return np.asarray(image.convert(mode))
    except FileNotFoundError as fault:
        raise ConfigError(f"{where}: {name} is not in the data folder.") from fault
    except OSError as fault:
        raise ConfigError(f"{where}: {name} cannot be read as an image.") from fault


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
