"""Unit vectors of known stains in (R, G, B) optical density.

They are typical, not universal: batches, scanners and years differ. Picrosirius red has no
standard vector and must be estimated from each batch.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["STAIN_VECTORS", "Dye", "DyePair", "StainVector", "stain_matrix", "with_rest"]

DyePair = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Optical density of two dyes, (R, G, B) each: the one collagen takes, and the other."""


class Dye(StrEnum):
    """A dye (or chromogen) whose colour is tabulated."""

    HAEMATOXYLIN = "haematoxylin"
    DAB = "DAB"
    EOSIN = "eosin"
    EOSIN_HED = "eosin (HED)"
    MASSON_BLUE = "Masson methyl blue"
    MASSON_RED = "Masson Ponceau-fuchsin"
    ANILINE_BLUE = "aniline blue"


@dataclass(frozen=True)
class StainVector:
    """Colour of a dye as measured, and where the measurement comes from."""

    od: tuple[float, float, float]
    source: str

    @property
    def unit(self) -> NDArray[np.float64]:
        """The direction alone: ndarray of float64, shape (3,), length 1."""
        vector = np.asarray(self.od, dtype=np.float64)
        return vector / np.linalg.norm(vector)


_RUIFROK = "Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291 (as in scikit-image)"
_LANDINI = "Landini, ImageJ Colour Deconvolution plug-in, 10.1093/bioinformatics/btaa847"

STAIN_VECTORS: dict[Dye, StainVector] = {
    Dye.HAEMATOXYLIN: StainVector((0.65, 0.70, 0.29), _RUIFROK),
    Dye.DAB: StainVector((0.27, 0.57, 0.78), _RUIFROK),
    Dye.EOSIN_HED: StainVector((0.07, 0.99, 0.11), _RUIFROK),
    Dye.EOSIN: StainVector(
        (0.2159, 0.8012, 0.5581), "QuPath default for H&E, 10.1038/s41598-017-17204-5"
    ),
    Dye.MASSON_BLUE: StainVector((0.7995, 0.5914, 0.1053), _LANDINI),
    Dye.MASSON_RED: StainVector((0.1000, 0.7374, 0.6680), _LANDINI),
    Dye.ANILINE_BLUE: StainVector((0.853, 0.509, 0.113), _LANDINI),
}
"""Typical colours; `stain_matrix` stacks them for `histo.stains.unmix`."""


def stain_matrix(*dyes: Dye) -> NDArray[np.float64]:
    """Stack the unit vectors of the named dyes, one a row: ndarray of float64, shape (S, 3).

    Examples
    --------
    >>> stain_matrix(Dye.HAEMATOXYLIN, Dye.DAB).round(2).tolist()
    [[0.65, 0.7, 0.29], [0.27, 0.57, 0.78]]
    """
    if not dyes:
        raise ValueError("name at least one dye")
    return np.stack([STAIN_VECTORS[dye].unit for dye in dyes])


def with_rest(dyes: ArrayLike) -> NDArray[np.float64]:
    """Stack as unit rows two dyes and what is neither: their cross product, of mixed sign.

    Parameters
    ----------
    dyes
        Shape (2, 3): colours in optical density, not parallel.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Its inverse unmixes any colour without a rest.
    """
    pair = np.asarray(dyes, dtype=np.float64)
    matrix = np.vstack([pair, np.cross(pair[0], pair[1])])
    unit: NDArray[np.float64] = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return unit
