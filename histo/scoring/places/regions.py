"""Where on the slide a score is asked: tumour nests, their stroma, the front, and the rest.

=============  ====================================================================================
nest           tumour cells, in a tumour region
stroma         what lies between the nests, within the tumour region
margin         tissue within 500 µm of the tumour region's front, on either side
tumour_tissue  nest and stroma together
=============  ====================================================================================

All four lie in measurable tissue and leave necrosis out. The stroma is what is left of the region:
muscle, vessels, fat or a normal gland between nests are in it unless a class takes them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.scoring.frame import (
    ComponentProbabilities,
    TissueMasks,
    masks_in_frame,
    uint8_threshold,
)
from histo.scoring.places.distances import distance_blocks
from histo.scoring.places.tumour_region import RegionSettings, front_sides, tumour_region
from histo.vocabulary import Component

__all__ = ["COMPARTMENTS", "Mask", "RegionSettings", "Regions", "find_regions"]

Mask = NDArray[np.bool_]

COMPARTMENTS = ("nest", "stroma", "margin", "tumour_tissue")
"""Names of the compartments, in the order they are printed."""

_STRIP_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks of one slide in one frame, and the compartments that follow from them.

    A compartment is drawn when first asked and kept. Masks are never changed in place.

    Attributes
    ----------
    spacing
        µm/px of every mask.
    tissue : ndarray of bool, shape (H, W)
        All tissue, the excluded part too.
    measurable : ndarray of bool, shape (H, W)
        Tissue that is not excluded (blur, pen, fold, bubble).
    tumour, necrosis, muscle : ndarray of bool, shape (H, W), or None
        Where a network found each; None where nothing answered for it. What they say outside
        measurable tissue is ignored.
    settings
        Scales of the tumour region.

    Raises
    ------
    ValueError
        If a mask is not boolean or has another shape than the tissue.

    Examples
    --------
    >>> import numpy as np
    >>> tissue = np.ones((300, 300), bool)
    >>> tumour = np.zeros_like(tissue)
    >>> tumour[:, :100] = tumour[:, 120:150] = True  # 40 µm of stroma between
    >>> regions = Regions(Spacing(2.0, 2.0), tissue, tissue, tumour)
    >>> [round(regions.spacing.area_mm2(mask.sum()), 3) for mask in (regions.nest, regions.stroma)]
    [0.156, 0.024]
    """

    spacing: Spacing
    tissue: Mask
    measurable: Mask
    tumour: Mask | None = None
    necrosis: Mask | None = None
    muscle: Mask | None = None
    settings: RegionSettings = field(default_factory=RegionSettings)

    def __post_init__(self) -> None:
        for name in ("tissue", "measurable", "tumour", "necrosis", "muscle"):
            mask = getattr(self, name)
            if mask is not None and (mask.dtype != bool or mask.shape != self.tissue.shape):
                raise ValueError(
                    f"{name} is a mask of bool like the tissue {self.tissue.shape}, "
                    f"found {mask.dtype} {mask.shape}"
                )

    @cached_property
    def eligible(self) -> Mask:
        """Measurable tissue that is not necrotic: what every compartment lies in."""
        found = self.measurable & self.tissue
        if self.necrosis is not None:
            found &= ~self.necrosis
        # A mask of a whole slide is 100 MB and more: one is kept where two are the same.
        return self.measurable if np.array_equal(found, self.measurable) else found

    @cached_property
    def tumour_region(self) -> Mask | None:
        """The tumour with the stroma between its nests; None without a tumour map.

        An outline: glass, necrosis and excluded tissue within it are not taken out.
        """
        if self.tumour is None:
            return None
        measurable = self.measurable & self.tissue
        necrosis = None if self.necrosis is None else self.necrosis & measurable
        return tumour_region(self.tumour & measurable, necrosis, self.spacing, self.settings)

    @cached_property
    def nest(self) -> Mask | None:
        """Tumour cells: the eligible tumour in the tumour region; None without a tumour map."""
        if self.tumour is None or self.tumour_region is None:
            return None
        return self.eligible & self.tumour_region & self.tumour

    @cached_property
    def stroma(self) -> Mask | None:
        """Eligible tissue of the tumour region that is not tumour; None without a tumour map."""
        if self.tumour is None or self.tumour_region is None:
            return None
        return self.eligible & self.tumour_region & ~self.tumour

    @property
    def tumour_tissue(self) -> Mask | None:
        """Nest and stroma together; None without a tumour map."""
        return None if self.tumour_region is None else self.eligible & self.tumour_region

    @property
    def front(self) -> tuple[Mask, Mask] | None:
        """The region and the tissue it can invade; the front is where they touch.

        None without a tumour map, or where they touch nowhere.
        """
        if self.tumour_region is None:
            return None
        sides = front_sides(self.tumour_region, self.eligible, self.spacing, self.settings)
        return sides if _touch(*sides) else None

    @cached_property
    def margin_side(self) -> NDArray[np.uint8] | None:
        """Side of the front within the margin: 1 inside, 2 outside, 0 elsewhere; None as front."""
        front = self.front  # drawn when asked and not kept: the margin is what is used
        if front is None:
            return None
        side = np.zeros(self.tissue.shape, np.uint8)
        inside, outside = front
        reach_um = self.settings.margin_um
        for box, distance in distance_blocks(
            inside, self.spacing, reach_um=reach_um, outside=outside, wanted=self.eligible
        ):
            side[box.slices] = np.isfinite(distance) * (1 + (distance > 0).view(np.uint8))
        side *= self.eligible
        return side

    @property
    def margin(self) -> Mask | None:
        """Eligible tissue near the front; None without a tumour map or without a front."""
        return None if self.margin_side is None else self.margin_side > 0

    def compartments(self) -> Mapping[str, Mask | None]:
        """Return the mask of every compartment; None where it cannot be known (see ``reason``)."""
        return {name: getattr(self, name) for name in COMPARTMENTS}

    def reason(self, compartment: str) -> str:
        """Return why a compartment is None or empty, for the note of a score that is NaN.

        Parameters
        ----------
        compartment
            One of ``COMPARTMENTS``.

        Returns
        -------
        str
            Empty where the compartment has an area.
        """
        mask: Mask | None = getattr(self, compartment)
        if mask is not None and mask.any():
            return ""
        if self.tumour_region is None:
            return "no tumour class: no bundle finds tumour on this stain"
        if not self.tumour_region.any():
            least = self.settings.least_tumour_mm2
            return f"no tumour found (a region needs at least {least:g} mm² of tumour cells)"
        if mask is None:
            return "no invasive front found: the tumour borders on no other tissue"
        return f"the tumour has no {compartment.replace('_', ' ')}"


def find_regions(
    tissue_map: TissueMasks,
    component_map: ComponentProbabilities,
    thresholds: Mapping[str, float],
    settings: RegionSettings | None = None,
) -> Regions:
    """Return the regions of a slide from its tissue map and its component map.

    Parameters
    ----------
    tissue_map
        Masks of tissue and exclusion, at any spacing.
    component_map
        Probabilities; its frame is the regions'. Tumour, necrosis and muscle are used where there.
    thresholds
        For each component the probability, in (0, 1], from which a pixel counts.
    settings
        Scales; None takes the defaults.

    Raises
    ------
    ValueError
        If one of the three components has no threshold, or one outside (0, 1].
    """
    used = (Component.TUMOUR, Component.NECROSIS, Component.MUSCLE)
    planes = [name for name in used if name in component_map.components]
    missing = [name.value for name in planes if name not in thresholds]
    if missing:
        raise ValueError(f"every component needs a threshold, {', '.join(missing)} has none")
    height, width = component_map.probability.shape[1:]
    spacing = component_map.spacing
    tissue, measurable = (np.zeros((height, width), bool) for _ in range(2))
    masks = {name.value: np.zeros((height, width), bool) for name in planes}
    for box in Box(0, 0, height, width).strips(_STRIP_ROWS):
        found, exclusion = masks_in_frame(tissue_map, spacing, box)
        tissue[box.slices], measurable[box.slices] = found, found & (exclusion == 0)
        for name in planes:
            plane = component_map.probability[component_map.components.index(name)]
            cut = uint8_threshold(thresholds[name])
            np.greater_equal(plane[box.slices], cut, out=masks[name.value][box.slices])
    return Regions(spacing, tissue, measurable, **masks, settings=settings or RegionSettings())


def _touch(inside: Mask, outside: Mask) -> bool:
    """Whether any pixel of one mask shares an edge with one of the other."""
    rows = (inside[1:] & outside[:-1]).any() or (outside[1:] & inside[:-1]).any()
    return bool(
        rows or (inside[:, 1:] & outside[:, :-1]).any() or (outside[:, 1:] & inside[:, :-1]).any()
    )
