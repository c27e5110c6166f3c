"""Where on the slide a score is asked: tumour nests, their stroma, the front, and the rest.

============  =====================================================================================
nest          tumour cells
stroma        what lies between the nests, within the tumour region
margin        tissue within 500 µm of the tumour region's front, on either side
tumour_tissue nest and stroma together
============  =====================================================================================

All four lie in measurable tissue and leave necrosis out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing

__all__ = ["COMPARTMENTS", "Mask", "RegionSettings", "Regions"]

Mask = NDArray[np.bool_]

COMPARTMENTS = ("nest", "stroma", "margin", "tumour_tissue")
"""Names of the compartments, in the order they are printed."""


@dataclass(frozen=True)
class RegionSettings:
    """Scales of the tumour region, in µm.

    Attributes
    ----------
    closing_um
        Radius of the disc that closes the tumour nests: stroma between nests up to twice as far
        apart belongs to the tumour.
    margin_um
        Half width of the invasive margin, on either side of the front.
    """

    closing_um: float = 100.0
    margin_um: float = 500.0

    def __post_init__(self) -> None:
        for name in ("closing_um", "margin_um"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, found {getattr(self, name)}")


@dataclass(frozen=True)
class Regions:
    """Masks of one slide in one frame, and the compartments that follow from them.

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
    def tumour_region(self) -> Mask | None:
        """The tumour with the stroma between its nests; None without a tumour map."""
        raise NotImplementedError

    @cached_property
    def nest(self) -> Mask | None:
        """Measurable tumour that is not necrotic; None without a tumour map."""
        if self.tumour is None:
            return None
        return self._without_necrosis(self.measurable & self.tumour)

    @cached_property
    def stroma(self) -> Mask | None:
        """Measurable tumour region that is neither nest nor necrosis (muscle is still in it)."""
        if self.tumour is None or self.tumour_region is None:
            return None
        return self._without_necrosis(self.measurable & self.tumour_region & ~self.tumour)

    @cached_property
    def tumour_tissue(self) -> Mask | None:
        """Nest and stroma together; None without a tumour map."""
        return None if self.nest is None or self.stroma is None else self.nest | self.stroma

    @cached_property
    def margin(self) -> Mask | None:
        """Measurable tissue near the front; None without a tumour map or without a front."""
        raise NotImplementedError

    def compartments(self) -> Mapping[str, Mask | None]:
        """Return the mask of every compartment; None where it cannot be known (see ``reason``)."""
        return {name: getattr(self, name) for name in COMPARTMENTS}

    def reason(self, compartment: str) -> str:
        """Return why a compartment is None or empty; an empty text where it has an area."""
        raise NotImplementedError

    def _without_necrosis(self, mask: Mask) -> Mask:
        return mask if self.necrosis is None else mask & ~self.necrosis
