"""Simple rules that a network has to beat, as maps whose cut lies at one half."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from histo.geometry import Box, Spacing
from histo.slides import native_spacing
from histo.stains import Dye, optical_density, stain_matrix, unmix
from histo.stains.collagen_rule import collagen_label
from histo.training.evaluation import Judged
from histo.training.manifests.labels import open_row
from histo.training.manifests.manifest import Manifest
from histo.vocabulary import Component, Stain

__all__ = ["haematoxylin_map", "judge_rules"]

_SMOOTH_UM = 8.0  # about a nucleus: denser tissue, not single nuclei
_MOST_PX = 64_000_000

Rule = Callable[[NDArray[np.uint8], Spacing, ArrayLike, Stain], NDArray[np.float32]]


def haematoxylin_map(
    rgb: NDArray[np.uint8], spacing: Spacing, white_point: ArrayLike
) -> NDArray[np.float32]:
    """Return smoothed haematoxylin density, scaled so that its Otsu threshold is 0.5.

    Where nuclei are dense there is tumour, or inflammation: a pathologist's first glance.

    Parameters
    ----------
    rgb
        uint8, shape (H, W, 3), of an H&E slide.
    spacing
        µm/px; density is smoothed over a Gaussian of 8 µm.
    white_point
        Colour of the glass.

    Returns
    -------
    ndarray of float32, shape (H, W)
        0 to 1.
    """
    from skimage.filters import threshold_otsu

    density = unmix(optical_density(rgb, white_point), stain_matrix(Dye.HAEMATOXYLIN, Dye.EOSIN))[
        ..., 0
    ]
    sigma = [_SMOOTH_UM / um for um in spacing.pair]
    smooth = ndimage.gaussian_filter(np.maximum(density, 0), sigma)
    if np.ptp(smooth) < 1e-6:
        return np.zeros(smooth.shape, np.float32)
    scaled = smooth / (2 * float(threshold_otsu(smooth)))
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)


def _haematoxylin(
    rgb: NDArray[np.uint8], spacing: Spacing, white_point: ArrayLike, _stain: Stain
) -> NDArray[np.float32]:
    return haematoxylin_map(rgb, spacing, white_point)


def _collagen(
    rgb: NDArray[np.uint8], _spacing: Spacing, white_point: ArrayLike, stain: Stain
) -> NDArray[np.float32]:
    return collagen_label(rgb, stain, white_point).probability


_RULES: dict[str, Rule] = {"haematoxylin": _haematoxylin, "collagen": _collagen}


def judge_rules(
    judged: Sequence[Judged], manifest: Manifest, rules: Mapping[Component, str]
) -> list[Judged]:
    """Return what the rules make of judged rows, beside the same labels.

    Parameters
    ----------
    judged
        One for each row of ``manifest``.
    manifest
        The rows.
    rules
        Name of the rule for a component: "haematoxylin", or "collagen" on a special stain.
        Components without one are left out, and so are rows of more than 64 Mpx.
    """
    found = []
    for one, row in zip(judged, manifest.rows, strict=True):
        planes = [n for n, component in enumerate(one.components) if component in rules]
        height, width = one.probability.shape[1:]
        if not planes or height * width > _MOST_PX:
            continue
        with open_row(row, manifest.root) as slide:
            grid = native_spacing(slide, one.spacing.mean)
            rgb = slide.read(Box(0, 0, height, width), grid)
            maps = [
                _RULES[rules[one.components[n]]](rgb, grid, slide.glass, row.stain) for n in planes
            ]
        found.append(
            replace(
                one,
                components=tuple(one.components[n] for n in planes),
                probability=np.stack(maps),
                present=one.present[planes],
                known=one.known[planes],
            )
        )
    return found
