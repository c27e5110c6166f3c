"""Architecture of collagen: fields of a slide read finely enough to see fibres."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.inference import ComponentMap
from histo.scoring import Score, measurable_in_frame, plane_in_frame, uint8_threshold
from histo.slides import Slide, native_spacing
from histo.slides.sampling import spread_evenly
from histo.stains import Dye, optical_density, stain_matrix, unmix
from histo.tissue import TissueMap
from histo.vocabulary import Component, Stain

__all__ = ["collagen_architecture", "sampled_fields"]

_FINE_UM_PER_PX = 0.5
_FIELD_UM = 256.0
_LEAST_COLLAGEN = 0.05
_THREADS = 2
_DYES = {
    Stain.HE: (Dye.HAEMATOXYLIN, Dye.EOSIN),
    Stain.MASSON: (Dye.MASSON_RED, Dye.MASSON_BLUE),
}
"""The last dye of each stain is the one collagen takes."""


def collagen_architecture(
    slide: Slide,
    tissue: TissueMap,
    found: ComponentMap,
    stain: Stain,
    *,
    thresholds: Mapping[str, float],
    fields: int,
) -> list[Score]:
    """Measure fibres in fields spread evenly over the tissue.

    Fields of 256 µm are read at 0.5 µm/px; fibres are sought in the density of the dye collagen
    takes (eosin, methyl blue, or for picrosirius red the green channel), where the collagen map is
    at or above its threshold. Fields with less than 5 % collagen have none to describe. Sums are
    added over the fields and divided last.

    Parameters
    ----------
    slide
        Where the fields are read.
    tissue
        Masks and white point.
    found
        A component map with collagen.
    stain
        As it is scored.
    thresholds
        For each component the probability from which a pixel counts.
    fields
        How many are read at most.

    Returns
    -------
    list of Score
        Those of :data:`histo.scoring.fibres.SCORE_UNITS`; NaN with the reason where the slide is
        coarser than 0.5 µm/px or no field holds collagen.
    """
    # Imported here: SciPy's transforms are not needed to reach the first tile.
    from histo.scoring.fibres.architecture import fibre_scores, scores_of_fields
    from histo.scoring.fibres.field import FibreCounts, fibre_counts, is_fine_enough

    if not is_fine_enough(slide.spacing):
        nothing = np.zeros((1, 1), np.float32)
        return fibre_scores(nothing, nothing > 0, slide.spacing)
    spacing = native_spacing(slide, _FINE_UM_PER_PX)
    if not is_fine_enough(spacing):
        spacing = Spacing(_FINE_UM_PER_PX, _FINE_UM_PER_PX)

    def counted(box: Box) -> FibreCounts | None:
        collagen, tumour = _masks(box, spacing, tissue, found, thresholds)
        if collagen.mean() < _LEAST_COLLAGEN:
            return None
        density = _matrix_density(slide.read(box, spacing), tissue.white_point, stain)
        return fibre_counts(density, collagen, spacing, tumour)

    with ThreadPoolExecutor(_THREADS) as pool:  # NumPy and SciPy let other threads run
        counts = list(pool.map(counted, sampled_fields(tissue, slide, spacing, fields)))
    return scores_of_fields([one for one in counts if one is not None])


def sampled_fields(tissue: TissueMap, slide: Slide, spacing: Spacing, count: int) -> Iterator[Box]:
    """Yield at most ``count`` fields, every n-th of a lattice of those at least half measurable.

    Systematic sampling: every part of the tissue is equally likely to be looked at.
    """
    side = (round(_FIELD_UM / spacing.row), round(_FIELD_UM / spacing.col))
    height, width = slide.frame_shape(spacing)
    lattice = [
        Box(row, col, *side)
        for row in range(0, height - side[0] + 1, side[0])
        for col in range(0, width - side[1] + 1, side[1])
    ]
    per_field = tissue.spacing.row * tissue.spacing.col / _FIELD_UM**2
    usable = [box for box in lattice if _measurable_px(tissue, spacing, box) * per_field >= 0.5]
    yield from spread_evenly(usable, count)


def _measurable_px(tissue: TissueMap, spacing: Spacing, box: Box) -> int:
    """Count the tissue map's own measurable pixels under a box of another frame."""
    rows, cols = (
        slice(round(start * fine / own), round(end * fine / own))
        for start, end, fine, own in (
            (box.row, box.bottom, spacing.row, tissue.spacing.row),
            (box.col, box.right, spacing.col, tissue.spacing.col),
        )
    )
    return int(np.count_nonzero(tissue.measurable[rows, cols]))


def _masks(
    box: Box,
    spacing: Spacing,
    tissue: TissueMap,
    found: ComponentMap,
    thresholds: Mapping[str, float],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Return collagen, and tumour where it was looked for, under the pixels of a field."""

    def above(component: Component) -> NDArray[np.bool_]:
        values = found.probability[found.components.index(component)]
        plane = plane_in_frame(values, found.spacing, spacing, box)
        return plane >= uint8_threshold(thresholds[component])

    collagen = above(Component.COLLAGEN) & measurable_in_frame(tissue, spacing, box)
    return collagen, above(Component.TUMOUR) if Component.TUMOUR in found.components else None


def _matrix_density(
    rgb: NDArray[np.uint8], white: NDArray[np.uint8], stain: Stain
) -> NDArray[np.float32]:
    density = optical_density(rgb, white)
    if stain not in _DYES:
        return np.ascontiguousarray(density[..., 1])
    return np.ascontiguousarray(unmix(density, stain_matrix(*_DYES[stain]))[..., -1])
