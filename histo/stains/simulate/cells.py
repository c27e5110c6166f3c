"""Positive cells: which nuclei they own, how far they reach, where in them the stain lies."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.stains.simulate.noise import smooth_noise
from histo.stains.simulate.nuclei import nuclear_shapes
from histo.stains.simulate.spec import Range
from histo.stains.simulate.tissue import Tissue

__all__ = ["Pattern", "chosen_nuclei", "grown_cells", "grown_fragments", "stain_in_cells"]

Float32 = NDArray[np.float32]
Labels = NDArray[np.int32]
Pattern = Literal["cytoplasmic", "membranous", "nuclear"]


def chosen_nuclei(
    tissue: Tissue, share: float, clumping: float, rng: np.random.Generator
) -> Labels:
    """Draw the nuclei of positive cells.

    Parameters
    ----------
    share
        Of all nuclei, 0 to 1; at least one is drawn where there is any.
    clumping
        0: independent of place. 1 and more: in groups some 30 µm wide.

    Returns
    -------
    ndarray of int32, shape (N,)
        Numbers in ``tissue.nuclei``.
    """
    centres, _, _ = nuclear_shapes(tissue.nuclei)
    if not len(centres):
        return np.zeros(0, np.int32)
    field = smooth_noise(rng, tissue.shape, 30.0 / tissue.um_per_px)
    row, col = np.rint(centres).astype(np.intp).T
    wish = clumping * field[row, col] + rng.gumbel(size=len(centres))
    count = max(1, round(share * len(centres)))
    return np.asarray(np.argsort(-wish)[:count] + 1, np.int32)


@dataclass(frozen=True)
class _Body:
    """A cell's intended outline: an ellipse about a centre, with ragged margin (px)."""

    row: float
    col: float
    radius: float
    direction: float
    elongation: float

    def window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        reach = int(1.7 * self.radius * self.elongation**0.5) + 4
        row, col = round(self.row), round(self.col)
        return (
            slice(max(0, row - reach), min(shape[0], row + reach + 1)),
            slice(max(0, col - reach), min(shape[1], col + reach + 1)),
        )

    def cost(self, window: tuple[slice, slice]) -> NDArray[np.float64]:
        """Distance from the centre, 1 on the ellipse."""
        down = np.arange(window[0].start, window[0].stop)[:, None] - self.row
        right = np.arange(window[1].start, window[1].stop)[None, :] - self.col
        sin, cos = np.sin(self.direction), np.cos(self.direction)
        stretch = self.elongation**0.5
        along = (right * cos + down * sin) / stretch
        across = (down * cos - right * sin) * stretch
        cost: NDArray[np.float64] = np.sqrt(along**2 + across**2) / self.radius
        return cost


def grown_cells(
    tissue: Tissue, numbers: Labels, area_um2: Range, ragged: float, rng: np.random.Generator
) -> Labels:
    """Grow a cell of a drawn area around each chosen nucleus.

    A cell takes the pixels nearest to its (eccentric, elongated) centre as bent by noise; it
    stays on tissue, out of other nuclei and of other cells. One that finds no room for the
    smallest area is left out.

    Parameters
    ----------
    numbers
        Chosen nuclei, shape (N,).
    area_um2
        Range of the areas, drawn on a log scale, nucleus included.
    ragged
        How irregular outlines are: 0.1 lymphocyte, 0.5 macrophage.

    Returns
    -------
    ndarray of int32, shape (H, W)
        Number of the nucleus whose cell the pixel belongs to, or 0.
    """
    owner = np.zeros(tissue.shape, np.int32)
    centres, directions, elongations = nuclear_shapes(tissue.nuclei)
    noise = smooth_noise(rng, tissue.shape, 2.2 / tissue.um_per_px)
    pixel_um2 = tissue.um_per_px**2
    middle, spread = np.log(area_um2).mean(), np.ptp(np.log(area_um2)) / 4
    for number in numbers:
        area = float(np.clip(np.exp(rng.normal(middle, spread)), *area_um2)) / pixel_um2
        radius = float(np.sqrt(area / np.pi))
        shift = rng.normal(0.0, 0.5 * ragged * radius, 2)
        row, col = centres[number - 1] + shift
        longer = 1.0 + (elongations[number - 1] - 1.0) * 0.7 + rng.exponential(ragged)
        body = _Body(row, col, radius, directions[number - 1], min(longer, 3.5))
        window = body.window(tissue.shape)
        own = tissue.nuclei[window] == number
        free = (owner[window] == 0) & (tissue.cover[window] > 0.5)
        free &= own | (tissue.nuclei[window] == 0)
        cost = body.cost(window) + ragged * noise[window]
        least = int(np.ceil(area_um2[0] / pixel_um2))
        grown = _cheapest(np.where(own, -9.0, cost), free, int(area), own)
        if np.count_nonzero(grown) >= least:
            owner[window][grown] = number
    return owner


def grown_fragments(
    tissue: Tissue, taken: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw caps and processes of cells whose nucleus lies outside the section: 5 to 45 µm²."""
    painted = np.zeros(tissue.shape, np.bool_)
    places = np.argwhere((tissue.cover > 0.9) & (tissue.nuclei == 0) & ~taken)
    noise = smooth_noise(rng, tissue.shape, 1.2 / tissue.um_per_px)
    for row, col in places[rng.integers(len(places), size=count)] if len(places) else ():
        area = np.exp(rng.uniform(np.log(5), np.log(45))) / tissue.um_per_px**2
        radius = float(np.sqrt(area / np.pi))
        body = _Body(row, col, radius, rng.uniform(0, np.pi), 1 + rng.exponential(0.8))
        window = body.window(tissue.shape)
        free = (tissue.cover[window] > 0.5) & (tissue.nuclei[window] == 0) & ~taken[window]
        cost = body.cost(window) + 0.5 * noise[window]
        painted[window] |= free & (cost < 1.0)
    return painted


def _cheapest(
    cost: NDArray[np.float64], free: NDArray[np.bool_], count: int, seed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the ``count`` free pixels of least cost, as far as they hang together with seed."""
    order = np.flatnonzero(free)
    order = order[np.argsort(cost.ravel()[order], kind="stable")][:count]
    chosen = np.zeros(cost.shape, np.bool_)
    chosen.ravel()[order] = True
    parts, _ = ndimage.label(chosen)
    kept = np.unique(parts[seed & chosen])
    return np.isin(parts, kept[kept > 0])


def stain_in_cells(
    tissue: Tissue, owner: Labels, pattern: Pattern, strength: Float32, nuclear: float
) -> Float32:
    """Lay stain out within cells.

    Parameters
    ----------
    owner
        ndarray of int32, shape (H, W), from `grown_cells`.
    strength
        ndarray of float32, shape (N + 1,): stain of each number.
    nuclear
        Share of the cytoplasm's stain seen over the nucleus, from cytoplasm above and below it.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Decades, before texture and optics.
    """
    inside_nucleus = (tissue.nuclei == owner) & (owner > 0)
    if pattern == "nuclear":
        return np.where(inside_nucleus, strength[owner], 0.0).astype(np.float32)
    weight = np.where(inside_nucleus, nuclear, 1.0)
    if pattern == "membranous":
        depth_um = _depth_px(owner) * tissue.um_per_px
        rim = np.exp(-((depth_um / 1.3) ** 2))
        weight = np.maximum(rim, 0.45 * weight)
    return np.where(owner > 0, weight * strength[owner], 0.0).astype(np.float32)


def _depth_px(owner: Labels) -> NDArray[np.float64]:
    """Distance of a cell's pixels to its outline, also where it touches another cell."""
    border = np.zeros(owner.shape, np.bool_)
    border[:-1] |= owner[:-1] != owner[1:]
    border[:, :-1] |= owner[:, :-1] != owner[:, 1:]
    if not border.any():
        return np.full(owner.shape, np.inf)
    depth: NDArray[np.float64] = ndimage.distance_transform_edt(~border)
    return depth
