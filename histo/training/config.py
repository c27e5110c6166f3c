"""What a training run is made of; one YAML file, no unknown keys."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from histo.config import StrictModel
from histo.nn.card import DataSource, NetworkSpec, require_findable
from histo.stains import Dye
from histo.stains.simulate import SimulationSpec
from histo.stains.vectors import DyePair
from histo.vocabulary import Component, Marker, Stain

__all__ = [
    "AugmentationConfig",
    "CardText",
    "CounterConfig",
    "LabelConfig",
    "OptimConfig",
    "PaintedData",
    "ShgData",
    "SlideData",
    "TrainingConfig",
]


class LabelConfig(StrictModel):
    """How a second-harmonic-generation image becomes a label of fibrillar collagen."""

    smooth_px: float = Field(1.0, ge=0, description="Gaussian sigma before anything else")
    gamma: float = Field(
        0.5,
        gt=0,
        le=2,
        description="SHG intensity grows with the square of fibril density; 0.5 undoes it",
    )
    reach_px: int = Field(2, ge=0, le=16, description="registration error the loss forgives")
    background_weight: float = Field(0.2, ge=0, le=1, description="weight of glass around a core")
    correlation: float = Field(0.0, ge=0, description="weight of 1 - r beside the entropy's 1")
    correlation_px: float = Field(2.0, gt=0, description="sigma at which r is taken")


class AugmentationConfig(StrictModel):
    """Ranges of the random changes a crop goes through."""

    scale: tuple[float, float] = (0.75, 1.35)
    dyes: tuple[()] | tuple[Dye, Dye] = Field(
        (Dye.HAEMATOXYLIN, Dye.EOSIN),
        description="whose amounts and vectors vary; none: any colour, for stains without a pair",
    )
    stain_gain: float = Field(0.35, ge=0, le=1, description="spread of stain amounts")
    stain_vector: float = Field(0.06, ge=0, le=1, description="spread of stain vectors")
    white_shift: float = Field(0.12, ge=0, le=1, description="spread of the white point")
    blur_px: float = Field(1.2, ge=0)
    sharpen: float = Field(0.0, ge=0, le=1, description="most weight of an unsharp mask")
    noise: float = Field(0.03, ge=0, le=1)
    jpeg_quality: tuple[int, int] = (40, 95)
    elastic_px: float = Field(0.0, ge=0)


class OptimConfig(StrictModel):
    """Optimiser, schedule, length, and what is looked at and kept on the way."""

    steps: int = Field(1500, ge=1)
    batch: int = Field(16, ge=1, description="samples a step, over all processes")
    crop_px: int = Field(256, ge=64)
    lr: float = Field(2e-3, gt=0)
    encoder_lr_share: float = Field(0.25, gt=0, le=1)
    weight_decay: float = Field(1e-2, ge=0)
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    warmup_share: float = Field(0.1, ge=0, lt=1)
    dice_weight: float = Field(0.3, ge=0)
    ema_decay: float = Field(0.99, ge=0, lt=1)
    validate_every: int = Field(0, ge=0, description="steps; 0: once an epoch")
    patience: int = Field(0, ge=0, description="validations without gain before an end; 0: none")
    keep: Literal["best", "last"] = "best"
    checkpoint_every: int = Field(200, ge=1, description="steps")
    compile: bool = False
    workers: int = Field(0, ge=0, description="loader processes a training")
    jobs: int = Field(2, ge=1, description="folds trained side by side, sharing the CPU threads")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"

    @field_validator("precision", mode="before")
    @classmethod
    def _short_precision(cls, value: object) -> object:
        """Take ``32``, ``bf16`` and ``16`` for what they mean."""
        return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}.get(str(value), value)


class CounterConfig(StrictModel):
    """Tissue where the component is known to be absent: evaluated, and taught if so wished."""

    manifest: str
    share: float = Field(0.0, ge=0, lt=1, description="share of crops drawn from it")


class CardText(StrictModel):
    """What the bundle's card says that no measurement can."""

    version: str
    summary: str
    licence: str
    stains: list[Stain]
    markers: list[Marker] = Field(default_factory=list)
    um_per_px: float
    canvas_um_per_px: float = 2.0
    tile_px: int = 512
    context_px: int
    blend_px: int = 16
    glass_level: int | None = Field(None, ge=1, le=255)
    dyes: DyePair | None = None
    data: list[DataSource]
    intended_use: str
    failure_modes: list[str]

    @model_validator(mode="after")
    def _dyes_are_found(self) -> Self:
        require_findable(self.stains, self.glass_level, self.dyes)
        return self


class ShgData(StrictModel):
    """Tissue-microarray cores with second-harmonic generation of the same section."""

    kind: Literal["shg"]
    manifest: str
    counter_examples: CounterConfig | None = None
    folds: int = Field(5, ge=2)
    label: LabelConfig = LabelConfig()


class SlideData(StrictModel):
    """Slides and annotations named by a manifest."""

    kind: Literal["slides"]
    manifest: str = Field(description="one that ships, or the path of a CSV file")
    folds: int = Field(0, ge=0, description="by patient; 0: the manifest's own train, val, test")
    epoch: int = Field(2000, ge=1, description="samples an epoch")
    validation: int = Field(64, ge=1, description="fixed samples that are watched in training")
    absent_share: float = Field(0.25, ge=0, le=1)
    hard_share: float = Field(0.0, ge=0, le=1)
    glass_share: float = Field(0.0, ge=0, le=1)
    open_slides: int = Field(8, ge=1)
    stretch: int = Field(0, ge=0)
    draw_by: Literal["patient", "site"] = Field("patient", description="who is drawn alike")
    focal_gamma: float = Field(0.0, description="0: cross-entropy; 1 or more: focal loss")
    present_weights: dict[Component, float] = Field(
        default_factory=dict, description="how much more a pixel counts where a component is"
    )
    rules: dict[Component, Literal["haematoxylin", "collagen"]] = Field(
        default_factory=dict, description="the simple rule that the figures stand beside"
    )


class PaintedData(StrictModel):
    """Stain painted on real tissue, with the truth known: `histo.stains.simulate`."""

    kind: Literal["painted"]
    manifest: str
    paint_um_per_px: float = Field(0.5, ge=0.2, le=1.2, description="spacing of the painting")
    windows: int = Field(160, ge=1, description="pieces of tissue that are painted on")
    paintings: int = Field(1600, ge=1, description="different paintings; each is changed anew")
    judged: int = Field(96, ge=1, description="paintings for validation, and as many for the test")
    brown_share: float = Field(0.001, ge=0, le=1, description="most brown a piece may have had")
    focal_gamma: float = Field(0.0, description="0: cross-entropy; 1 or more: focal loss")
    present_weights: dict[Component, float] = Field(
        default_factory=dict, description="how much more a pixel counts where a component is"
    )
    simulation: SimulationSpec = SimulationSpec()
    controls: str | None = Field(None, description="cells counted by hand, to check with")


class TrainingConfig(StrictModel):
    """One experiment."""

    name: str
    seed: int = 0
    components: list[Component] = Field(min_length=1)
    data: Annotated[ShgData | SlideData | PaintedData, Field(discriminator="kind")]
    imagenet_weights: str | None = Field(None, description="file, relative to the data folder")
    network: NetworkSpec
    augmentation: AugmentationConfig = AugmentationConfig()
    optim: OptimConfig = OptimConfig()
    card: CardText
