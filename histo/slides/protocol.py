"""What a slide is: levels, spacing, glass, and pixels by box and µm/px.

A reader subclasses `Slide` and supplies ``read_level``; everything else is shared and lives in
`histo.slides.reading`, so all readers resample alike.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from histo.errors import SpacingError
from histo.geometry import Box, Spacing
from histo.slides.glass import estimate_glass
from histo.slides.reading import frame_shape, native_spacing, read_resampled

__all__ = ["Level", "Readable", "Slide", "SlideInfo", "pyramid"]


@dataclass(frozen=True)
class Level:
    """One resolution of a slide.

    Attributes
    ----------
    shape
        (height, width) in pixels of this level.
    downsample
        (row, col), level-0 pixels per pixel of this level. It is a whole number where that agrees
        with the level's size to a pixel, since scanners halve and then drop the odd last row.
    """

    shape: tuple[int, int]
    downsample: tuple[float, float]


@dataclass(frozen=True)
class SlideInfo:
    """Where a slide comes from; nothing in it identifies a patient or a file.

    Attributes
    ----------
    vendor
        Format as the reader names it, e.g. "aperio", "ome-tiff", "png".
    reader
        "openslide", "tiff", "image" or "array".
    objective_power
        Nominal magnification, or None where the file does not say.
    icc_profile, icc_applied
        Whether the file embeds a colour profile, and whether pixels went through it.
    spacing_source
        Where the µm/px comes from, e.g. "slide: openslide.mpp"; "missing" where there is none.
    notes
        Sentences a user should see, e.g. that ``--mpp`` differs from the slide's own number.
    """

    vendor: str
    reader: str
    objective_power: float | None = None
    icc_profile: bool = False
    icc_applied: bool = False
    spacing_source: str = "missing"
    notes: tuple[str, ...] = ()


class Readable(Protocol):
    """What can be read by box and µm/px; all that inference needs of a slide."""

    @property
    def name(self) -> str:
        """File name, for messages."""
        ...

    def read(self, box: Box, um_per_px: Spacing, /) -> NDArray[np.uint8]:
        """Return the pixels of a box, shape (height, width, 3); glass outside. Thread-safe."""
        ...


class Slide(Protocol):
    """A whole-slide image: (row, col) pixels of levels, all with one origin.

    Attributes
    ----------
    name
        File name without its ending; for the results folder only, never written into results.
    levels
        From the finest, level 0, to the coarsest.
    info
        Where the slide comes from.
    """

    name: str
    levels: tuple[Level, ...]
    info: SlideInfo
    _spacing: Spacing | SpacingError

    @abstractmethod
    def read_level(self, level: int, box: Box) -> NDArray[np.uint8]:
        """Return the pixels of any box of a level; thread-safe.

        Parameters
        ----------
        level
            Index into ``levels``.
        box
            In pixels of that level; may lie partly or wholly outside it.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            What was not scanned, inside or outside the level, is filled with ``glass``.

        Raises
        ------
        SlideOpenError
            If the file turns out damaged there.
        """

    def close(self) -> None:
        """Release the file; reading afterwards is an error."""
        return

    @property
    def spacing(self) -> Spacing:
        """Size of a pixel of level 0.

        Raises
        ------
        SpacingError
            If the slide has none or an implausible one, and the user gave none.
        """
        if isinstance(self._spacing, SpacingError):
            raise SpacingError(str(self._spacing), slide=self._spacing.slide)
        return self._spacing

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of level 0."""
        return self.levels[0].shape

    @cached_property
    def glass(self) -> NDArray[np.uint8]:
        """Colour of the slide's own background; ndarray of uint8, shape (3,)."""
        return estimate_glass([level.shape for level in self.levels], self.read_level)

    def read(self, box: Box, um_per_px: float | Spacing) -> NDArray[np.uint8]:
        """Return any box of the frame at a spacing; see `histo.slides.reading.read_resampled`.

        Parameters
        ----------
        box
            In pixels of the frame of that spacing, whose origin is the slide's.
        um_per_px
            Size of the wanted pixels. `native_spacing` gives one that needs no interpolation.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            Each pixel is the area average of its footprint, whichever box it is read in.
        """
        return read_resampled(self, box, um_per_px)

    def frame_shape(self, um_per_px: float | Spacing) -> tuple[int, int]:
        """Return (height, width) of the frame at a spacing: the slide's extent, rounded up."""
        return frame_shape(self.shape, self.spacing, um_per_px)

    def thumbnail(self, um_per_px: float) -> tuple[NDArray[np.uint8], Spacing]:
        """Return the whole slide at about that spacing, and the spacing it has.

        The spacing is the one `native_spacing` finds. Memory is that of the view and one block.
        """
        spacing = native_spacing(self, um_per_px)
        return self.read(Box(0, 0, *self.frame_shape(spacing)), spacing), spacing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def pyramid(shapes: list[tuple[int, int]]) -> tuple[Level, ...]:
    """Return levels of the given (height, width), finest first, with their downsamples."""
    base = shapes[0]
    return tuple(
        Level(shape, (_downsample(base[0], shape[0]), _downsample(base[1], shape[1])))
        for shape in shapes
    )


def _downsample(base_px: int, level_px: int) -> float:
    whole = round(base_px / level_px)
    return float(whole) if abs(base_px / whole - level_px) <= 1 else base_px / level_px
