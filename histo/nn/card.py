"""The card of a bundle: what it is, what it was taught, how well it does, when not to use it."""

from typing import Any

from pydantic import Field, model_validator

from histo.config import StrictModel
from histo.stains.vectors import DyePair
from histo.vocabulary import Component, Marker, Stain

__all__ = ["Card", "DataSource", "Metric", "NetworkSpec", "require_findable"]

_FORMAT = 1


class NetworkSpec(StrictModel):
    """An architecture by name, so that a card alone rebuilds it.

    Pixels enter as ``(rgb - mean) / std`` with rgb in 0..255.
    """

    library: str = "segmentation_models_pytorch"
    name: str = "Unet"
    arguments: dict[str, Any] = Field(default_factory=dict)
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)

    @property
    def stride_px(self) -> int:
        """Input sizes, and shifts under which the output shifts along, are multiples of this."""
        return int(2 ** int(self.arguments.get("encoder_depth", 5)))


class DataSource(StrictModel):
    """A data set the bundle learnt from, and the licence it hands on."""

    name: str
    source: str
    licence: str
    samples: int


class Metric(StrictModel):
    """One measured figure: where it was measured, what a simple rule reaches there."""

    name: str
    component: Component | str
    split: str
    value: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None


class Card(StrictModel):
    """Everything a user or a program must know of a bundle before running it."""

    format_version: int = _FORMAT
    name: str
    version: str
    summary: str
    licence: str
    research_use_only: bool = True
    stains: list[Stain] = Field(min_length=1)
    markers: list[Marker] = Field(default_factory=list)
    components: list[Component] = Field(min_length=1)
    um_per_px: float = Field(gt=0.05, lt=20)
    canvas_um_per_px: float = Field(2.0, gt=0.05, lt=50)
    tile_px: int = Field(512, ge=64)
    context_px: int = Field(ge=0, description="px at a tile's border that are not trusted")
    blend_px: int = Field(16, ge=0)
    thresholds: dict[Component, float]
    network: NetworkSpec
    glass_level: int | None = Field(
        None, ge=1, le=255, description="grey that a slide's glass is brought to; None: as it is"
    )
    dyes: DyePair | None = Field(
        None,
        description="optical density of collagen's dye and the other one, to which a slide's own "
        "are turned; None: as they are",
    )
    data: list[DataSource] = Field(min_length=1)
    metrics: list[Metric] = Field(default_factory=list)
    intended_use: str
    failure_modes: list[str] = Field(min_length=1)
    training: dict[str, Any] = Field(default_factory=dict, description="the resolved configuration")
    sha256: dict[str, str] = Field(default_factory=dict, description="file name -> digest")

    @model_validator(mode="before")
    @classmethod
    def _is_readable(cls, values: Any) -> Any:
        """Refuse a later format before its new keys are called misspelt."""
        found = values.get("format_version", _FORMAT) if isinstance(values, dict) else _FORMAT
        if found != _FORMAT:
            raise ValueError(
                f"the bundle has format {found}, this histo reads {_FORMAT}; "
                "install the histo it was made with, or a later one"
            )
        return values

    @model_validator(mode="after")
    def _thresholds_fit(self) -> "Card":
        if set(self.thresholds) != set(self.components):
            raise ValueError("thresholds must name exactly the components")
        if not all(0 < value < 1 for value in self.thresholds.values()):
            raise ValueError("thresholds must lie between 0 and 1")
        require_findable(self.stains, self.glass_level, self.dyes)
        return self


def require_findable(stains: list[Stain], glass_level: int | None, dyes: DyePair | None) -> None:
    """Refuse dyes that no rule finds on a slide, or that come without a light to see them in.

    Raises
    ------
    ValueError
        If there are dyes without a glass level, or for another stain than Masson or PSR.
    """
    if dyes is None:
        return
    if glass_level is None:
        raise ValueError("dyes are turned in an even light: give glass_level as well")
    from histo.stains.collagen_rule import COLLAGEN_STAINS  # SciPy: only where dyes are given

    if len(stains) != 1 or stains[0] not in COLLAGEN_STAINS:
        known = " or ".join(COLLAGEN_STAINS)
        raise ValueError(f"dyes are found on one stain, {known}; leave dyes out")
