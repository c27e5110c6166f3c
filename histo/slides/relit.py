"""A slide under even light: its own glass brought to one grey, as a network learnt to see it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from histo.geometry import Box, Spacing
from histo.slides.protocol import Readable

__all__ = ["Relit", "relight", "under_even_light"]

_NEAR = 0.03  # of a grey level: 0.013 in optical density, less than a scanner's own shading


def under_even_light(slide: Readable, glass: ArrayLike, level: int) -> Readable:
    """Return a slide relit, or the slide itself where its glass is within 3 % of the level."""
    gain = level / np.maximum(np.asarray(glass, dtype=np.float64), 1.0)
    return slide if np.abs(gain - 1).max() <= _NEAR else Relit(slide, glass, level)


class Relit:
    """What reads a slide, with its glass brought to one grey level.

    Parameters
    ----------
    slide
        What is read.
    glass
        Colour of its glass, (R, G, B); see `histo.tissue.white_point`.
    level
        Grey level the glass shall have, 1 to 255.
    """

    def __init__(self, slide: Readable, glass: ArrayLike, level: int) -> None:
        self._slide, self._table = slide, _table(glass, level)

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self._slide.name

    def read(self, box: Box, um_per_px: Spacing, /) -> NDArray[np.uint8]:
        """Return the pixels of a box, shape (height, width, 3); thread-safe if the slide is."""
        return _through(self._slide.read(box, um_per_px), self._table)


def relight(rgb: NDArray[np.uint8], glass: ArrayLike, level: int) -> NDArray[np.uint8]:
    """Return an image as if its glass had one grey level: the same optical densities.

    Transmittance is pixel over glass (Beer-Lambert), so each channel is multiplied by
    ``level / glass``; what would be brighter than 255 is cut there.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3).
    glass
        Colour of the image's own glass, (R, G, B).
    level
        Grey level the glass shall have, 1 to 255.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Examples
    --------
    >>> relight(np.full((1, 1, 3), 70, np.uint8), (140, 140, 210), 240)[0, 0].tolist()
    [120, 120, 80]
    """
    return _through(rgb, _table(glass, level))


def _table(glass: ArrayLike, level: int) -> list[int]:
    """Return the 3 x 256 new grey levels, channel after channel."""
    if not 1 <= level <= 255:
        raise ValueError(f"level is a grey level of 1 to 255, found {level}")
    gain = level / np.maximum(np.asarray(glass, dtype=np.float64), 1.0)
    levels = np.rint(np.outer(gain, np.arange(256))).clip(0, 255).astype(int)
    table: list[int] = levels.ravel().tolist()
    return table


def _through(rgb: NDArray[np.uint8], table: list[int]) -> NDArray[np.uint8]:
    return np.array(Image.fromarray(rgb).point(table))  # Pillow lends its memory read-only
