"""Tissue known not to be the component, whatever else it is: counter-examples for a network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from histo.errors import ConfigError
from histo.training.shg.rows import in_light, read_image, read_rows, read_spacing

__all__ = ["CounterExample", "read_counter_examples"]

_COLUMNS = ("sample", "organ", "image", "mask", "um_per_px")


@dataclass(frozen=True)
class CounterExample:
    """An image and where in it the component is known to be absent; elsewhere nothing is known.

    Attributes
    ----------
    rgb
        uint8, (H, W, 3).
    target
        float32, (H, W): 0 everywhere.
    weight
        float32, (H, W): 1 where the component is absent, 0 where nothing is known.
    """

    name: str
    organ: str
    rgb: NDArray[np.uint8]
    target: NDArray[np.float32]
    weight: NDArray[np.float32]

    @property
    def absent(self) -> NDArray[np.bool_]:
        """Where the component is known to be absent, (H, W)."""
        return self.weight > 0


def read_counter_examples(
    manifest: Path, root: Path, um_per_px: float, glass_level: int | None = None
) -> list[CounterExample]:
    """Read counter-examples (columns sample, organ, image, mask, um_per_px).

    Any colour but black in the mask says "absent". Images are reduced by the whole number that
    comes nearest to ``um_per_px``; a pixel counts as absent if all it is made of is. With
    ``glass_level`` they are brought to that light.

    Raises
    ------
    ConfigError
        With the row number, if a column, a file or a number is missing or wrong, or a sample is
        listed twice.
    """
    return [
        _read(cells, where, root, um_per_px, glass_level)
        for where, cells in read_rows(manifest, _COLUMNS)
    ]


def _read(
    cells: dict[str, str], where: str, root: Path, um_per_px: float, glass_level: int | None
) -> CounterExample:
    rgb = in_light(read_image(root, cells["image"], "RGB", where), glass_level)
    mask = read_image(root, cells["mask"], "L", where)
    if rgb.shape[:2] != mask.shape:
        raise ConfigError(f"{where}: image is {rgb.shape[:2]} px, its mask {mask.shape}.")
    k = max(1, round(um_per_px / read_spacing(cells["um_per_px"], where).mean))
    height, width = (side // k * k for side in mask.shape)
    absent = (mask[:height, :width] > 0).reshape(height // k, k, width // k, k).all(axis=(1, 3))
    return CounterExample(
        name=cells["sample"],
        organ=cells["organ"],
        rgb=np.asarray(Image.fromarray(rgb[:height, :width]).reduce(k)),
        target=np.zeros(absent.shape, np.float32),
        weight=np.asarray(absent, dtype=np.float32),
    )
