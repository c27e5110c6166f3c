"""What a phantom slide shall look like."""

from dataclasses import dataclass

from histo.geometry import Spacing

__all__ = ["PhantomSpec"]


@dataclass(frozen=True)
class PhantomSpec:
    """The recipe of a phantom slide; equal recipes give equal pixels.

    Attributes
    ----------
    seed
        Any integer from 0 on.
    width_mm, height_mm
        Size of the whole slide, glass included.
    um_per_px
        Spacing of level 0, 0.1 to 4 µm/px. Pixels sample the drawing at their centres, so a coarse
        phantom is better made by reducing a fine one.
    fibre_angle_deg
        Mean direction of the collagen, from the column axis towards the row axis (that is,
        clockwise on the screen), 0 to 180.
    fibre_wander
        Typical slope of the slow turns away from that direction; 0.25 is about 14 degrees.
    bed_radius
        Size of the tumour bed relative to the tissue, 0 (no tumour) to 1.
    nest_fraction
        Share of the bed covered by tumour nests, about.
    collagen_fraction
        Share of the stroma covered by collagen bundles, about.
    bundle_um
        Typical width of a collagen bundle.
    glass
        Colour (R, G, B) of the empty slide.
    noise_sd
        Camera noise in grey levels.
    """

    seed: int = 0
    width_mm: float = 4.0
    height_mm: float = 3.0
    um_per_px: float = 0.5
    fibre_angle_deg: float = 30.0
    fibre_wander: float = 0.25
    bed_radius: float = 0.72
    nest_fraction: float = 0.5
    collagen_fraction: float = 0.73
    bundle_um: float = 8.0
    glass: tuple[int, int, int] = (243, 241, 246)
    noise_sd: float = 1.0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"a seed is 0 or more, found {self.seed}")
        if not 0.1 <= self.um_per_px <= 4.0:
            raise ValueError(f"um_per_px is 0.1 to 4, found {self.um_per_px}")
        if min(self.shape) < 1:
            raise ValueError(f"a slide has pixels, found {self.width_mm} x {self.height_mm} mm")
        for name in ("bed_radius", "nest_fraction", "collagen_fraction"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is 0 to 1, found {getattr(self, name)}")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of level 0 in pixels."""
        return (
            round(self.height_mm * 1000 / self.um_per_px),
            round(self.width_mm * 1000 / self.um_per_px),
        )

    @property
    def spacing(self) -> Spacing:
        """Spacing of level 0."""
        return Spacing(self.um_per_px, self.um_per_px, "phantom")
