"""Rows and images of a manifest, with one sentence for whatever is wrong with them."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from histo.errors import ConfigError
from histo.geometry import Spacing
from histo.slides.relit import relight
from histo.tissue import white_point

__all__ = ["in_light", "read_image", "read_rows", "read_spacing"]


def read_rows(manifest: Path, columns: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """Read a manifest whose first column names its rows.

    Returns
    -------
    list of (where, cells)
        ``where`` names file and row for a message; ``cells`` are those of ``columns``.

    Raises
    ------
    ConfigError
        If the file cannot be read or lists nothing, a column or a cell is missing, or a name
        stands twice.
    """
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise ConfigError(f"{manifest.name} lacks the column {sorted(missing)[0]}.")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        reason = getattr(fault, "strerror", None) or "it is no UTF-8 CSV file"
        raise ConfigError(f"the manifest {manifest.name} cannot be read: {reason}.") from fault
    kind = columns[0]
    if not rows:
        raise ConfigError(f"the manifest {manifest.name} lists no {kind}.")
    first_row: dict[str, int] = {}
    for n, row in enumerate(rows, 2):
        empty = [column for column in columns if not row[column]]
        if empty:
            raise ConfigError(f"{manifest.name} row {n}: {empty[0]} is empty.")
        if first_row.setdefault(row[kind], n) != n:
            raise ConfigError(
                f"{manifest.name} row {n}: {kind} {row[kind]} stands in row "
                f"{first_row[row[kind]]} already."
            )
    return [
        (f"{manifest.name} row {n}", {column: row[column] for column in columns})
        for n, row in enumerate(rows, 2)
    ]


def read_spacing(cell: str, where: str) -> Spacing:
    """Read the cell ``um_per_px``."""
    try:
        um_per_px = float(cell)
        return Spacing(um_per_px, um_per_px)
    except ValueError as fault:
        raise ConfigError(f"{where}: um_per_px is a number above 0, found '{cell}'.") from fault


def read_image(root: Path, name: str, mode: str, where: str) -> NDArray[np.uint8]:
    """Read an image of the data folder as uint8 in a mode of Pillow."""
    try:
        with Image.open(root / name) as image:
            if image.mode[0] in "IF":  # Pillow would clip such pixels at 255
                raise ConfigError(f"{where}: {name} has more than 8 bits a channel; save it as 8.")
            return np.asarray(image.convert(mode))
    except FileNotFoundError as fault:
        raise ConfigError(f"{where}: {name} is not in the data folder.") from fault
    except OSError as fault:
        raise ConfigError(f"{where}: {name} cannot be read as an image.") from fault


def in_light(rgb: NDArray[np.uint8], glass_level: int | None) -> NDArray[np.uint8]:
    """Return an image with its glass at a grey level, or as it is where none is asked for."""
    return rgb if glass_level is None else relight(rgb, white_point(rgb), glass_level)
