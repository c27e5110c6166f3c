"""A real patch taken apart: haematoxylin, everything else, and where there is tissue."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from histo.stains.chroma import chroma_plane
from histo.stains.density import optical_density
from histo.stains.simulate.nuclei import find_nuclei
from histo.stains.unmix import unmix
from histo.stains.vectors import Dye, stain_matrix
from histo.tissue import white_point as glass_of

__all__ = ["Tissue", "brown_share", "unmixed_tissue"]

Float32 = NDArray[np.float32]

_GLASS_OD = 0.035  # length of OD below which a smoothed pixel is glass
_TISSUE_OD = 0.085  # and above which it is tissue
_BROWN_OD = 0.12  # DAB that an IHC background may hold everywhere: its tan ground


@dataclass(frozen=True)
class Tissue:
    """A background without its stain's colour; every array has shape (H, W).

    Attributes
    ----------
    haematoxylin
        float32, decades, at least 0.
    ground
        float32, what is not haematoxylin (faded eosin, tan of an immunostain), at least 0; median
        of tissue 1.
    cover
        float32, 0 on glass to 1 on tissue.
    nuclei
        int32, 0 outside nuclei, else the nucleus' number from 1.
    um_per_px
        Spacing of the pixels.
    """

    haematoxylin: Float32
    ground: Float32
    cover: Float32
    nuclei: NDArray[np.int32]
    um_per_px: float

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        height, width = self.cover.shape
        return height, width


def brown_share(rgb: NDArray[np.uint8], white_point: ArrayLike) -> float:
    """Share of the pixels that are brown: keep an IHC background where it is next to nothing.

    Examples
    --------
    >>> brown_share(np.full((4, 4, 3), (150, 100, 60), np.uint8), (240, 240, 240))
    1.0
    """
    plane, density = chroma_plane(optical_density(rgb, white_point).reshape(-1, 3))
    return float(((plane[:, 0] < -0.25) & (plane[:, 1] < -0.1) & (density > 0.15)).mean())


def unmixed_tissue(
    rgb: NDArray[np.uint8],
    um_per_px: float,
    source: Literal["he", "hdab"],
    white_point: ArrayLike | None = None,
) -> Tissue:
    """Take a real patch apart, so that stain can be painted on it.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3), at 0.2 to 1.2 µm/px.
    um_per_px
        Spacing of the pixels.
    source
        "he": eosin becomes the pale ground. "hdab": existing DAB is removed by unmixing down to
        the tan that all tissue has; prefer patches with a `brown_share` below 0.001, since what
        lay under DAB is a guess.
    white_point
        Glass of the slide; estimated from the patch if None, which needs some glass in it.

    Returns
    -------
    Tissue

    Raises
    ------
    ValueError
        If the spacing is out of range or the source unknown.
    """
    if not 0.2 <= um_per_px <= 1.2:
        raise ValueError(f"cells are painted at 0.2 to 1.2 µm/px, found {um_per_px}")
    if source not in ("he", "hdab"):
        raise ValueError(f"source is 'he' or 'hdab', found {source!r}")
    od = optical_density(rgb, glass_of(rgb) if white_point is None else white_point)
    cover = _cover(od, um_per_px)
    other = Dye.EOSIN if source == "he" else Dye.DAB
    amounts = np.maximum(unmix(od, stain_matrix(Dye.HAEMATOXYLIN, other)), 0.0) * cover[..., None]
    haematoxylin, ground = amounts[..., 0], amounts[..., 1]
    if source == "hdab":
        ground = np.minimum(ground, _BROWN_OD)
    inside = ground[cover > 0.5]
    level = float(np.median(inside)) if inside.size else 0.0
    ground = np.clip(ground / level, 0.0, 4.0) if level > 0 else ground * 0.0
    nuclei = find_nuclei(haematoxylin, cover > 0.5, um_per_px)
    return Tissue(haematoxylin, ground.astype(np.float32), cover, nuclei, um_per_px)


def _cover(od: Float32, um_per_px: float) -> Float32:
    length = np.linalg.norm(np.maximum(od, 0.0), axis=2)
    smooth = ndimage.gaussian_filter(length, 1.0 / um_per_px)
    share = np.clip((smooth - _GLASS_OD) / (_TISSUE_OD - _GLASS_OD), 0.0, 1.0)
    cover: Float32 = np.asarray(share, np.float32)
    return cover
