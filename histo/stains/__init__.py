"""Optical density, unmixing and the identity of a stain."""

from histo.stains.density import optical_density, rgb_from_density
from histo.stains.identity import CLASH_CONFIDENCE, StainGuess, identify_stain
from histo.stains.unmix import unmix
from histo.stains.vectors import STAIN_VECTORS, Dye, StainVector, stain_matrix

__all__ = [
    "CLASH_CONFIDENCE",
    "STAIN_VECTORS",
    "Dye",
    "StainGuess",
    "StainVector",
    "identify_stain",
    "optical_density",
    "rgb_from_density",
    "stain_matrix",
    "unmix",
]
