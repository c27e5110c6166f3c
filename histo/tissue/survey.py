"""The low-power view of a slide, read once: tissue, and what of it is unfit."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.errors import TissueError
from histo.geometry import Spacing
from histo.tissue.absorbance import Absorbance, absorbance
from histo.tissue.bubble import find_bubbles, off_tissue
from histo.tissue.ink import find_ink, tissue_under
from histo.tissue.mask import SMALLEST_TISSUE_UM2, scanner_padding, tissue_mask
from histo.tissue.quality import quality_map
from histo.tissue.sharpness import Field
from histo.tissue.white import white_point
from histo.vocabulary import Exclusion

__all__ = ["TissueMap", "tissue_map"]


@dataclass(frozen=True)
class TissueMap:
    """Tissue of a slide in a low-power frame whose origin is the slide's.

    Attributes
    ----------
    tissue
        ndarray of bool, shape (H, W): all tissue, also what is excluded.
    exclusion
        ndarray of uint8, shape (H, W): 0 = fine, else 1 + index in ``tuple(Exclusion)``.
    spacing
        µm/px of the frame.
    white_point
        ndarray of uint8, shape (3,): colour of the slide's glass.
    """

    tissue: NDArray[np.bool_]
    exclusion: NDArray[np.uint8]
    spacing: Spacing
    white_point: NDArray[np.uint8]

    @property
    def measurable(self) -> NDArray[np.bool_]:
        """Tissue that is fit to be measured: ndarray of bool, shape (H, W)."""
        fit: NDArray[np.bool_] = self.tissue & (self.exclusion == 0)
        return fit


def tissue_map(
    rgb: NDArray[np.uint8],
    spacing: Spacing,
    *,
    fields: Iterable[Field] = (),
    glass: NDArray[np.uint8] | None = None,
) -> TissueMap:
    """Find the tissue of a slide in a low-power view of it, and what of it is unfit.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3); about 8 µm/px is meant, finer is allowed.
    spacing
        µm/px of the view.
    fields
        Finer views of parts of the slide (about 2 µm/px) on which blur is judged: all of it in
        strips, or samples. Without any, no blur is found.
    glass
        Colour of the slide's glass, shape (3,), where a finer view showed it; else this view does.

    Raises
    ------
    TissueError
        If the view is all glass, all black or holds no tissue.
    """
    glass = white_point(rgb) if glass is None else glass
    light = absorbance(rgb, glass)
    padding = scanner_padding(rgb)
    ink = find_ink(rgb, light, glass, spacing, padding)
    tissue = tissue_mask(light, spacing, ignore=padding | ink)
    bubbles = find_bubbles(light, spacing)
    tissue &= ~off_tissue(bubbles, tissue, spacing)
    if not tissue.any():
        raise TissueError(_why_empty(light, padding))
    covered = {Exclusion.BUBBLE: bubbles}
    if ink.any():
        covered[Exclusion.PEN] = tissue_under(ink, tissue, spacing)
        tissue |= covered[Exclusion.PEN]
    exclusion = quality_map(rgb, tissue, glass, spacing, covered=covered, fields=fields)
    return TissueMap(tissue, exclusion, spacing, glass)


def _why_empty(light: Absorbance, padding: NDArray[np.bool_]) -> str:
    smallest = f"{SMALLEST_TISSUE_UM2 * 1e-6:g} mm²"
    if padding.all():
        return "The slide is black all over, so no tissue can be scored; check the scan."
    if light.most.max() < 26:
        return "The slide is empty glass all over, so no tissue can be scored; check the scan."
    return f"No stained tissue of at least {smallest} was found on the slide; check the scan."
