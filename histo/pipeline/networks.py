"""Networks, loaded while the slide is surveyed: once its stain is known, one is ready to run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from histo.config import InferenceSettings
from histo.errors import HistoError
from histo.geometry import Spacing
from histo.inference import FlowSettings, Target, TilePlan, TileSettings, plan_tiles
from histo.inference.workers import Workers
from histo.nn import Bundle, Predictor, load_predictor
from histo.pipeline.answering import choose_bundles, marker_of
from histo.pipeline.options import Run
from histo.slides import Slide, native_spacing
from histo.stains import StainGuess
from histo.vocabulary import Stain

__all__ = ["Networks", "early_networks", "everywhere", "flow_of", "plan_bundle"]

_READER_THREADS = 2


class Networks:
    """The networks of a run, those that will probably be asked for already under way.

    Parameters
    ----------
    run
        The slide being scored.
    loader
        The thread that loads them.
    """

    def __init__(self, run: Run, loader: Workers) -> None:
        self._run = run
        self._early = {
            bundle.folder: loader.submit(partial(_loaded, run, bundle)) for bundle in _expected(run)
        }

    def get(self, bundle: Bundle) -> Predictor:
        """Return the network of a bundle, waiting for it if need be.

        Raises
        ------
        BundleError, BackendError
            If it cannot be loaded.
        """
        early = self._early.get(bundle.folder)
        return _loaded(self._run, bundle) if early is None else early.result()


@contextmanager
def early_networks(run: Run) -> Iterator[Networks]:
    """Begin to load the networks that will answer if the slide is what it is said to be.

    On leaving, what is under way is waited for: a process does not end well in a compiler.
    """
    with Workers(1, "load") as loader:
        yield Networks(run, loader)


def _expected(run: Run) -> list[Bundle]:
    """Return the bundles for the stain that was said, for H-DAB where a marker was, else for H&E.

    What is wrong with them shows later.
    """
    options, name = run.options, run.slide.name
    try:
        marker = marker_of(name, StainGuess(options.stain or Stain.HDAB, 0.0, {}), options)
        stain = options.stain or (Stain.HE if marker is None else Stain.HDAB)
        return choose_bundles(StainGuess(stain, 0.0, {}), replace(options, marker=marker))[0]
    except HistoError:
        return []


def _loaded(run: Run, bundle: Bundle) -> Predictor:
    """Load a network and have it compiled for the tiles it may get."""
    plan = plan_bundle(run, bundle, everywhere(run.slide))
    predict = load_predictor(
        bundle,
        run.options.settings,
        reduction=plan.reduction,
        context_px=bundle.card.context_px,
    )
    predict.prepare(plan.tile_px, plan.tile_px)
    return predict


def everywhere(slide: Slide) -> Target:
    """Return a target that is the whole slide."""
    (height, width), own = slide.shape, slide.spacing
    return Target(np.ones((1, 1), np.bool_), Spacing(height * own.row, width * own.col))


def flow_of(settings: InferenceSettings, predict: Predictor) -> FlowSettings:
    """Return how the work is spread: as asked for, in as many lanes as the network has."""
    return FlowSettings(
        batch=settings.batch,
        threads=settings.threads or _READER_THREADS,
        lanes=predict.lanes,
    )


def plan_bundle(run: Run, bundle: Bundle, target: Target) -> TilePlan:
    """Plan the tiles of a bundle over a target.

    The canvas is fitted to the slide's own pixels first and the grid is a whole part of it, so
    that bundles of one canvas but different grids can be combined on every slide.

    Raises
    ------
    ConfigError
        If a tile is too small for its context.
    """
    card, settings = bundle.card, run.options.settings
    reduction = max(1, round(card.canvas_um_per_px / card.um_per_px))
    grid = native_spacing(run.slide, reduction * card.um_per_px).scaled(1 / reduction)
    return plan_tiles(
        run.slide.frame_shape(grid),
        grid,
        target,
        TileSettings(settings.tile_px or card.tile_px, card.context_px, card.blend_px),
        reduction=reduction,
        stride_px=card.network.stride_px,
    )
