"""What inference asks of a network, whichever library runs it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Predictor"]


class Predictor(Protocol):
    """Turn tiles into probabilities.

    Attributes
    ----------
    outputs
        Names of the channels, in order.
    reduction
        k: the mean over k x k network pixels is taken on the device, because areas are
        scored on a coarser canvas and a k² smaller array is cheaper to move and blend.
    stride
        Tile sizes and tile origins are multiples of this many pixels.
    lanes
        Calls from several threads that run better side by side than one after the other.
    name
        Backend, device and precision, for the record of the run.
    """

    outputs: tuple[str, ...]
    reduction: int
    stride: int
    lanes: int
    name: str

    def prepare(self, height: int, width: int) -> None:
        """Get ready for tiles up to that size, where a backend compiles; else on the first call."""
        ...

    def release_memory(self) -> None:
        """Give back working memory once a slide is done; the next call takes it again."""
        ...

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (N, C, H // k, W // k) of RGB tiles (N, H, W, 3).

        The size may change from call to call.
        """
        ...
