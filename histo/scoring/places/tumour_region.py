"""The tumour region: tumour nests with the stroma between them, and the front it has.

Intratumoural stroma is no class of its own; it is tissue that lies between nests. The nests are
closed with a disc, small enclosed lakes are filled, and specks without enough tumour are dropped.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.scoring.places.discs import closed, opened

__all__ = ["RegionSettings", "front_sides", "tumour_region"]

Mask = NDArray[np.bool_]

_PIXELS_A_RADIUS = 25
"""The disc is drawn on pixels of at most its radius / 25; its area is then right to 1 %."""


@dataclass(frozen=True)
class RegionSettings:
    """Scales of the tumour region.

    Attributes
    ----------
    closing_um
        Radius of the disc that closes the tumour nests: stroma between nests up to twice as far
        apart belongs to the tumour.
    margin_um
        Half width of the invasive margin, on either side of the front.
    hole_mm2
        Tissue wholly enclosed by tumour belongs to it up to this area; the default is about as
        wide as one side of the margin, so a lake inside the tumour makes no front of its own.
    least_tumour_mm2
        A region with less tumour than this (0.01 mm² is some 100 cells) is taken for false
        positive specks: it is no tumour and makes no front.
    front_um
        Tissue beyond the tumour narrower than this is no far side: a thin rim between tumour and
        glass is the edge of the section, not a front.
    """

    closing_um: float = 100.0
    margin_um: float = 500.0
    hole_mm2: float = 1.0
    least_tumour_mm2: float = 0.01
    front_um: float = 100.0

    def __post_init__(self) -> None:
        for name in ("closing_um", "margin_um", "front_um"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, found {getattr(self, name)}")
        for name in ("hole_mm2", "least_tumour_mm2"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is at least 0, found {getattr(self, name)}")


def tumour_region(
    tumour: Mask, necrosis: Mask | None, spacing: Spacing, settings: RegionSettings
) -> Mask:
    """Return the tumour with the stroma between its nests; glass between them is in it too.

    Necrosis counts as tumour while the region is drawn (a necrotic centre makes no front), but a
    region needs tumour that is alive.

    Parameters
    ----------
    tumour, necrosis : ndarray of bool, shape (H, W)
        In measurable tissue.
    spacing
        µm/px.
    settings
        Scales.

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    alive = tumour if necrosis is None else tumour & ~necrosis
    solid = tumour if necrosis is None else tumour | necrosis
    factor = _coarser(settings.closing_um, spacing)
    coarse = spacing.scaled(factor)
    # More than half of a coarse pixel: a straight edge between two of its rows is not moved out.
    core = 2 * pooled(solid, factor) > factor**2
    joined = closed(core, settings.closing_um, coarse)
    enough_px = settings.least_tumour_mm2 / spacing.area_mm2(1)
    kept = _with_tumour(joined, pooled(alive, factor), enough_px)
    kept = _filled(kept, settings.hole_mm2 / coarse.area_mm2(1))
    # Tumour in coarse pixels that are mostly something else still belongs to the region it is at.
    beside = ndimage.binary_dilation(kept, np.ones((3, 3), bool))
    shape = tumour.shape
    region = _spread(beside, factor, shape) & solid
    region |= _spread(kept, factor, shape)
    return region


def front_sides(
    region: Mask, eligible: Mask, spacing: Spacing, settings: RegionSettings
) -> tuple[Mask, Mask]:
    """Return the two sides of the invasive front: the region, and the tissue it can invade.

    Parameters
    ----------
    region : ndarray of bool, shape (H, W)
        As :func:`tumour_region` gives it.
    eligible : ndarray of bool, shape (H, W)
        Tissue that can be judged: measurable and not necrotic. Beside glass, pen or a fold nobody
        knows what the tumour borders on, so there is no front.
    spacing
        µm/px.
    settings
        Scales.

    Returns
    -------
    inside, outside : ndarray of bool, shape (H, W)
        The front is where they touch.
    """
    outside = eligible & ~region
    factor, radius_um = _coarser(settings.front_um, spacing), settings.front_um / 2
    coarse = spacing.scaled(factor)
    # Small holes, such as fat cells and lumina, do not make the tissue around them narrow.
    whole = closed(pooled(outside, factor) > 0, radius_um, coarse)
    whole &= pooled(region, factor) < factor**2
    outside &= _spread(opened(whole, radius_um, coarse), factor, region.shape)
    return region & eligible, outside


def pooled(mask: Mask, factor: int) -> NDArray[np.uint32]:
    """Return how many pixels of each ``factor`` x ``factor`` block are set; a rim is filled up.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
    factor
        Pixels a side.

    Returns
    -------
    ndarray of uint32, shape (ceil(H / factor), ceil(W / factor))
    """
    rows = np.arange(0, mask.shape[0], factor)
    cols = np.arange(0, mask.shape[1], factor)
    if factor == 1 or not (len(rows) and len(cols)):
        return mask[: len(rows), : len(cols)].astype(np.uint32)
    counts = np.empty((len(rows), len(cols)), np.uint32)
    for index, row in enumerate(rows):
        tall = mask[row : row + factor].sum(axis=0, dtype=np.uint16)
        counts[index] = np.add.reduceat(tall, cols, dtype=np.uint32)
    return counts


def _coarser(radius_um: float, spacing: Spacing) -> int:
    return max(1, int(radius_um / _PIXELS_A_RADIUS / max(spacing.pair)))


def _spread(mask: Mask, factor: int, shape: tuple[int, int]) -> Mask:
    if factor == 1:
        return mask
    rows, cols = np.arange(shape[0]) // factor, np.arange(shape[1]) // factor
    return mask[rows].take(cols, axis=1)


def _with_tumour(joined: Mask, tumour_px: NDArray[np.uint32], enough_px: float) -> Mask:
    """Keep the connected parts that hold enough living tumour."""
    label, count = ndimage.label(joined)
    amounts = np.bincount(label.ravel(), tumour_px.ravel(), count + 1)
    keep = (amounts >= enough_px) & (amounts > 0)
    keep[0] = False
    kept: Mask = keep[label]
    return kept


def _filled(region: Mask, largest_px: float) -> Mask:
    """Fill holes up to an area; what touches the frame's edge is no hole."""
    label, count = ndimage.label(~region)
    fill = np.bincount(label.ravel(), minlength=count + 1) <= largest_px
    for edge in (label[:1], label[-1:], label[:, :1], label[:, -1:]):
        fill[edge.ravel()] = False
    fill[0] = True  # the region itself
    filled: Mask = fill[label]
    return filled
