"""Everything known about a scored slide, and the folder it becomes."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring import (
    ComponentProbabilities,
    NotMeasured,
    Score,
    ScoreWarning,
    TissueMasks,
)
from histo.vocabulary import Component

__all__ = ["RunLike", "SlideDescription", "SlideResults", "write_results"]

_WRITERS = 2


@dataclass(frozen=True)
class SlideDescription:
    """What the outputs say about the slide itself: nothing that names it.

    Attributes
    ----------
    fingerprint
        Hash of its content (:func:`histo.provenance.slide_fingerprint`).
    shape
        (height, width) of level 0, pixels.
    spacing
        µm/px of level 0 and where the number comes from.
    stain, stain_confidence
        What its pixels look like (0 to 1), None if not asked.
    marker
        What the brown stands for, as the user said; None for other stains.
    """

    fingerprint: str
    shape: tuple[int, int]
    spacing: Spacing
    stain: str | None = None
    stain_confidence: float | None = None
    marker: str | None = None


class RunLike(Protocol):
    """The record of a run: :class:`histo.provenance.RunRecord`."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""


@dataclass(frozen=True)
class SlideResults:
    """All there is to write about one slide.

    Attributes
    ----------
    slide
        The slide, without its name.
    scores, not_measured, warnings
        As :mod:`histo.scoring` gives them.
    tissue_map
        Masks of tissue and exclusion, at their own spacing.
    component_map
        Probability of each component; None where nothing answered.
    thresholds
        For each component the probability from which a pixel counts.
    cells
        For each component whose cells were counted their centres, ndarray of float64, shape
        (N, 2): (row, col) in pixels of the component map.
    thumbnail : ndarray of uint8, shape (H, W, 3)
        The whole slide for the overview; :func:`histo.outputs.overview_um_per_px` says how fine.
    bundles
        Name, version and sha256 of every bundle that answered.
    run
        The record of the run; None writes no ``run.json``.
    """

    slide: SlideDescription
    scores: Sequence[Score]
    tissue_map: TissueMasks
    thumbnail: NDArray[np.uint8]
    component_map: ComponentProbabilities | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    cells: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    not_measured: Sequence[NotMeasured] = ()
    warnings: Sequence[ScoreWarning] = ()
    bundles: Sequence[Mapping[str, Any]] = ()
    run: RunLike | None = None

    @property
    def areas(self) -> list[tuple[int, str]]:
        """Plane and name of each component to be drawn; centres of cells have no area."""
        names = () if self.component_map is None else self.component_map.components
        return [(plane, name) for plane, name in enumerate(names) if name != Component.CELL]


def write_results(folder: Path, results: SlideResults) -> list[Path]:
    """Write every file of a result into an existing folder.

    Wrap it in :func:`histo.outputs.result_folder`, so that the folder appears complete or not
    at all. ``run.json`` comes last: it may time the other files if the caller's record does.

    Parameters
    ----------
    folder
        Where to write.
    results
        What to write.

    Returns
    -------
    list of Path
        ``scores.json``, ``scores.csv``, ``regions.geojson``, ``components.ome.tif`` (only with a
        component map), ``overview.png`` and ``run.json`` (only with a record).
    """
    # Imported here: shapely, Pillow and tifffile are not needed to reach the first tile.
    from histo.outputs.component_tiff import write_component_tiff
    from histo.outputs.overview import write_overview
    from histo.outputs.regions import write_regions
    from histo.outputs.scores_csv import write_scores_csv
    from histo.outputs.scores_json import write_scores_json

    writers: dict[str, Callable[[Path], object]] = {
        "scores.json": partial(write_scores_json, results=results),
        "scores.csv": partial(write_scores_csv, results=results),
        "regions.geojson": partial(write_regions, results=results),
        "overview.png": partial(write_overview, results=results),
    }
    if results.component_map is not None:
        writers["components.ome.tif"] = partial(
            write_component_tiff,
            component_map=results.component_map,
            tissue_map=results.tissue_map,
        )
    _write_side_by_side(folder, writers)
    if results.run is None:
        return [folder / name for name in writers]
    _write_run(folder / "run.json", results.run)
    return [folder / name for name in (*writers, "run.json")]


def _write_side_by_side(folder: Path, writers: Mapping[str, Callable[[Path], object]]) -> None:
    """Write the files in threads: compression and NumPy leave the interpreter to others."""
    with ThreadPoolExecutor(_WRITERS) as pool:
        waiting = [pool.submit(write, folder / name) for name, write in writers.items()]
        for written in waiting:
            written.result()


def _write_run(path: Path, run: RunLike) -> None:
    text = json.dumps(run.as_dict(), indent=2, ensure_ascii=False, default=str)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
