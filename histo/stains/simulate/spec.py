"""What may be painted: colours, strengths, sizes, and how often each scene comes."""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Chromogen", "Range", "Scene", "SimulationSpec"]

Range = tuple[float, float]
"""Lowest and highest value of a uniform draw."""


class Scene(StrEnum):
    """What one patch shows."""

    MACROPHAGES = "macrophages"
    LYMPHOCYTES = "lymphocytes"
    NUCLEI = "nuclei"
    SHEET = "sheet"
    FIBRES = "fibres"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Chromogen:
    """Colour and strength of what is painted.

    The defaults are DAB as measured on eleven H-DAB images of four laboratories: medians of the
    brown pixels' unit vectors ran over (.31 to .36, .51 to .59, .73 to .80), the lengths of their
    optical density from .3 to 1.25 (5th and 99th percentile). The default hue is a little yellower
    than these, as counterstain and ground lie under what is painted.

    Attributes
    ----------
    od
        Direction (R, G, B) in optical density; its length does not matter.
    hue_sd
        Standard deviation of each channel of the unit vector from patch to patch.
    strength_od
        Optical density (along the unit vector) of a typical positive cell of a patch.
    cell_spread
        Standard deviation of the logarithm of strength from cell to cell.
    texture
        Standard deviation of the logarithm of strength within a cell: DAB is a precipitate, its
        amount not proportional to antigen.
    """

    od: tuple[float, float, float] = (0.29, 0.54, 0.79)
    hue_sd: float = 0.03
    strength_od: Range = (0.32, 1.0)
    cell_spread: float = 0.25
    texture: float = 0.38


def _scenes() -> dict[Scene, float]:
    return {
        Scene.MACROPHAGES: 0.34,
        Scene.LYMPHOCYTES: 0.16,
        Scene.NUCLEI: 0.06,
        Scene.SHEET: 0.08,
        Scene.FIBRES: 0.24,
        Scene.NOTHING: 0.12,
    }


@dataclass(frozen=True)
class SimulationSpec:
    """Ranges from which each patch draws. Lengths are µm, areas µm², densities decades.

    Attributes
    ----------
    chromogen
        The stain; replace it for another one (AP red, Vina green).
    scenes
        Relative frequency of each scene.
    counterstain_od, counterstain_hue_sd
        Colour of the haematoxylin and its spread.
    nuclear_od
        Haematoxylin of the darker nuclei of a patch (their 90th percentile).
    ground_od
        Density of the pale tissue between nuclei, at the median.
    glass
        Grey level of empty glass.
    background_od
        Unspecific chromogen over all tissue.
    positive_od
        Painted chromogen from which a pixel is `positive`.
    clip_od
        Most chromogen a pixel holds.
    macrophage_um2, lymphocyte_um2
        Area of a cell's profile, nucleus included.
    positive_share
        Share of nuclei that belong to positive cells, drawn on a log scale.
    distractor_chance, edge_chance, defocus_chance
        Probability of brown pigment, of stained edges, of a patch out of focus.
    defocus_um
        Gaussian sigma of a patch out of focus.
    camera_noise
        Standard deviation in grey levels.
    """

    chromogen: Chromogen = field(default_factory=Chromogen)
    scenes: dict[Scene, float] = field(default_factory=_scenes)
    counterstain_od: tuple[float, float, float] = (0.645, 0.685, 0.335)
    counterstain_hue_sd: float = 0.035
    nuclear_od: Range = (0.30, 0.62)
    ground_od: Range = (0.07, 0.17)
    glass: Range = (218.0, 253.0)
    background_od: Range = (0.0, 0.09)
    positive_od: float = 0.15
    clip_od: float = 2.0
    macrophage_um2: Range = (60.0, 500.0)
    lymphocyte_um2: Range = (40.0, 100.0)
    positive_share: Range = (0.01, 0.35)
    distractor_chance: float = 0.45
    edge_chance: float = 0.15
    defocus_chance: float = 0.2
    defocus_um: Range = (0.3, 1.4)
    camera_noise: Range = (0.3, 1.8)
