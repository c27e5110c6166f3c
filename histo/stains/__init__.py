"""Optical density, unmixing and the identity of a stain."""

from histo.stains.density import optical_density, rgb_from_density
from histo.stains.unmix import unmix
from histo.stains.vectors import STAIN_VECTORS, Dye, StainVector, stain_matrix

__all__ = [
    "STAIN_VECTORS",
    "Dye",
    "StainVector",
    "optical_density",
    "rgb_from_density",
    "stain_matrix",
    "unmix",
]
