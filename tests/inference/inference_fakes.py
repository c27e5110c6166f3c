"""A slide and networks simple enough to know the answer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from histo.geometry import Box, Spacing
from histo.inference import Target

GRID = Spacing(0.5, 0.5)
GLASS = 240


class NoiseSlide:
    """Smoothed noise on glass, read at its own spacing only."""

    name = "noise"

    def __init__(self, height: int, width: int, seed: int = 0) -> None:
        noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
        smooth = uniform_filter(noise, size=(7, 7, 1))
        self.pixels = np.clip((smooth - 0.5) * 900 + 128, 0, 255).astype(np.uint8)

    @property
    def frame(self) -> tuple[int, int]:
        height, width, _ = self.pixels.shape
        return height, width

    def read(self, box: Box, um_per_px: Spacing, /) -> NDArray[np.uint8]:
        assert um_per_px == GRID
        out = np.full((*box.shape, 3), GLASS, np.uint8)
        inside = box.intersect(Box(0, 0, *self.frame))
        out[inside.shift(-box.row, -box.col).slices] = self.pixels[inside.slices]
        return out


@dataclass
class Network:
    """A function of pictures (N, H, W, 3) in 0 to 1 to maps (N, C, H, W), made a predictor."""

    maps: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    reduction: int = 1
    stride: int = 1
    outputs: tuple[str, ...] = ("collagen",)

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        maps = self.maps(tiles.astype(np.float32) / 255)
        count, channels, height, width = maps.shape
        k = self.reduction
        cut = maps.reshape(count, channels, height // k, k, width // k, k)
        return cut.mean(axis=(3, 5), dtype=np.float32)


def redness(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Look at one pixel at a time."""
    return pictures[None, ..., 0].swapaxes(0, 1)


def box_mean(radius: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Look ``radius`` pixels far, and past the tile's border see nothing."""

    def maps(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        side = 2 * radius + 1
        blurred = uniform_filter(pictures[..., 1], size=(1, side, side), mode="constant")
        return blurred[:, None]

    return maps


def whole(frame: tuple[int, int], um_per_px: float = 8.0) -> Target:
    """Everything on a frame of the grid is tissue."""
    shape = [int(np.ceil(side * GRID.row / um_per_px)) for side in frame]
    return Target(np.ones(shape, dtype=bool), Spacing(um_per_px, um_per_px))
