"""Real immunostains with cells counted by hand: for checking, never for learning or tuning."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from histo.errors import ConfigError
from histo.geometry import Box, Spacing
from histo.scoring.macrophages.matching import MatchCounts, match_cells
from histo.slides import open_slide
from histo.training.painted.judge import MATCH_UM
from histo.training.painted.rule import rule_cells, rule_positive

__all__ = ["Control", "control_counts", "read_controls", "rule_points"]

_CROP = ("crop_row", "crop_col", "crop_height", "crop_width")
_COLUMNS = (*_CROP, "row", "col", "certain", "um_per_px")


@dataclass(frozen=True, eq=False)
class Control:
    """One image whose cells were counted.

    Attributes
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3), at ``spacing``: the part that was looked at.
    origin
        (row, col) of that part in the whole image, px.
    glass
        Grey level of its glass.
    certain, uncertain
        ndarray of float64, shape (N, 2): (row, col) in px. Neither finding nor missing an uncertain
        cell is an error.
    """

    name: str
    rgb: NDArray[np.uint8]
    origin: tuple[int, int]
    glass: float
    certain: NDArray[np.float64]
    uncertain: NDArray[np.float64]
    spacing: Spacing


def read_controls(
    manifest: Path, root: Path, um_per_px: float, *, assumed: float | None = None
) -> list[Control]:
    """Read the images of a manifest of counted cells at a spacing.

    Columns: image, crop_row, crop_col, crop_height, crop_width (the part looked at, px of the
    image), row, col (px of the image), certain (1 or 0), um_per_px.

    Parameters
    ----------
    assumed
        Spacing of the images' own pixels, instead of the manifest's.

    Raises
    ------
    ConfigError
        If the manifest or an image cannot be read.
    """
    table = _table(manifest)
    return [
        _control(root / image, np.array(cells), um_per_px, assumed)
        for image, cells in table.items()
    ]


def _table(manifest: Path) -> dict[str, list[list[float]]]:
    """Numbers of each image's rows, in the order of the columns."""
    table: dict[str, list[list[float]]] = {}
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                numbers = [float(row[column]) for column in _COLUMNS]
                table.setdefault(row["image"], []).append(numbers)
    except (OSError, KeyError, TypeError, ValueError) as fault:
        raise ConfigError(
            f"{manifest.name} is no table of counted cells; it has the columns image and "
            f"{', '.join(_COLUMNS)}, all but the first with numbers."
        ) from fault
    return table


def _control(
    path: Path, cells: NDArray[np.float64], um_per_px: float, assumed: float | None
) -> Control:
    own = assumed or float(cells[0, 7])
    k = own / um_per_px
    crop = Box(*(round(side * k) for side in cells[0, :4]))
    with open_slide(path, mpp=own) as slide:
        rgb = slide.read(crop, um_per_px)
        glass = float(slide.glass.mean())
    points = (cells[:, 4:6] + 0.5) * k - (crop.row, crop.col)
    certain = cells[:, 6] > 0
    spacing = Spacing(um_per_px, um_per_px)
    return Control(
        path.stem, rgb, (crop.row, crop.col), glass, points[certain], points[~certain], spacing
    )


def control_counts(
    controls: Sequence[Control], find: Callable[[Control], NDArray[np.float64]]
) -> dict[str, MatchCounts]:
    """Match what ``find`` detects, shape (N, 2), with the certain cells of each image.

    A detection that matches no certain cell and lies within 7.5 µm of an uncertain one is left out.
    """
    return {control.name: _counts(control, find(control)) for control in controls}


def _counts(control: Control, found: NDArray[np.float64]) -> MatchCounts:
    pairs = match_cells(found, control.certain, control.spacing, MATCH_UM)
    alone = np.delete(found, pairs[:, 0], axis=0)
    excused = 0
    if len(control.uncertain) and len(alone):
        gap_um = KDTree(control.uncertain).query(alone)[0] * control.spacing.mean
        excused = int((gap_um <= MATCH_UM).sum())
    return MatchCounts(len(pairs), len(found) - excused, len(control.certain))


def rule_points(control: Control) -> NDArray[np.float64]:
    """Return the cells that the fixed threshold counts, shape (N, 2)."""
    return rule_cells(rule_positive(control.rgb, control.glass), control.spacing)
