"""The words of the project: stains, markers, components, exclusions, devices."""

from enum import StrEnum

__all__ = [
    "COLOURS",
    "RESEARCH_USE",
    "Component",
    "Device",
    "Exclusion",
    "Marker",
    "Precision",
    "Stain",
]

RESEARCH_USE = "Research use only. Not for diagnostic procedures."


class Stain(StrEnum):
    """How the section was stained, as identified from its pixels."""

    HE = "H&E"
    HDAB = "H-DAB"
    MASSON = "Masson"
    PSR = "PSR"
    OTHER = "other"


class Marker(StrEnum):
    """What the brown of an immunostain stands for; told by the user, never seen in pixels."""

    CD68 = "CD68"
    CD163 = "CD163"
    CD204 = "CD204"
    ASMA = "aSMA"


class Component(StrEnum):
    """What a network can find; a pixel may be several at once.

    ``positive`` and ``cell`` are what the brown of any immunostain shows: where it is, and the
    centres of the cells that carry it. A panel says what they stand for: ``positive`` is called
    macrophage for CD68, myofibroblast for α-SMA. ``cell`` is counted by its peaks and has no area.
    """

    TUMOUR = "tumour"
    COLLAGEN = "collagen"
    MYOFIBROBLAST = "myofibroblast"
    MACROPHAGE = "macrophage"
    MUSCLE = "muscle"
    NECROSIS = "necrosis"
    POSITIVE = "positive"
    CELL = "cell"


class Exclusion(StrEnum):
    """Why tissue is left out of every denominator."""

    BLUR = "blur"
    PEN = "pen"
    FOLD = "fold"
    BUBBLE = "bubble"


class Device(StrEnum):
    """Where a network runs; auto is a GPU where there is one, else OpenVINO on the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"
    TORCH_CPU = "torch-cpu"


class Precision(StrEnum):
    """Arithmetic of a network; auto is bf16 where the device has it."""

    AUTO = "auto"
    F32 = "f32"
    BF16 = "bf16"


COLOURS: dict[str, tuple[int, int, int]] = {
    "tissue": (70, 70, 70),
    Component.TUMOUR: (200, 30, 60),
    Component.COLLAGEN: (0, 140, 90),
    Component.MYOFIBROBLAST: (140, 70, 200),
    Component.MACROPHAGE: (235, 130, 20),
    Component.MUSCLE: (150, 110, 60),
    Component.NECROSIS: (90, 90, 160),
    Component.POSITIVE: (230, 60, 190),
    Component.CELL: (20, 230, 90),
    Exclusion.BLUR: (250, 210, 60),
    Exclusion.PEN: (40, 90, 230),
    Exclusion.FOLD: (120, 20, 120),
    Exclusion.BUBBLE: (60, 190, 220),
}
"""One colour (R, G, B) a class, the same in every picture and annotation file."""
