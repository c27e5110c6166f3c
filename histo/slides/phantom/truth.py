"""What is known about a phantom slide."""

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from histo.slides.phantom.block import BLOCK_PX, Block
from histo.slides.phantom.spec import PhantomSpec

__all__ = ["PhantomTruth", "Tally"]


@dataclass(frozen=True, eq=False)
class PhantomTruth:
    """The truth of a phantom slide, areas counted pixel by pixel at level 0.

    Attributes
    ----------
    spec
        The recipe.
    tissue_mm2, tumour_mm2, stroma_mm2, collagen_mm2
        Areas; stroma is tissue that is not tumour, and collagen lies in the stroma.
    fibre_angle_deg
        Axial mean direction of the collagen, weighted by area, [0, 180), from the column axis
        towards the row axis; NaN without collagen.
    fibre_alignment
        Length R of the mean of doubled directions: 1 all parallel, 0 no preference.
    tumour_nuclei_um, fibroblast_nuclei_um
        Centres (row, col) in µm, shape (N, 2).
    tumour_outline_um
        Outline of the tumour bed, (row, col) in µm, shape (M, 2), first point not repeated. Every
        nest lies within it; what of it is not nest is tumour stroma.
    """

    spec: PhantomSpec
    tissue_mm2: float
    tumour_mm2: float
    stroma_mm2: float
    collagen_mm2: float
    fibre_angle_deg: float
    fibre_alignment: float
    tumour_nuclei_um: NDArray[np.float32]
    fibroblast_nuclei_um: NDArray[np.float32]
    tumour_outline_um: NDArray[np.float64]

    @property
    def fractions_of_tissue(self) -> dict[str, float]:
        """Tumour, stroma and collagen area over tissue area; NaN without tissue."""
        areas = {
            "tumour": self.tumour_mm2,
            "stroma": self.stroma_mm2,
            "collagen": self.collagen_mm2,
        }
        whole = self.tissue_mm2 or float("nan")
        return {name: area / whole for name, area in areas.items()}

    def to_json(self) -> str:
        """Return everything as JSON; positions rounded to 0.1 µm, NaN as null."""
        angle = self.fibre_angle_deg
        content = {
            "spec": asdict(self.spec),
            "area_mm2": {
                "tissue": self.tissue_mm2,
                "tumour": self.tumour_mm2,
                "stroma": self.stroma_mm2,
                "collagen": self.collagen_mm2,
            },
            "fraction_of_tissue": {
                name: None if np.isnan(f) else f for name, f in self.fractions_of_tissue.items()
            },
            "fibre_angle_deg": None if np.isnan(angle) else angle,
            "fibre_alignment": None if np.isnan(angle) else self.fibre_alignment,
            "nuclei_row_col_um": {
                "tumour": _rounded(self.tumour_nuclei_um),
                "fibroblast": _rounded(self.fibroblast_nuclei_um),
            },
            "tumour_outline_row_col_um": _rounded(self.tumour_outline_um),
        }
        return json.dumps(content, allow_nan=False)


def _rounded(points: NDArray[np.floating]) -> list[list[float]]:
    tenths = np.round(points.astype(np.float64), 1)
    return [[float(row), float(col)] for row, col in tenths]


class Tally:
    """Counts that add up to the truth while a slide is drawn block by block."""

    def __init__(self, spec: PhantomSpec) -> None:
        self.spec = spec
        self._tissue_px = self._tumour_px = self._collagen_px = 0
        self._doubled = np.zeros(3)
        self._tumour_nuclei = [np.zeros((0, 2), np.float32)]
        self._fibroblast_nuclei = [np.zeros((0, 2), np.float32)]

    def add(self, block: Block) -> None:
        """Count what of a block lies on the slide."""
        if block.empty:
            return
        height, width = self.spec.shape
        seen = np.s_[: height - block.row * BLOCK_PX, : width - block.col * BLOCK_PX]
        masks = block.masks
        self._tissue_px += int(np.count_nonzero(masks.tissue[seen]))
        self._tumour_px += int(np.count_nonzero(masks.tumour[seen]))
        self._collagen_px += int(np.count_nonzero(masks.collagen[seen]))
        self._doubled += block.doubled_directions()
        self._tumour_nuclei.append(block.own(block.tumour_nuclei))
        self._fibroblast_nuclei.append(block.own(block.fibroblast_nuclei))

    def truth(self, outline_um: NDArray[np.float64]) -> PhantomTruth:
        """Return the truth of all that was counted."""
        area = self.spec.spacing.area_mm2
        mean_cos, mean_sin, weight = self._doubled
        defined = weight > 0
        return PhantomTruth(
            spec=self.spec,
            tissue_mm2=area(self._tissue_px),
            tumour_mm2=area(self._tumour_px),
            stroma_mm2=area(self._tissue_px - self._tumour_px),
            collagen_mm2=area(self._collagen_px),
            fibre_angle_deg=_axis_deg(mean_sin, mean_cos) if defined else float("nan"),
            fibre_alignment=float(np.hypot(mean_sin, mean_cos) / weight)
            if defined
            else float("nan"),
            tumour_nuclei_um=np.concatenate(self._tumour_nuclei),
            fibroblast_nuclei_um=np.concatenate(self._fibroblast_nuclei),
            tumour_outline_um=outline_um,
        )


def _axis_deg(doubled_sin: float, doubled_cos: float) -> float:
    return float(np.rad2deg(np.arctan2(doubled_sin, doubled_cos)) / 2 % 180)
