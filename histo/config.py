"""Typed settings: frozen, read from YAML, an unknown key is an error."""

import re
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from histo.errors import ConfigError, HistoError
from histo.vocabulary import Component, Device, Marker, Precision, Stain

__all__ = ["InferenceSettings", "Panel", "PanelEntry", "StrictModel", "WarningLimits", "read_yaml"]


class StrictModel(BaseModel):
    """Base of all settings: frozen, no unknown keys, loaded from YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @classmethod
    def from_yaml(cls, path: Path, *, error: type[HistoError] = ConfigError) -> Self:
        """Read and validate a YAML file.

        Raises
        ------
        ConfigError
            (or ``error``) in one sentence, naming the file, the key and the fault.
        """
        return cls.parse(read_yaml(path, error=error), path.name, error=error)

    @classmethod
    def parse(cls, values: Any, where: str, *, error: type[HistoError] = ConfigError) -> Self:
        """Validate a mapping that came from ``where``."""
        try:
            return cls.model_validate(values)
        except ValidationError as fault:
            raise error(f"{where}: {_sentence(fault)}") from fault


def read_yaml(path: Path, *, error: type[HistoError] = ConfigError) -> Any:
    """Read a YAML file; a missing or broken one is a HistoError in one sentence."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise error(f"{path.name} cannot be read ({_reason(fault)}).") from fault
    except yaml.YAMLError as fault:
        place = getattr(fault, "problem_mark", None)
        line = f" at line {place.line + 1}" if place else ""
        raise error(f"{path.name} is not valid YAML{line}.") from fault


def _reason(fault: Exception) -> str:
    return fault.strerror if isinstance(fault, OSError) and fault.strerror else type(fault).__name__


def _sentence(fault: ValidationError) -> str:
    first = fault.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "is not a known key; check its spelling"
    elif first["type"] == "missing":
        message = "is missing"
    elif first["type"] == "model_type":
        message = "expected keys with values"
    more = f" ({fault.error_count() - 1} more faults)" if fault.error_count() > 1 else ""
    return f"{key}: {message}{more}." if key else f"{message}{more}."


class InferenceSettings(StrictModel):
    """How a slide is segmented; results do not depend on tile, batch or threads."""

    tile_px: int | None = Field(None, ge=64, le=8192, description="None: the bundle's own tile")
    batch: int = Field(4, ge=1, le=1024)
    threads: int | None = Field(None, ge=1, le=256, description="reader threads; None: chosen")
    device: Device = Device.AUTO
    precision: Precision = Precision.AUTO
    apply_icc: bool = False


class WarningLimits(StrictModel):
    """From where on a result carries a warning; a panel may set its own."""

    excluded_fraction: float = Field(
        0.30, ge=0, le=1, description="share of tissue excluded: no headline value"
    )
    tissue_mm2: float = Field(1.0, ge=0, description="least measurable tissue")
    tumour_mm2: float = Field(1.0, ge=0, description="least tumour, nests and stroma")
    muscle_share: float = Field(
        0.20, ge=0, le=1, description="muscle and vessel among α-SMA: an upper bound from here"
    )
    threshold_sensitivity: float = Field(
        0.20, ge=0, description="change of a fraction as the threshold moves by 20 %"
    )
    chance_p: float = Field(
        0.05, gt=0, lt=1, description="hot spot compatible with chance from here"
    )
    smallest_profile_um2: float = Field(60.0, gt=0, description="macrophage profile")
    largest_profile_um2: float = Field(500.0, gt=0, description="macrophage profile")


_MARKER_NAMES = {
    Marker.CD68: r"(?i)cd[-_ ]?68(?!\d)",
    Marker.CD163: r"(?i)cd[-_ ]?163(?!\d)",
    Marker.CD204: r"(?i)cd[-_ ]?204(?!\d)",
    Marker.ASMA: r"(?i)(?<![a-z])(a|alpha|α)[-_ ]?sma(?![a-z])",
}


class PanelEntry(StrictModel):
    """Which bundle answers for a stain (and marker), and what its outputs are called."""

    stain: Stain
    marker: Marker | None = None
    bundles: list[str] = Field(min_length=1)
    rename: dict[Component, Component | None] = Field(
        default_factory=dict,
        description="output -> component, e.g. positive: macrophage; null where it means nothing",
    )

    @field_validator("rename")
    @classmethod
    def _centres_stay_centres(
        cls, rename: dict[Component, Component | None]
    ) -> dict[Component, Component | None]:
        """Refuse a map of centres under the name of an area, and the other way round."""
        for output, name in rename.items():
            if name is not None and (output == Component.CELL) != (name == Component.CELL):
                raise ValueError(
                    f"{output} cannot be called {name}: {Component.CELL} holds centres to be "
                    f"counted, every other component an area; use null to leave it out"
                )
        return rename


class Panel(StrictModel):
    """A preset: for each stain and marker the bundles that answer."""

    name: str
    description: str = ""
    entries: list[PanelEntry] = Field(min_length=1)
    marker_names: dict[Marker, str] = Field(
        default_factory=lambda: dict(_MARKER_NAMES),
        description="pattern in the file name of an immunostain -> marker, where none is said",
    )
    warnings: WarningLimits = WarningLimits()

    def marker_of(self, name: str) -> Marker | None:
        """Return the marker a file name speaks of; None for none, or for several."""
        found = [
            marker for marker, pattern in self.marker_names.items() if re.search(pattern, name)
        ]
        return found[0] if len(found) == 1 else None

    def entry(self, stain: Stain, marker: Marker | None) -> PanelEntry | None:
        """Return the entry for that stain and marker, or None where nothing answers."""
        return next((e for e in self.entries if e.stain == stain and e.marker == marker), None)
