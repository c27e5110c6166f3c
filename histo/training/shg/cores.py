"""Tissue-microarray cores with H&E and second-harmonic generation of the same section."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from histo.errors import ConfigError, TissueError
from histo.geometry import Spacing
from histo.tissue import tissue_map
from histo.training.config import LabelConfig
from histo.training.shg.rows import in_light, read_image, read_rows, read_spacing

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
        bool, (H, W): tissue of the core, as scoring finds it.
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

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """The core: its tissue and the clear spaces the tissue encloses, bool, (H, W)."""
        return np.asarray(ndimage.binary_fill_holes(self.tissue), dtype=np.bool_)


def read_cores(
    manifest: Path, root: Path, label: LabelConfig, glass_level: int | None = None
) -> list[Core]:
    """Read every core of a manifest (columns core, organ, image, label, um_per_px).

    With ``glass_level`` each image is brought to that light, as slides are before scoring.

    Raises
    ------
    ConfigError
        With the row number, if a column, a file or a number is missing or wrong, a core is listed
        twice, or a file shows no tissue.
    """
    rows = read_rows(manifest, _COLUMNS)
    return [_core(cells, where, root, label, glass_level) for where, cells in rows]


def _core(
    cells: dict[str, str], where: str, root: Path, label: LabelConfig, glass_level: int | None
) -> Core:
    rgb = in_light(read_image(root, cells["image"], "RGB", where), glass_level)
    raw = read_image(root, cells["label"], "L", where)
    if rgb.shape[:2] != raw.shape:
        raise ConfigError(f"{where}: image is {rgb.shape[:2]} px, its label {raw.shape}.")
    spacing = read_spacing(cells["um_per_px"], where)
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
        um_per_px=spacing.mean,
    )


def _tissue(rgb: NDArray[np.uint8], spacing: Spacing) -> NDArray[np.bool_]:
    """Find tissue at low power, as scoring does, and say it at the core's own pixels."""
    k = max(1, round(_TISSUE_UM_PER_PX / spacing.mean))
    view = np.asarray(Image.fromarray(rgb).reduce(k))
    low = tissue_map(view, spacing.scaled(k)).tissue
    height, width = rgb.shape[:2]
    return low.repeat(k, axis=0).repeat(k, axis=1)[:height, :width]


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
