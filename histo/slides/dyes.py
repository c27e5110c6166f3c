"""The two dyes of a slide, found in fields spread over its tissue."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from histo.geometry import Box, Spacing
from histo.slides.protocol import Slide
from histo.slides.reading import native_spacing
from histo.slides.sampling import spread_evenly
from histo.stains.collagen_rule import collagen_label
from histo.stains.density import optical_density
from histo.vocabulary import Stain

__all__ = ["slide_dyes"]

_VIEW_UM_PER_PX = 8.0
_UM_PER_PX = 1.0  # coarser, thin fibres mix with what is beside them
_FIELD_UM = 512.0
_FIELDS = 12
_STAINED_OD, _STAINED_SHARE = 0.06, 0.1  # of a field, or it is glass
_LEAST_DEGREES = 4.0  # dyes closer than this are one dye and its noise


def slide_dyes(slide: Slide, stain: Stain, glass: ArrayLike) -> NDArray[np.float64] | None:
    """Find the dye that collagen takes and the other one, by `histo.stains.collagen_rule`.

    At most twelve fields of 512 µm are read at 1 µm/px and judged as one image.

    Parameters
    ----------
    slide
        Open.
    stain
        One of `histo.stains.collagen_rule.COLLAGEN_STAINS`.
    glass
        Colour of its glass, (R, G, B).

    Returns
    -------
    ndarray of float64, shape (2, 3), or None
        Unit vectors of optical density; None where the slide does not show both dyes.
    """
    fields = list(_fields(slide, glass))
    if not fields:
        return None
    width = max(field.shape[1] for field in fields)
    white = np.asarray(glass, dtype=np.uint8)
    mosaic = np.concatenate([_widened(field, width, white) for field in fields])
    label = collagen_label(mosaic, stain, glass)
    dyes = np.stack([label.collagen_od, label.other_od])
    if not np.isfinite(dyes).all():
        return None
    degrees = np.rad2deg(np.arccos(np.clip(dyes[0] @ dyes[1], -1, 1)))
    return dyes if degrees >= _LEAST_DEGREES else None


def _fields(slide: Slide, glass: ArrayLike) -> Iterator[NDArray[np.uint8]]:
    """Yield fields of tissue, every n-th of a lattice."""
    view, spacing = slide.thumbnail(_VIEW_UM_PER_PX)
    stained = optical_density(view, glass).mean(axis=2) > _STAINED_OD
    fine = slide.spacing if slide.spacing.mean >= _UM_PER_PX else native_spacing(slide, _UM_PER_PX)
    side = (round(_FIELD_UM / fine.row), round(_FIELD_UM / fine.col))
    boxes = Box(0, 0, *slide.frame_shape(fine)).blocks(*side)
    held = [box for box in boxes if _share(stained, box, fine, spacing) >= _STAINED_SHARE]
    for box in spread_evenly(held, _FIELDS):
        yield slide.read(box, fine)


def _share(stained: NDArray[np.bool_], box: Box, fine: Spacing, view: Spacing) -> float:
    rows = slice(int(box.row * fine.row / view.row), int(box.bottom * fine.row / view.row) + 1)
    cols = slice(int(box.col * fine.col / view.col), int(box.right * fine.col / view.col) + 1)
    under = stained[rows, cols]
    return float(under.mean()) if under.size else 0.0


def _widened(field: NDArray[np.uint8], width: int, white: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put glass beside a field that was cut short by the slide's border."""
    beside = np.broadcast_to(white, (len(field), width - field.shape[1], 3))
    return np.concatenate([field, beside], axis=1)
