"""Labels that colour science makes, for rows whose annotation is ``rule:collagen``."""

import numpy as np
from numpy.typing import NDArray

from histo.annotations.class_map import ClassMap
from histo.annotations.labels import pixels_under
from histo.annotations.planes import ABSENT, PRESENT, UNKNOWN, LabelPlanes
from histo.errors import AnnotationError
from histo.geometry import Box, Spacing
from histo.slides import Slide, native_spacing
from histo.stains.collagen_rule import collagen_label
from histo.vocabulary import Component, Stain

__all__ = ["COLLAGEN_RULE", "RULE_MAP", "RuleLabels", "collagen_rule_labels"]

COLLAGEN_RULE = "rule:collagen"
"""What a row's annotation says to have collagen told by colour."""

RULE_MAP = ClassMap.parse({"classes": {"collagen": "collagen"}}, COLLAGEN_RULE)
"""What such a row knows; it needs no class map of its own."""

_UM_PER_PX = 1.0  # finer, dyes are no purer; coarser, thin fibres mix with what is beside them
_MOST_PX = 16_000_000  # 4 mm x 4 mm: the rule takes 70 bytes a pixel while it works


class RuleLabels:
    """A raster of present, absent and unknown, looked up by the centres of pixels.

    Parameters
    ----------
    states
        ndarray of int8, shape (H, W), of the frame at ``spacing``.
    component
        What they are of.
    spacing
        µm/px of the raster.
    """

    def __init__(self, states: NDArray[np.int8], component: Component, spacing: Spacing) -> None:
        self._states, self._component, self._spacing = states, component, spacing

    def planes(self, box: Box, spacing: Spacing) -> LabelPlanes:
        """Return the labels of a box; unknown beyond the slide. See `histo.annotations.Labels`."""
        height, width = self._states.shape
        rows = pixels_under(box.row, box.bottom, spacing.row / self._spacing.row)
        cols = pixels_under(box.col, box.right, spacing.col / self._spacing.col)
        row_in, col_in = (rows >= 0) & (rows < height), (cols >= 0) & (cols < width)
        states = np.full((1, *box.shape), UNKNOWN, np.int8)
        states[0][np.ix_(row_in, col_in)] = self._states[np.ix_(rows[row_in], cols[col_in])]
        return LabelPlanes((self._component,), states == PRESENT, states != UNKNOWN)


def collagen_rule_labels(slide: Slide, stain: Stain) -> RuleLabels:
    """Label the collagen of a whole slide by colour, at 1 µm/px or its own spacing if coarser.

    Where the rule is unsure (`histo.stains.collagen_rule`) nothing is known.

    Parameters
    ----------
    slide
        Open; its own glass is the white point.
    stain
        `Stain.PSR` or `Stain.MASSON`.

    Raises
    ------
    AnnotationError
        If the slide is larger than 16 Mpx at that spacing, or its colours are not the stain's.
    """
    fine = slide.spacing
    spacing = fine if fine.mean >= _UM_PER_PX else native_spacing(slide, _UM_PER_PX)
    shape = slide.frame_shape(spacing)
    if shape[0] * shape[1] > _MOST_PX:
        raise AnnotationError(
            f"{slide.name} has {shape[0] * shape[1] / 1e6:.0f} Mpx at {spacing.mean:.2f} µm/px and "
            f"{COLLAGEN_RULE} takes up to {_MOST_PX / 1e6:.0f}; cut regions of up to 4 mm x 4 mm."
        )
    label = collagen_label(slide.read(Box(0, 0, *shape), spacing), stain, slide.glass)
    if not label.known.any():
        raise AnnotationError(
            f"the colours of {slide.name} do not look like {stain}, so {COLLAGEN_RULE} knows "
            "nothing of it; correct the stain or leave the row out."
        )
    sure = np.where(label.probability > 0.5, PRESENT, ABSENT)
    states = np.where(label.known, sure, UNKNOWN).astype(np.int8)
    return RuleLabels(states, Component.COLLAGEN, spacing)
