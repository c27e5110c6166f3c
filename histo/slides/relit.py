"""A slide as a network learnt to see it: its glass brought to one grey, its dyes to one pair."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageFilter

from histo.geometry import Box, Spacing
from histo.slides.protocol import Readable, Slide
from histo.stains.vectors import DyePair, with_rest
from histo.vocabulary import Stain

__all__ = ["Look", "Recolouring", "Relit", "as_learnt", "look_of", "recoloured", "relight"]

Rgb = NDArray[np.uint8]

_NEAR = 0.03  # of a grey level: 0.013 in optical density, less than a scanner's own shading
_GRID = 33  # points a channel between which colours are interpolated


class Recolouring:
    """A change of every colour into another, by table.

    Parameters
    ----------
    table
        768 grey levels, channel after channel; or a table in three dimensions, which turns dyes.
    """

    def __init__(self, table: "list[int] | ImageFilter.Color3DLUT") -> None:
        self._table = table

    @property
    def turns_dyes(self) -> bool:
        """Whether hues change, and not the light alone."""
        return not isinstance(self._table, list)

    @classmethod
    def of_light(cls, glass: ArrayLike, level: int) -> Self:
        """Bring glass to a grey level: transmittance is pixel over glass (Beer-Lambert).

        Each channel is multiplied by ``level / glass``, so optical densities stay what they were;
        what would be brighter than 255 is cut there.
        """
        levels = np.rint(np.outer(_gain(glass, level), np.arange(256))).clip(0, 255).astype(int)
        return cls(levels.ravel().tolist())

    @classmethod
    def of_dyes(cls, glass: ArrayLike, level: int, dyes: ArrayLike, wanted: ArrayLike) -> Self:
        """Bring glass to a grey level and two dyes to the colours of two others.

        Amounts are unmixed along the dyes and what is neither, and mixed again along the wanted
        ones: one 3 x 3 matrix in optical density (Ruifrok and Johnston 2001).
        """
        matrix = np.linalg.inv(with_rest(dyes)) @ with_rest(wanted)
        white = np.maximum(np.asarray(glass, dtype=np.float64), 1.0)
        _gain(glass, level)
        steps = np.linspace(0, 255, _GRID)
        blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red runs fastest
        light = np.maximum(np.stack([red, green, blue], axis=-1), 1.0)
        density = np.log(white / light) @ matrix
        changed = (level * np.exp(-density) / 255).clip(0, 1)
        return cls(ImageFilter.Color3DLUT(_GRID, changed.ravel().astype(np.float32)))

    def apply(self, rgb: Rgb) -> Rgb:
        """Return the changed pixels, shape (H, W, 3); thread-safe."""
        image = Image.fromarray(rgb)
        if isinstance(self._table, list):
            return np.array(image.point(self._table))  # Pillow lends its memory read-only
        return np.array(image.filter(self._table))


@dataclass(frozen=True)
class Look:
    """The light and the colours a network learnt to see.

    Attributes
    ----------
    glass_level
        Grey level of empty glass, 1 to 255; None for the slide's own.
    stain
        Whose dyes are looked for.
    dyes
        Optical density of the dye collagen takes and of the other one; None for the slide's own.
    """

    glass_level: int | None = None
    stain: Stain | None = None
    dyes: DyePair | None = None

    def recolouring(self, slide: Slide, glass: ArrayLike) -> Recolouring | None:
        """Return what brings a slide to this look; None where nothing has to change.

        A slide that does not show both dyes keeps its colours and is brought to the light alone.

        Parameters
        ----------
        slide
            Its dyes are looked for where they matter.
        glass
            Colour of its glass, (R, G, B); see `histo.tissue.white_point`.
        """
        if self.glass_level is None:
            return None
        if self.dyes is not None and self.stain is not None:
            from histo.slides.dyes import slide_dyes  # SciPy, which most slides can do without

            found = slide_dyes(slide, self.stain, glass)
            if found is not None:
                return Recolouring.of_dyes(glass, self.glass_level, found, self.dyes)
        if np.abs(_gain(glass, self.glass_level) - 1).max() <= _NEAR:
            return None
        return Recolouring.of_light(glass, self.glass_level)


class Relit:
    """What reads a slide, with every colour changed into another.

    Parameters
    ----------
    slide
        What is read.
    change
        Of its colours.
    """

    def __init__(self, slide: Readable, change: Recolouring) -> None:
        self._slide, self._change = slide, change

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self._slide.name

    def read(self, box: Box, um_per_px: Spacing, /) -> Rgb:
        """Return the pixels of a box, shape (height, width, 3); thread-safe if the slide is."""
        return self._change.apply(self._slide.read(box, um_per_px))


class Described(Protocol):
    """What says how a network learnt to see slides: a bundle's card, or the text of one."""

    @property
    def stains(self) -> list[Stain]:
        """The stains it learnt."""
        ...

    @property
    def glass_level(self) -> int | None:
        """Grey level of glass."""
        ...

    @property
    def dyes(self) -> DyePair | None:
        """Optical density of its two dyes."""
        ...


def look_of(card: Described) -> Look:
    """Return the look that a card describes."""
    return Look(card.glass_level, card.stains[0] if card.stains else None, card.dyes)


def as_learnt(slide: Slide, glass: ArrayLike, look: Look) -> Readable:
    """Return what reads a slide as a network learnt to see it; see `Look.recolouring`."""
    return recoloured(slide, look.recolouring(slide, glass))


def recoloured(slide: Readable, change: Recolouring | None) -> Readable:
    """Return what reads a slide with its colours changed; the slide itself for no change."""
    return slide if change is None else Relit(slide, change)


def relight(rgb: Rgb, glass: ArrayLike, level: int) -> Rgb:
    """Return an image as if its glass had one grey level: the same optical densities.

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
    return Recolouring.of_light(glass, level).apply(rgb)


def _gain(glass: ArrayLike, level: int) -> NDArray[np.float64]:
    if not 1 <= level <= 255:
        raise ValueError(f"level is a grey level of 1 to 255, found {level}")
    return np.asarray(level / np.maximum(np.asarray(glass, dtype=np.float64), 1.0))
