"""The phantom: pixels and truth of any box, drawn block by block.

A block depends on the recipe and its own place only, and a box is pasted together from whole
blocks: so every way of cutting the slide gives the same pixels.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.slides.phantom.block import BLOCK_PX, Block
from histo.slides.phantom.colour import Palette, he_densities
from histo.slides.phantom.geometry import Geometry
from histo.slides.phantom.noise import hash_uniform
from histo.slides.phantom.spec import PhantomSpec
from histo.slides.phantom.truth import PhantomTruth, Tally

__all__ = ["Phantom"]

RGB = NDArray[np.uint8]


class Phantom:
    """A slide drawn from a recipe.

    Parameters
    ----------
    spec
        The recipe.

    Examples
    --------
    >>> phantom = Phantom(PhantomSpec(seed=1, width_mm=0.4, height_mm=0.3))
    >>> phantom.render(Box(0, 0, 600, 800)).shape
    (600, 800, 3)
    """

    def __init__(self, spec: PhantomSpec) -> None:
        self.spec = spec
        self.geometry = Geometry(spec)
        self._palette = Palette(spec.glass)
        generator = np.random.default_rng([spec.seed, 1])
        noise = generator.standard_normal((3, 2 * BLOCK_PX, 2 * BLOCK_PX)) * (16 * spec.noise_sd)
        self._noise = np.round(noise).astype(np.int16)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of level 0 in pixels."""
        return self.spec.shape

    @property
    def spacing(self) -> Spacing:
        """Spacing of level 0."""
        return self.spec.spacing

    def render(self, box: Box) -> RGB:
        """Return the level-0 pixels of a box, shape (height, width, 3)."""
        return self._paste(box, self._coloured)

    def render_truth(self, box: Box) -> RGB:
        """Return the truth as a picture: red is 255 in collagen, green in tumour, blue in tissue.

        Shape (height, width, 3). Who reads the answer from these channels is a perfect predictor.
        """
        return self._paste(box, _truth_picture)

    def truth_mask(self, component: str, box: Box) -> NDArray[np.bool_]:
        """Return where a component is, shape (height, width).

        Parameters
        ----------
        component
            ``"tissue"``, ``"tumour"``, ``"stroma"`` or ``"collagen"``.
        box
            In level-0 pixels.

        Raises
        ------
        ValueError
            If the component is another.
        """
        channels = {"collagen": 0, "tumour": 1, "tissue": 2}
        if component not in (*channels, "stroma"):
            raise ValueError(f"component is one of {[*channels, 'stroma']}, found {component!r}")
        picture = self.render_truth(box) > 0
        if component == "stroma":
            return np.asarray(picture[..., 2] & ~picture[..., 1])
        return np.asarray(picture[..., channels[component]])

    @cached_property
    def truth(self) -> PhantomTruth:
        """The truth of the whole slide; draws every mask once, then is kept."""
        tally = Tally(self.spec)
        height, width = self.shape
        for row in range(-(-height // BLOCK_PX)):
            for col in range(-(-width // BLOCK_PX)):
                tally.add(Block(self.geometry, row, col))
        return tally.truth(self.geometry.tumour_outline_um())

    def strips(self, tally: Tally) -> Iterator[RGB]:
        """Yield the slide in strips of 256 rows from the top, and count the truth on the way."""
        height, width = self.shape
        for row in range(-(-height // BLOCK_PX)):
            strip = np.empty((BLOCK_PX, -(-width // BLOCK_PX) * BLOCK_PX, 3), np.uint8)
            for col in range(-(-width // BLOCK_PX)):
                block = Block(self.geometry, row, col)
                tally.add(block)
                strip[:, col * BLOCK_PX : (col + 1) * BLOCK_PX] = self._coloured(block)
            yield strip[: height - row * BLOCK_PX, :width]

    def _coloured(self, block: Block) -> RGB:
        noise = self._camera_noise(block.row, block.col)
        if block.empty:
            return self._palette.bare(noise)
        return self._palette.rgb(he_densities(block.scene), noise)

    def _camera_noise(self, row: int, col: int) -> NDArray[np.int16]:
        """Cut a block from a larger sheet of noise, at an offset that differs between blocks."""
        offsets = hash_uniform(self.spec.seed, 1, np.array([row, row]), np.array([col, col + 1]))
        down, right = (int(share * BLOCK_PX) for share in offsets)
        return self._noise[:, down : down + BLOCK_PX, right : right + BLOCK_PX]

    def _paste(self, box: Box, draw: Callable[[Block], RGB]) -> RGB:
        out = np.empty((*box.shape, 3), np.uint8)
        for row in range(box.row // BLOCK_PX, -(-box.bottom // BLOCK_PX)):
            for col in range(box.col // BLOCK_PX, -(-box.right // BLOCK_PX)):
                place = Box(row * BLOCK_PX, col * BLOCK_PX, BLOCK_PX, BLOCK_PX)
                seen = place.intersect(box)
                pixels = draw(Block(self.geometry, row, col))
                out[seen.shift(-box.row, -box.col).slices] = pixels[
                    seen.shift(-place.row, -place.col).slices
                ]
        return out


def _truth_picture(block: Block) -> RGB:
    masks = block.masks
    return np.stack([masks.collagen, masks.tumour, masks.tissue], axis=-1) * np.uint8(255)
