"""A bundle over the annotated part of one slide, by the path that scoring takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from histo.config import InferenceSettings
from histo.errors import ConfigError, HistoError
from histo.geometry import Box, Spacing, grid_from_slide
from histo.inference import Target, TilePlan, segment
from histo.nn import Bundle, Predictor, load_predictor
from histo.outputs.case_pictures import CasePicture
from histo.pipeline.naming import naming_for
from histo.pipeline.networks import everywhere, flow_of, plan_bundle
from histo.pipeline.options import Progress, Run, ScoreOptions
from histo.provenance import RunRecord
from histo.slides import Slide
from histo.slides.relit import as_learnt, look_of
from histo.training.evaluation import Judged
from histo.training.evaluation.levels import to_levels
from histo.training.evaluation.truth import (
    Truth,
    annotated_cells,
    known_target,
    read_truth,
    target_spacing,
)
from histo.training.manifests.labels import open_row, row_labels
from histo.training.manifests.manifest import ManifestRow
from histo.vocabulary import Component

__all__ = ["Judge", "outputs_by_label"]

_Pixel = TypeVar("_Pixel", bound=np.generic)

_PICTURE_PX = 640  # longest side of what is kept to be drawn
_THINNED = 8  # of pixels the window is chosen by


@dataclass(frozen=True)
class _Canvas:
    """The frame maps and labels are compared in."""

    shape: tuple[int, int]
    spacing: Spacing


def outputs_by_label(bundle: Bundle, row: ManifestRow) -> dict[Component, Component]:
    """Return what labels of a row may be called, and which output of the bundle each judges.

    Outputs by their own names, and by what the default panel calls them for the row's stain and
    marker: what is ``positive`` on CD68 is judged by labels of macrophages.
    """
    outputs = bundle.card.components
    naming = naming_for(row.stain, ScoreOptions(marker=row.marker))
    labels = {output: output for output in outputs}
    for output in outputs:
        if (called := naming.of(output)) is not None:
            labels.setdefault(called, output)
    return labels


class Judge:
    """Runs a bundle over rows of a manifest, one after the other; the network is loaded once.

    Parameters
    ----------
    bundle
        What is judged.
    root
        Folder that files of the manifest are relative to.
    settings
        Device, precision, tile, batch and threads.
    scratch
        Folder for component maps, which is the caller's to remove.
    tell
        Called with (stage, done, total).
    """

    def __init__(
        self,
        bundle: Bundle,
        root: Path,
        settings: InferenceSettings,
        scratch: Path,
        tell: Progress,
    ) -> None:
        self._bundle = bundle
        self._root = root
        self._settings = settings
        self._scratch = scratch
        self._tell = tell
        self._predictors: dict[int, Predictor] = {}

    def judge(self, row: ManifestRow, number: int) -> tuple[Judged, CasePicture] | None:
        """Return a row's map beside its labels, and its picture; None where nothing is known.

        Parameters
        ----------
        row
            Of a manifest; it has an annotation.
        number
            Its row number, by which reports call it.

        Raises
        ------
        ConfigError
            If the slide, the annotation or the network fails on it, naming the row.
        """
        try:
            with open_row(row, self._root) as slide:
                return self._judged(row, number, slide)
        except HistoError as fault:
            raise ConfigError(f"row {number}: {fault}") from fault

    def _judged(
        self, row: ManifestRow, number: int, slide: Slide
    ) -> tuple[Judged, CasePicture] | None:
        labels = row_labels(row, self._root, slide)
        options = ScoreOptions(mpp=row.mpp, settings=self._settings)
        run = Run(slide, options, RunRecord(), self._tell)
        whole = plan_bundle(run, self._bundle, everywhere(slide))
        canvas = _Canvas(whole.canvas_shape, whole.canvas_spacing)
        if labels is None:
            return None
        wanted = tuple(outputs_by_label(self._bundle, row))
        truth = read_truth(labels, canvas.shape, canvas.spacing, wanted)
        if truth is None:
            return None
        target = Target(known_target(truth, canvas.shape), target_spacing(canvas.spacing))
        plan = plan_bundle(run, self._bundle, target)
        judged = self._compared(row, number, run, plan, truth)
        return judged, _picture(slide, judged, truth)

    def _compared(
        self, row: ManifestRow, number: int, run: Run, plan: TilePlan, truth: Truth
    ) -> Judged:
        slide, predict = run.slide, self._predictor(plan.reduction)
        found = segment(
            as_learnt(slide, slide.glass, look_of(self._bundle.card)),
            plan,
            predict,
            flow_of(self._settings, predict),
            scratch=self._scratch,
            progress=lambda done, total: self._tell(f"row {number}", done, total),
        )
        outputs = outputs_by_label(self._bundle, row)
        cells = annotated_cells(row, self._root, slide.shape, truth.components)

        def plane(output: Component) -> NDArray[np.uint8]:
            place = found.components.index(str(output))
            return np.asarray(found.probability[place][truth.box.slices], dtype=np.uint8)

        origin = np.array([truth.box.row, truth.box.col])
        by_centres = [c for c in cells if c != Component.CELL and Component.CELL in outputs]
        return Judged(
            name=f"row {number}",
            patient=row.patient,
            site=row.site,
            organ=row.organ,
            spacing=found.spacing,
            components=truth.components,
            probability=np.stack([plane(outputs[c]) for c in truth.components]),
            present=truth.present,
            known=truth.known,
            cells={
                component: grid_from_slide(points, slide.spacing, found.spacing) - origin
                for component, points in cells.items()
            },
            centres={component: plane(Component.CELL) for component in by_centres},
        )

    def _predictor(self, reduction: int) -> Predictor:
        if reduction not in self._predictors:
            self._predictors[reduction] = load_predictor(
                self._bundle,
                self._settings,
                reduction=reduction,
                context_px=self._bundle.card.context_px,
            )
        return self._predictors[reduction]


def _picture(slide: Slide, judged: Judged, truth: Truth) -> CasePicture:
    """Return the window with most of what is annotated, as fine as the page can show it."""
    window = _window(judged)
    finer = min(
        max(1, _PICTURE_PX // max(window.shape)),
        max(1, round(judged.spacing.mean / slide.spacing.mean)),
    )
    spacing = judged.spacing.scaled(1 / finer)
    place = window.shift(truth.box.row, truth.box.col)
    fine = Box(*(finer * side for side in (place.row, place.col, place.height, place.width)))
    rows, cols = window.slices

    def enlarged(planes: NDArray[_Pixel]) -> NDArray[_Pixel]:
        return planes[:, rows, cols].repeat(finer, axis=1).repeat(finer, axis=2)

    return CasePicture(
        slide.read(fine, spacing),
        judged.components,
        enlarged(judged.present),
        enlarged(judged.known),
        enlarged(to_levels(judged.probability)),
        spacing.mean,
    )


def _window(judged: Judged) -> Box:
    """Return the box of at most 640 px that holds most of the components, else most labels."""
    height, width = judged.known.shape[1:]
    shape = min(height, _PICTURE_PX), min(width, _PICTURE_PX)
    thin = (slice(None), slice(None, None, _THINNED), slice(None, None, _THINNED))
    weight = judged.known[thin].any(axis=0) * 1.0 + 4.0 * judged.present[thin].any(axis=0)
    side = tuple(-(-length // _THINNED) for length in shape)
    # Sums over all boxes of that shape at once: differences of a summed-area table.
    table = np.pad(weight.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    bands = table[side[0] :] - table[: -side[0]]
    sums = bands[:, side[1] :] - bands[:, : -side[1]]
    row, col = np.unravel_index(int(sums.argmax()), sums.shape)
    top, left = min(int(row) * _THINNED, height - shape[0]), int(col) * _THINNED
    return Box(top, min(left, width - shape[1]), *shape)
