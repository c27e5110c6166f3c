"""One slide, from its path to a folder of results."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from histo.annotations import rasterise, read_regions
from histo.assets import config_path
from histo.config import InferenceSettings, Panel
from histo.errors import AnnotationError, ConfigError, StainError
from histo.inference import (
    ComponentMap,
    FlowSettings,
    Target,
    TileSettings,
    plan_tiles,
    segment,
)
from histo.nn import Bundle, load_bundle, load_predictor
from histo.outputs import (
    SlideDescription,
    SlideResults,
    overview_um_per_px,
    result_folder,
    safe_name,
    write_results,
)
from histo.provenance import RunRecord, slide_fingerprint
from histo.scoring import Score, area_scores, not_measured, warnings_for
from histo.slides import Slide, native_spacing, open_slide
from histo.stains import CLASH_CONFIDENCE, StainGuess, identify_stain
from histo.tissue import TissueMap, tissue_map
from histo.vocabulary import Marker, Stain

__all__ = ["ScoreOptions", "ScoredSlide", "choose_bundles", "score_slide"]

TISSUE_UM_PER_PX = 8.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ScoreOptions:
    """What a user may say of a slide and of the way it is scored."""

    mpp: float | None = None
    stain: Stain | None = None
    marker: Marker | None = None
    panel: str = "default"
    bundles: tuple[str, ...] = ()
    roi: Path | None = None
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    overwrite: bool = False
    force: bool = False


@dataclass(frozen=True)
class ScoredSlide:
    """Where the results of a slide are, and its scores."""

    folder: Path
    scores: list[Score]
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
    record = RunRecord(settings=_settings(options))
    with open_slide(path, mpp=options.mpp, apply_icc=options.settings.apply_icc) as slide:
        name = name or slide.name
        with result_folder(out, name, overwrite=options.overwrite) as folder:
            tell("tissue", 0, 1)
            seen = _survey(slide, path, options, record)
            bundles, notes = choose_bundles(seen.stain, options)
            record.bundles = [_identity(bundle) for bundle in bundles]
            with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
                maps = [
                    _segmented(slide, seen.tissue, bundle, options, Path(scratch), record, tell)
                    for bundle in bundles
                ]
                tell("results", 0, 1)
                for note in [*slide.info.notes, *notes]:
                    record.warn(note)
                scores, warnings = _results(folder, slide, seen, bundles, maps, record)
        return ScoredSlide(out / safe_name(name), scores, warnings)


def choose_bundles(guess: StainGuess, options: ScoreOptions) -> tuple[list[Bundle], list[str]]:
    """Return the bundles that answer for a slide, and what the user should be told.

    The stain is the user's word if given, else what the pixels say. Both must agree where the
    pixels are clear, and the bundle must have learnt that stain; ``force`` goes on all the same.

    Raises
    ------
    StainError
        On a clash, or where nothing answers for the stain.
    """
    stain = options.stain or guess.stain
    notes = []
    if guess.confidence < CLASH_CONFIDENCE:
        if options.stain is None:
            notes.append(
                f"The stain looks like {guess.stain}, but only with confidence "
                f"{guess.confidence:.2f}; say what it is with --stain."
            )
    elif stain != guess.stain:
        clash = (
            f"the slide looks like {guess.stain} (confidence {guess.confidence:.2f}), "
            f"but --stain says {stain}"
        )
        if not options.force:
            raise StainError(f"{clash}; correct --stain, or pass --force to go on.")
        notes.append(f"Forced: {clash}.")
    bundles = [load_bundle(name) for name in options.bundles or _panel_names(stain, options)]
    for bundle in bundles:
        if stain in bundle.card.stains:
            continue
        clash = (
            f"bundle {bundle.card.name} learnt {' and '.join(bundle.card.stains)}, "
            f"but the stain is {stain}"
        )
        if not options.force:
            raise StainError(f"{clash}; choose another --bundle, or pass --force to go on.")
        notes.append(f"Forced: {clash}.")
    return bundles, notes


@dataclass(frozen=True)
class _Survey:
    """What the low-power view told."""

    fingerprint: str
    tissue: TissueMap
    stain: StainGuess
    marker: Marker | None


def _survey(slide: Slide, path: Path, options: ScoreOptions, record: RunRecord) -> _Survey:
    with record.timed("tissue"):
        fingerprint = slide_fingerprint(path)
        view, spacing = slide.thumbnail(TISSUE_UM_PER_PX)
        tissue = tissue_map(view, spacing)
        stain = identify_stain(view, tissue.measurable, tissue.white_point)
        if options.roi is not None:
            tissue = _inside_roi(tissue, slide, options.roi)
    info, own = slide.info, slide.spacing
    record.slide = {
        "fingerprint": fingerprint,
        "size_px": [slide.shape[1], slide.shape[0]],
        "um_per_px": [own.col, own.row],
        "um_per_px_source": own.source,
        "vendor": info.vendor,
        "reader": info.reader,
        "levels": len(slide.levels),
        "icc_profile": info.icc_profile,
        "icc_applied": info.icc_applied,
        "white_point": tissue.white_point.tolist(),
        "stain": {str(kind): round(p, 4) for kind, p in stain.probabilities.items()},
    }
    return _Survey(fingerprint, tissue, stain, options.marker)


def _inside_roi(tissue: TissueMap, slide: Slide, roi: Path) -> TissueMap:
    regions = read_regions(roi, slide.shape)
    shapes = [region.geometry for region in regions]
    inside = rasterise(shapes, tissue.spacing, slide.spacing, tissue.tissue.shape)
    kept = tissue.tissue & inside
    if not kept.any():
        raise AnnotationError(f"no tissue lies inside the regions of {roi.name}.")
    return replace(tissue, tissue=kept, exclusion=np.where(kept, tissue.exclusion, np.uint8(0)))


def _panel_names(stain: Stain, options: ScoreOptions) -> list[str]:
    panel = Panel.from_yaml(config_path(options.panel))
    entry = panel.entry(stain, options.marker)
    if entry is None:
        marker = f" with marker {options.marker}" if options.marker else ""
        known = ", ".join(f"{e.stain}{f' {e.marker}' if e.marker else ''}" for e in panel.entries)
        raise StainError(
            f"no bundle of the panel '{panel.name}' answers for {stain} slides{marker} "
            f"(it has: {known}); give one with --bundle, or the true stain with --stain."
        )
    return entry.bundles


def _segmented(
    slide: Slide,
    tissue: TissueMap,
    bundle: Bundle,
    options: ScoreOptions,
    scratch: Path,
    record: RunRecord,
    tell: Progress,
) -> ComponentMap:
    """Run one bundle over the tissue of a slide."""
    card, settings = bundle.card, options.settings
    grid = native_spacing(slide, card.um_per_px)
    reduction = max(1, round(card.canvas_um_per_px / grid.mean))
    with record.timed("load network"):
        predict = load_predictor(bundle, settings, reduction=reduction)
    tiles = TileSettings(settings.tile_px or card.tile_px, card.context_px, card.blend_px)
    plan = plan_tiles(
        slide.frame_shape(grid),
        grid,
        Target(tissue.measurable, tissue.spacing),
        tiles,
        reduction=reduction,
        stride_px=predict.stride,
    )
    with record.timed("segment"):
        found = segment(
            slide,
            plan,
            predict,
            FlowSettings(batch=settings.batch, threads=settings.threads or 2),
            scratch=scratch,
            progress=lambda done, total: tell(card.name, done, total),
        )
    record.settings[card.name] = {
        "backend": predict.name,
        "grid_um_per_px": grid.pair,
        "canvas_um_per_px": found.spacing.pair,
        "tiles": len(plan),
        "tile_px": plan.tile_px,
        "context_px": plan.context_px,
    }
    return found


def _results(
    folder: Path,
    slide: Slide,
    seen: _Survey,
    bundles: list[Bundle],
    maps: list[ComponentMap],
    record: RunRecord,
) -> tuple[list[Score], list[str]]:
    thresholds = {str(k): v for b in bundles for k, v in b.card.thresholds.items()}
    component_map = _merged(maps)
    with record.timed("scores"):
        scores = area_scores(seen.tissue, component_map, thresholds)
        cautions = warnings_for(scores)
    for caution in cautions:
        record.warn(caution.message)
    described = SlideDescription(
        fingerprint=seen.fingerprint,
        shape=slide.shape,
        spacing=slide.spacing,
        stain=str(seen.stain.stain),
        stain_confidence=seen.stain.confidence,
        marker=seen.marker,
    )
    with record.timed("overview view"):
        thumbnail, _ = slide.thumbnail(overview_um_per_px(described))
    results = SlideResults(
        slide=described,
        scores=scores,
        tissue_map=seen.tissue,
        thumbnail=thumbnail,
        component_map=component_map,
        thresholds=thresholds,
        not_measured=not_measured(component_map.components),
        warnings=cautions,
        bundles=record.bundles,
        run=record,
    )
    write_results(folder, results)
    return scores, list(record.warnings)


def _merged(maps: list[ComponentMap]) -> ComponentMap:
    """Put the components of several bundles on one canvas."""
    first = maps[0]
    if len(maps) == 1:
        return first
    if any(one.shape != first.shape or one.spacing.pair != first.spacing.pair for one in maps):
        raise ConfigError(
            "the bundles write canvases of different µm/px and cannot be combined; "
            "give one --bundle, or bundles of the same canvas_um_per_px."
        )
    names = tuple(name for one in maps for name in one.components)
    if len(set(names)) != len(names):
        raise ConfigError("two bundles give the same component; give one --bundle for each.")
    return ComponentMap(np.concatenate([one.probability for one in maps]), names, first.spacing)


def _settings(options: ScoreOptions) -> dict[str, object]:
    return {
        "mpp": options.mpp,
        "stain": options.stain,
        "marker": options.marker,
        "panel": options.panel if not options.bundles else None,
        "roi": options.roi is not None,
        "force": options.force,
        **options.settings.model_dump(),
    }


def _identity(bundle: Bundle) -> dict[str, str]:
    return {
        "name": bundle.card.name,
        "version": bundle.card.version,
        "sha256": bundle.sha256,
        "licence": bundle.card.licence,
    }
