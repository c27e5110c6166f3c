"""The recipe: path, slide, survey, bundles, component map, scores, folder."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from histo.inference import ComponentMap
from histo.nn import Bundle
from histo.outputs import (
    SlideDescription,
    SlideResults,
    result_folder,
    safe_name,
    write_results,
)
from histo.pipeline.ahead import Ahead, ahead_of_results
from histo.pipeline.answering import choose_bundles, marker_of
from histo.pipeline.naming import naming_for
from histo.pipeline.networks import early_networks
from histo.pipeline.options import Progress, Run, ScoreOptions
from histo.pipeline.scores import score_map
from histo.pipeline.segmentation import plan_jobs, run_jobs
from histo.pipeline.survey import SlideSurvey, survey_slide
from histo.provenance import RunRecord, slide_fingerprint
from histo.scoring import NotMeasured, Score, not_measured, warnings_for
from histo.slides import open_slide
from histo.vocabulary import Component

__all__ = ["ScoredSlide", "score_slide"]


@dataclass(frozen=True)
class ScoredSlide:
    """Where the results of a slide are, its scores, and what it has no score for."""

    folder: Path
    scores: list[Score]
    not_measured: list[NotMeasured]
    warnings: list[str]


def score_slide(
    path: str | Path,
    out: str | Path,
    options: ScoreOptions | None = None,
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> ScoredSlide:
    """Score one slide and write its folder of results: complete, or not at all.

    Parameters
    ----------
    path
        A slide in any format :func:`histo.slides.open_slide` reads.
    out
        Folder the result folder is made in.
    options
        What is known of the slide, and how it is scored.
    name
        Name of the result folder; the slide's own by default.
    progress
        Called with (stage, done, total).

    Raises
    ------
    HistoError
        In one sentence, whatever a user can mend: the slide, its µm/px, its stain, the bundle,
        the device, the place for the results.
    """
    path, out, options = Path(path), Path(out), options or ScoreOptions()
    tell = progress or (lambda _stage, _done, _total: None)
    with open_slide(path, mpp=options.mpp, apply_icc=options.settings.apply_icc) as slide:
        name = name or slide.name
        record = RunRecord(settings=options.as_record())
        record.slide["fingerprint"] = slide_fingerprint(path)
        with result_folder(out, name, overwrite=options.overwrite) as folder:
            results = _score_into(folder, Run(slide, options, record, tell))
    return ScoredSlide(out / safe_name(name), *results, list(record.warnings))


def _score_into(folder: Path, run: Run) -> tuple[list[Score], list[NotMeasured]]:
    run.tell("tissue", 0, 1)
    with early_networks(run) as networks:
        with run.record.timed("tissue"):
            seen = survey_slide(run.slide, run.options.roi)
        run = _with_marker(run, seen)
        bundles, notes = choose_bundles(seen.stain, run.options)
        naming = naming_for(run.options.stain or seen.stain.stain, run.options)
        jobs = plan_jobs(run, seen.tissue, bundles, networks)
    run.record.slide |= seen.as_record(run.slide)
    run.record.bundles = [_identity(bundle) for bundle in bundles]
    for note in [*run.slide.info.notes, *notes]:
        run.record.warn(note)
    thresholds = naming.thresholds(bundles)
    with _scratch(folder) as scratch, ahead_of_results(run.slide, _described(run, seen)) as ahead:
        watched = replace(run, tell=ahead.after_first_tile(run.tell))
        return _write(
            folder, run, seen, thresholds, run_jobs(watched, jobs, naming, scratch), ahead
        )


def _with_marker(run: Run, seen: SlideSurvey) -> Run:
    marker = marker_of(run.slide.name, seen.stain, run.options)
    if marker == run.options.marker:
        return run
    run.record.warn(f"The file's name says {marker}; give --marker if it is another.")
    run.record.settings["marker"] = marker
    return replace(run, options=replace(run.options, marker=marker))


def _described(run: Run, seen: SlideSurvey) -> SlideDescription:
    slide = run.slide
    return SlideDescription(
        fingerprint=run.record.slide["fingerprint"],
        shape=slide.shape,
        spacing=slide.spacing,
        stain=str(seen.stain.stain),
        stain_confidence=seen.stain.confidence,
        marker=run.options.marker,
    )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Lend a folder for the component map's file.

    Windows removes no file that is mapped, and the frames of a fault hold the map: they are
    cleared before the folder goes.
    """
    with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
        try:
            yield Path(name)
        except BaseException as fault:
            link: BaseException | None = fault
            while link is not None:
                traceback.clear_frames(link.__traceback__)
                link = link.__cause__ or link.__context__
            raise


def _write(
    folder: Path,
    run: Run,
    seen: SlideSurvey,
    thresholds: dict[str, float],
    found: ComponentMap,
    ahead: Ahead,
) -> tuple[list[Score], list[NotMeasured]]:
    """Score the component map and write every file of the result."""
    record = run.record
    run.tell("results", 0, 1)
    with record.timed("scores"):
        scored = score_map(run, seen, found, thresholds)
        scores, cells = scored.scores, scored.cells
        cautions = warnings_for(scores, run.options.read_panel().warnings)
    for caution in cautions:
        record.warn(caution.message)
    missing = not_measured(found.components)
    with record.timed("overview view"):
        view = ahead.view()
    results = SlideResults(
        slide=ahead.described,
        scores=scores,
        tissue_map=seen.tissue,
        thumbnail=view,
        component_map=found,
        thresholds=thresholds,
        cells={} if cells is None else {Component.MACROPHAGE: cells.points},
        not_measured=missing,
        warnings=cautions,
        bundles=record.bundles,
        run=record,
    )
    write_results(folder, results)
    return scores, missing


def _identity(bundle: Bundle) -> dict[str, str]:
    return {
        "name": bundle.card.name,
        "version": bundle.card.version,
        "sha256": bundle.sha256,
        "licence": bundle.card.licence,
    }
