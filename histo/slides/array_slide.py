"""A slide held in memory: for tests, for tiles, and for ordinary image files."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from histo.errors import SpacingError
from histo.geometry import Box, Spacing
from histo.slides.glass import fill_outside
from histo.slides.protocol import Slide, SlideInfo, pyramid
from histo.slides.spacing import resolve_spacing

__all__ = ["ArraySlide"]


class ArraySlide(Slide):
    """A slide whose pixels are arrays; the in-memory twin of the readers of files.

    Parameters
    ----------
    array : ndarray of uint8, shape (H, W, 3)
        Level 0; a memory-mapped array serves as well.
    spacing
        Size of its pixels; a number means square ones in µm, None that it is not known;
        an error is raised where the spacing is asked for.
    name
        Stands for the file name.
    levels
        Reduced versions of the array, finest first.
    info
        Where it comes from, for readers that load a whole file into memory.

    Raises
    ------
    TypeError, ValueError
        If an array is not uint8 or not (H, W, 3) with at least one pixel.

    Examples
    --------
    >>> slide = ArraySlide(np.full((8, 8, 3), 200, np.uint8), 0.5)
    >>> slide.read(Box(0, 0, 2, 2), 1.0)[0, 0].tolist()
    [200, 200, 200]
    """

    def __init__(
        self,
        array: NDArray[np.uint8],
        spacing: Spacing | SpacingError | float | None,
        *,
        name: str = "array",
        levels: Sequence[NDArray[np.uint8]] = (),
        info: SlideInfo | None = None,
    ) -> None:
        self._arrays = (array, *levels)
        for pixels in self._arrays:
            _check(pixels)
        self.name = name
        self.levels = pyramid([(pixels.shape[0], pixels.shape[1]) for pixels in self._arrays])
        self._spacing: Spacing | SpacingError = _spacing_of(spacing, name)
        source = self._spacing.source if isinstance(self._spacing, Spacing) else "missing"
        self.info = info or SlideInfo("memory", "array", spacing_source=source)

    def read_level(self, level: int, box: Box) -> NDArray[np.uint8]:
        """Return a copy of any box of a level; see `Slide.read_level`."""
        array = self._arrays[level]
        return fill_outside(
            box,
            self.levels[level].shape,
            lambda inside: np.array(array[inside.slices]),
            lambda: self.glass,
        )


def _spacing_of(
    spacing: Spacing | SpacingError | float | None, name: str
) -> Spacing | SpacingError:
    # An array's spacing is the caller's word: any positive number, so that tests may be tiny.
    if spacing is None:
        return resolve_spacing(name, None)[0]
    if isinstance(spacing, Spacing | SpacingError):
        return spacing
    return Spacing(spacing, spacing, "user")


def _check(pixels: NDArray[np.uint8]) -> None:
    if pixels.dtype != np.uint8:
        raise TypeError(f"a slide is uint8, found {pixels.dtype}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"a slide is (H, W, 3) with H, W > 0, found {pixels.shape}")
