"""One annotated place as a network saw it: its map, and what is known to be true there."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.vocabulary import Component

__all__ = ["Judged"]


@dataclass(frozen=True, eq=False)
class Judged:
    """A map of probabilities beside its labels, on one frame.

    Attributes
    ----------
    name
        How it is called in reports: a row number, say, never a patient.
    patient, site, organ
        Whose it is, and whence. Places of one patient are alike, so intervals draw patients.
    spacing
        µm/px of the frame.
    components
        Names of the C planes.
    probability
        ndarray of uint8 (255 = 1.0) or float (0 to 1), shape (C, H, W); may be a memmap.
    present
        ndarray of bool, shape (C, H, W): where the component is.
    known
        ndarray of bool, shape (C, H, W): where that is known; nothing else is looked at.
    cells
        For components annotated cell by cell, their centres: ndarray of float64, shape (N, 2),
        (row, col) in pixels of the frame, the centre of pixel (r, c) being (r + 0.5, c + 0.5).
    centres
        For components whose cells are found in a map of centres instead of their own: that map,
        shape (H, W), found as ``Component.CELL`` is.
    """

    name: str
    patient: str
    site: str
    organ: str
    spacing: Spacing
    components: tuple[Component, ...]
    probability: NDArray[np.number]
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]
    cells: Mapping[Component, NDArray[np.float64]] | None = None
    centres: Mapping[Component, NDArray[np.number]] | None = None

    def __post_init__(self) -> None:
        shape = self.probability.shape
        if len(shape) != 3 or shape[0] != len(self.components):
            raise ValueError(f"expected a plane for each component, found shape {shape}")
        if not shape == self.present.shape == self.known.shape:
            raise ValueError(
                "map and labels lie on one frame, found "
                f"{shape}, {self.present.shape} and {self.known.shape}"
            )

    def cells_from(self, component: Component) -> Component:
        """Return the component whose threshold the cells of a component are found at."""
        return Component.CELL if component in (self.centres or {}) else component
