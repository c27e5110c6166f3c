"""What a user may say of a slide and of the way it is scored; what every step of that needs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from histo.assets import config_path
from histo.config import InferenceSettings, Panel
from histo.provenance import RunRecord
from histo.slides import Slide
from histo.vocabulary import Marker, Stain

__all__ = ["Progress", "Run", "ScoreOptions"]

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


@dataclass(frozen=True)
class ScoreOptions:
    """What a user may say of a slide and of the way it is scored.

    Attributes
    ----------
    mpp
        µm/px of level 0 that counts before the slide's own.
    stain, marker
        What the section is; a stain that is not said is identified from the pixels.
    panel
        Name or file of the preset that names the bundles for a stain and marker.
    bundles
        Names or folders of bundles, instead of the panel's.
    roi
        GeoJSON of regions; only tissue inside is scored.
    fibre_fields
        Fields in which the architecture of collagen is measured, at most; 0 leaves it out.
    settings
        Device, precision, tile, batch and threads.
    overwrite
        Replace an earlier result of the same name.
    force
        Go on where stains clash; the clash is recorded.
    """

    mpp: float | None = None
    stain: Stain | None = None
    marker: Marker | None = None
    panel: str = "default"
    bundles: tuple[str, ...] = ()
    roi: Path | None = None
    fibre_fields: int = 12
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    overwrite: bool = False
    force: bool = False

    def read_panel(self) -> Panel:
        """Return the preset.

        Raises
        ------
        ConfigError
            If there is no such panel, or it is at fault.
        """
        return Panel.from_yaml(config_path(self.panel))

    def as_record(self) -> dict[str, object]:
        """Return what ``run.json`` says of the options: no path is in it."""
        return {
            "mpp": self.mpp,
            "stain": self.stain,
            "marker": self.marker,
            "panel": None if self.bundles else Path(self.panel).stem,
            "roi": self.roi is not None,
            "fibre_fields": self.fibre_fields,
            "force": self.force,
            **self.settings.model_dump(),
        }


@dataclass(frozen=True)
class Run:
    """One slide being scored: what every step needs."""

    slide: Slide
    options: ScoreOptions
    record: RunRecord
    tell: Progress
