"""One block of the drawing: 256 x 256 px at a fixed place."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from histo.slides.phantom.cells import (
    FIBROBLAST,
    TUMOUR,
    Nuclei,
    Population,
    nuclei_in,
    paint_nuclei,
)
from histo.slides.phantom.colour import Masks, Scene
from histo.slides.phantom.geometry import Fields, Geometry
from histo.slides.phantom.noise import Float32

__all__ = ["BLOCK_PX", "Block"]

BLOCK_PX = 256
REACH_UM = 11.0
"""Longest half axis of a nucleus: so far may one reach in from a neighbouring block."""
FRAY_UM = 2.0
RIM_UM = 12.0
"""More than the fray ever moves the tissue's edge: 6 standard deviations of it."""


@dataclass(frozen=True)
class _PixelFields:
    fields: Fields
    bundle: Float32
    collagen_margin: Float32


class Block:
    """Everything about one block, worked out when first asked for.

    Parameters
    ----------
    geometry
        The drawing.
    row, col
        Index of the block.
    """

    def __init__(self, geometry: Geometry, row: int, col: int) -> None:
        self.geometry = geometry
        self.um_per_px = geometry.spec.um_per_px
        self.row, self.col = row, col
        self.top_left_um = (row * BLOCK_PX * self.um_per_px, col * BLOCK_PX * self.um_per_px)

    @cached_property
    def step_px(self) -> int:
        """Distance of the coarse nodes: fields vary over tens of µm, so every 4 µm will do."""
        return 1 << int(np.clip(np.floor(np.log2(4.0 / self.um_per_px)), 0, 5))

    @cached_property
    def coarse(self) -> Fields:
        """Fields at the nodes, shape (BLOCK_PX / step_px + 1,) * 2; nodes lie on pixel corners."""
        nodes = np.arange(BLOCK_PX // self.step_px + 1) * (self.step_px * self.um_per_px)
        rows = (self.top_left_um[0] + nodes).astype(np.float32)[:, None]
        cols = (self.top_left_um[1] + nodes).astype(np.float32)[None, :]
        return self.geometry.fields(rows, cols)

    @cached_property
    def empty(self) -> bool:
        """Whether the block is glass all over."""
        return bool(self.coarse.tissue_um.max() < -RIM_UM)

    @cached_property
    def masks(self) -> Masks:
        """The truth, boolean arrays of shape (BLOCK_PX, BLOCK_PX)."""
        if self.empty:
            nothing = np.zeros((BLOCK_PX, BLOCK_PX), np.bool_)
            return Masks(nothing, nothing, nothing)
        pixels = self._pixels
        tissue = pixels.fields.tissue_um > 0
        tumour = pixels.fields.tumour_um > 0
        return Masks(tissue, tissue & tumour, tissue & (pixels.collagen_margin > 0))

    @cached_property
    def scene(self) -> Scene:
        """The block without colour; not defined where :attr:`empty`."""
        pixels, geometry = self._pixels, self.geometry
        strand = geometry.fine.sample_nearest(
            pixels.fields.across_um, pixels.fields.along_um, (5.0, 60.0)
        )
        fibre = geometry.fine.sample_nearest(
            pixels.fields.across_um, pixels.fields.along_um, (2.2, 28.0)
        )
        return Scene(
            masks=self.masks,
            tissue_cover=_soft(pixels.fields.tissue_um, 0.5),
            tumour_cover=_soft(pixels.fields.tumour_um, 0.5),
            collagen_cover=_soft(pixels.collagen_margin, 4.0),
            bundle=pixels.bundle,
            fibre=fibre,
            strand=strand,
            grain=self._grain(),
            thickness=pixels.fields.thickness,
            tumour_nuclei=self._painted(self.tumour_nuclei),
            fibroblast_nuclei=self._painted(self.fibroblast_nuclei),
        )

    @cached_property
    def tumour_nuclei(self) -> Nuclei:
        """Tumour nuclei in or near the block."""
        return self._nuclei(TUMOUR, needed=bool(self.coarse.tumour_um.max() > -REACH_UM))

    @cached_property
    def fibroblast_nuclei(self) -> Nuclei:
        """Fibroblast nuclei in or near the block."""
        return self._nuclei(FIBROBLAST, needed=bool(self.coarse.tumour_um.min() < REACH_UM))

    def own(self, nuclei: Nuclei) -> Float32:
        """Return the centres (row, col) in µm that lie in this block, shape (N, 2).

        Blocks side by side share no centre and leave none out.
        """
        side_um = BLOCK_PX * self.um_per_px
        low = np.array([self.row, self.col]) * side_um
        high = np.array([self.row + 1, self.col + 1]) * side_um
        centres = nuclei.centres_um
        return centres[((centres >= low) & (centres < high)).all(axis=1)]

    def doubled_directions(self) -> NDArray[np.float64]:
        """Return sums over the collagen at the nodes: cos 2a, sin 2a, and their number; shape (3,).

        ``a`` is the fibres' direction from the column axis towards the row axis.
        """
        across = self.coarse.across_um
        by_row = (across[1:, :-1] - across[:-1, :-1]).astype(np.float64)
        by_col = (across[:-1, 1:] - across[:-1, :-1]).astype(np.float64)
        square = by_row**2 + by_col**2
        collagen = self.masks.collagen[:: self.step_px, :: self.step_px] & (square > 0)
        # Fibres run along (by_col, -by_row) in (row, col); cos 2a and sin 2a need no angle.
        weight = np.where(collagen, 1 / np.maximum(square, 1e-12), 0)
        cos = ((by_row**2 - by_col**2) * weight).sum()
        sin = (-2 * by_row * by_col * weight).sum()
        return np.array([cos, sin, np.count_nonzero(collagen)])

    @cached_property
    def _pixels(self) -> _PixelFields:
        fine = Fields(
            **{f.name: self._to_pixels(getattr(self.coarse, f.name)) for f in fields(Fields)}
        )
        if self.coarse.tissue_um.min() < RIM_UM:
            fine = replace(fine, tissue_um=fine.tissue_um + self._fray_um())
        bundle = self.geometry.bundle(fine)
        return _PixelFields(fine, bundle, self.geometry.collagen_margin(fine, bundle))

    def _to_pixels(self, coarse: Float32) -> Float32:
        """Interpolate linearly from the nodes to pixel centres."""
        step = self.step_px
        part = ((np.arange(step) + 0.5) / step).astype(np.float32)
        rows = coarse[:-1, None, :] + (coarse[1:] - coarse[:-1])[:, None, :] * part[:, None]
        rows = rows.reshape(BLOCK_PX, -1)
        cols = rows[:, :-1, None] + (rows[:, 1:] - rows[:, :-1])[:, :, None] * part
        return cols.reshape(BLOCK_PX, BLOCK_PX)

    def _pixel_centres_um(self) -> tuple[Float32, Float32]:
        """Rows (BLOCK_PX, 1) and columns (1, BLOCK_PX)."""
        pixels = (np.arange(BLOCK_PX) + 0.5) * self.um_per_px
        rows = (self.top_left_um[0] + pixels).astype(np.float32)[:, None]
        return rows, (self.top_left_um[1] + pixels).astype(np.float32)[None, :]

    def _fray_um(self) -> Float32:
        return self.geometry.slow.sample(*self._pixel_centres_um(), (7, 7)) * np.float32(FRAY_UM)

    def _grain(self) -> Float32:
        return self.geometry.fine.sample_nearest(*self._pixel_centres_um(), (2.0, 2.0))

    def _nuclei(self, kind: Population, *, needed: bool) -> Nuclei:
        side_um = BLOCK_PX * self.um_per_px + 2 * REACH_UM if needed and not self.empty else 0.0
        top, left = self.top_left_um
        return nuclei_in(self.geometry, kind, (top - REACH_UM, left - REACH_UM), side_um)

    def _painted(self, nuclei: Nuclei) -> Float32:
        strength = np.zeros((BLOCK_PX, BLOCK_PX), np.float32)
        paint_nuclei(strength, nuclei, self.top_left_um, self.um_per_px)
        return strength


def _soft(margin: Float32, steepness: float) -> Float32:
    """0 to 1 across the edge, one half on it."""
    cover = margin * np.float32(steepness) + np.float32(0.5)
    return np.asarray(np.clip(cover, np.float32(0), np.float32(1)))
