"""How dark the brown of an immunostain is: its density on the canvas, read strip by strip."""

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.slides import Slide
from histo.stains import Dye, optical_density, stain_matrix, unmix
from histo.tissue import TissueMap

__all__ = ["dab_density"]

_STRIP_ROWS = 512
_MOST = 2.0  # darker than this the scanner counts photons, not stain


def dab_density(
    slide: Slide, tissue: TissueMap, spacing: Spacing, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the density of DAB over a whole slide, haematoxylin unmixed.

    Parameters
    ----------
    slide
        An immunostain in DAB with haematoxylin.
    tissue
        Where tissue is, and the slide's white point.
    spacing, shape
        µm/px and (height, width) of the canvas.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Decades along DAB's vector, 0 to 2; 0 in strips without tissue, which are not read.
    """
    dyes = stain_matrix(Dye.HAEMATOXYLIN, Dye.DAB)
    density = np.zeros(shape, np.float32)
    scale = spacing.row / tissue.spacing.row
    for strip in Box(0, 0, *shape).strips(_STRIP_ROWS):
        rows = slice(int(strip.row * scale), int(strip.bottom * scale) + 1)
        if not tissue.tissue[rows].any():
            continue
        amounts = unmix(optical_density(slide.read(strip, spacing), tissue.white_point), dyes)
        density[strip.slices] = amounts[..., 1].clip(0, _MOST)
    return density
