"""Collagen on trichrome and picrosirius red, told by colour alone: labels to train on.

Both stains put collagen and everything else on a line in the hue plane of `chroma_plane`:
picrosirius red from picric yellow to red along y, Masson from Ponceau-fuchsin red to methyl (or
aniline) blue along x. The place on that line is independent of how strongly a section is stained;
where it is cut is found in each image (Otsu 1979, 10.1109/TSMC.1979.4310076, weighted by
density), within the range in which both dyes are known to lie. Around the cut nothing is known.

Nuclei are only 17° from methyl blue, so that their amount cannot be unmixed. They are darker than
the collagen of their own image and less blue: such pixels are unknown, the darkest not collagen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from histo.stains.chroma import chroma_plane
from histo.stains.density import optical_density
from histo.vocabulary import Stain

__all__ = ["COLLAGEN_STAINS", "CollagenLabel", "collagen_label"]

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

_GLASS_OD = 0.04  # mean density below which a pixel is glass
_COLOUR_OD = 0.08  # from here on its hue is worth something
_BAND = 0.16  # half width of the unknown band, in distances between the two dyes
_GREY_X = -0.3  # picric acid and sirius red let red light through; from here on it is dirt or glass
_LEAST_APART = 0.30  # two dyes of one image differ by more than this, or there is one only
_LEAST_PX = 50


@dataclass(frozen=True)
class _Line:
    """Axis of the hue plane on which a stain's dyes lie, range of Otsu's cut, lean to collagen."""

    axis: int
    cut: tuple[float, float]
    lean: float


_LINES = {Stain.PSR: _Line(1, (-0.45, 0.20), 0.15), Stain.MASSON: _Line(0, (-0.35, 0.00), 0.0)}

COLLAGEN_STAINS = tuple(_LINES)
"""Stains on which collagen is told by colour."""

# The lean (in distances between the dyes) was chosen on one picrosirius image of liver with an
# independent automatic mask: Dice 0.84 without, 0.90 with it. That image is no test of it.


@dataclass(frozen=True)
class CollagenLabel:
    """What colour says about collagen.

    Attributes
    ----------
    probability
        ndarray of float32, shape (H, W), 0 to 1; 0.5 on the cut. Glass is 0.
    known
        ndarray of bool, shape (H, W): where the label may be trained on. All False where the
        image does not look like the stain it is said to be.
    collagen_od, other_od
        ndarray of float64, shape (3,): unit vectors of the two dyes as found in this image; NaN
        where there is too little of one.
    cut
        Hue coordinate of the cut.
    """

    probability: Float32
    known: Mask
    collagen_od: NDArray[np.float64]
    other_od: NDArray[np.float64]
    cut: float


def collagen_label(rgb: NDArray[np.uint8], stain: Stain, white_point: ArrayLike) -> CollagenLabel:
    """Label collagen by colour.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3), at 0.25 to 2 µm/px.
    stain
        `Stain.PSR` or `Stain.MASSON`.
    white_point
        Glass of the slide; see `histo.tissue.white_point`.

    Returns
    -------
    CollagenLabel

    Raises
    ------
    ValueError
        If the stain is another one.
    """
    if stain not in _LINES:
        raise ValueError(f"collagen is told by colour on PSR and Masson, not on {stain}")
    od = ndimage.gaussian_filter(optical_density(rgb, white_point), (0.7, 0.7, 0))
    od = np.maximum(od, 0.0)
    plane, mean = (part.reshape(*rgb.shape[:2], -1) for part in chroma_plane(od.reshape(-1, 3)))
    density = mean[..., 0]
    line = _LINES[stain]
    hue = plane[..., line.axis]
    black = rgb.max(axis=2) < 40  # borders of a scan, not stain
    stained = (density >= _COLOUR_OD) & ~black
    cut, apart = _cut(hue[stained], np.minimum(density[stained], 1.0), line)
    place = np.clip((hue - cut) / apart, -2.0, 2.0)
    probability = 1.0 / (1.0 + np.exp(-place * (np.log(9.0) / _BAND)))
    glass = density < _GLASS_OD
    probability[glass | black] = 0.0
    known = (glass | (stained & (np.abs(place) >= _BAND))) & ~black
    if stain is Stain.PSR:
        known &= glass | (plane[..., 0] < _GREY_X)
    else:
        probability, known = _without_nuclei(probability, known, place, density)
    if not _plausible(stain, plane[stained], hue[stained], cut):
        known = np.zeros_like(known)
    dyes = (stained & (place > _BAND), stained & (place < -_BAND))
    collagen_od, other_od = (_vector(od[where]) for where in dyes)
    return CollagenLabel(probability.astype(np.float32), known, collagen_od, other_od, cut)


def _cut(hue: Float32, weight: Float32, line: _Line) -> tuple[float, float]:
    """Where to cut the line of hues, and how far apart the dyes on either side are."""
    low, high = line.cut
    default = 0.5 * (low + high), 1.0
    if hue.size < 100:
        return default
    counts, edges = np.histogram(hue, np.linspace(-1.4, 1.4, 281), weights=weight)
    middle = 0.5 * (edges[1:] + edges[:-1])
    below, total = np.cumsum(counts), counts.sum()
    moment = np.cumsum(counts * middle)
    above = total - below
    with np.errstate(divide="ignore", invalid="ignore"):
        left, right = moment / below, (moment[-1] - moment) / above
        between = np.nan_to_num(below * above * (left - right) ** 2)
    inside = (edges[1:] >= low) & (edges[1:] <= high)
    best = int(np.argmax(np.where(inside, between, -1.0)))
    apart = float(right[best] - left[best]) if between[best] > 0 else 0.0
    shares = min(below[best], above[best]) / total
    if apart < _LEAST_APART or shares < 1e-4:
        return default
    return float(edges[best + 1]) + line.lean * apart, apart


def _without_nuclei(
    probability: Float32, known: Mask, place: Float32, density: Float32
) -> tuple[Float32, Mask]:
    """Take nuclei out of Masson's blue: dark for a blue of this image, and not its purest."""
    blue = known & (probability > 0.5)
    if not blue.any():
        return probability, known
    usual = float(np.median(density[blue]))
    pure = float(np.percentile(place[blue], 80))
    bluish = (place > -0.5 * _BAND) & (place < 0.9 * pure)
    suspect = bluish & (density > 1.35 * usual)
    nuclear = bluish & (density > 1.9 * usual)
    around = ndimage.binary_dilation(nuclear, iterations=1)
    return np.where(nuclear, 0.02, probability), (known & ~suspect & ~around) | nuclear


def _plausible(stain: Stain, plane: Float32, hue: Float32, cut: float) -> bool:
    """Say whether the colours can be this stain's.

    Picrosirius red has picric yellow beside it; trichrome has none, and no dye of it is yellower
    than Ponceau-fuchsin.
    """
    if len(plane) < 100:
        return True
    if stain is Stain.PSR:
        blue = float((plane[:, 0] > 0.1).mean())
        return float((hue < min(cut, 0.0)).mean()) >= 0.1 and blue < 0.1
    return float(np.percentile(plane[:, 1], 3)) > 0.05


def _vector(od: Float32) -> NDArray[np.float64]:
    if len(od) < _LEAST_PX:
        return np.full(3, np.nan)
    unit = np.median(od / np.linalg.norm(od, axis=1, keepdims=True), axis=0).astype(np.float64)
    vector: NDArray[np.float64] = unit / np.linalg.norm(unit)
    return vector
