"""Bundles over the tissue of a slide: planned together, run one after the other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from histo.errors import ConfigError
from histo.inference import ComponentMap, Readable, Target, TilePlan, segment
from histo.nn import Bundle, Predictor
from histo.pipeline.naming import Naming
from histo.pipeline.networks import Networks, flow_of, plan_bundle
from histo.pipeline.options import Run
from histo.slides.relit import look_of, recoloured
from histo.tissue import TissueMap

__all__ = ["Job", "plan_jobs", "run_jobs"]


@dataclass(frozen=True)
class Job:
    """A bundle, ready to run over a slide, in the light it learnt to see."""

    source: Readable
    bundle: Bundle
    predict: Predictor
    plan: TilePlan

    def as_record(self) -> dict[str, object]:
        """Return what ``run.json`` says of it."""
        return {
            "backend": self.predict.name,
            "grid_um_per_px": self.plan.spacing.pair,
            "canvas_um_per_px": self.plan.canvas_spacing.pair,
            "tiles": len(self.plan),
            "tile_px": self.plan.tile_px,
            "network_mpx": round(self.plan.network_px * 1e-6, 3),
            "context_px": self.plan.context_px,
            "glass_level": self.bundle.card.glass_level,
            "dyes": self.bundle.card.dyes,
        }


def plan_jobs(run: Run, tissue: TissueMap, bundles: list[Bundle], networks: Networks) -> list[Job]:
    """Plan the tiles of all bundles and get their networks, before any runs for hours.

    Raises
    ------
    BundleError, BackendError
        If a network cannot be loaded.
    ConfigError
        If a tile is too small for its context, or the bundles' canvases do not fit together.
    """
    target = Target(tissue.measurable, tissue.spacing)
    plans = [plan_bundle(run, bundle, target) for bundle in bundles]
    if len({(plan.canvas_shape, plan.canvas_spacing.pair) for plan in plans}) > 1:
        raise ConfigError(
            "the bundles write canvases of different µm/px and cannot be combined; "
            "give one --bundle, or bundles of the same canvas_um_per_px."
        )
    with run.record.timed("load network"):
        predictors = [networks.get(bundle) for bundle in bundles]
    sources = [_source(run, tissue, bundle) for bundle in bundles]
    return [Job(*parts) for parts in zip(sources, bundles, predictors, plans, strict=True)]


def run_jobs(run: Run, jobs: list[Job], naming: Naming, scratch: Path) -> ComponentMap:
    """Run the networks over their tiles and put their components on one canvas."""
    maps = [_component_map(run, job, naming, scratch) for job in jobs]
    if len(maps) == 1:
        return maps[0]
    probability = np.concatenate([one.probability for one in maps])
    names = tuple(name for one in maps for name in one.components)
    return ComponentMap(probability, names, maps[0].spacing, maps[0].plan)


def _source(run: Run, tissue: TissueMap, bundle: Bundle) -> Readable:
    look = look_of(bundle.card)
    change = look.recolouring(run.slide, tissue.white_point)
    if look.dyes is not None and (change is None or not change.turns_dyes):
        run.record.warn(
            f"Bundle {bundle.card.name} turns a slide's two dyes to those it learnt, and this "
            "slide does not show two; its colours were taken as they are."
        )
    return recoloured(run.slide, change)


def _component_map(run: Run, job: Job, naming: Naming, scratch: Path) -> ComponentMap:
    settings, name = run.options.settings, job.bundle.card.name
    run.record.settings[name] = {**job.as_record(), "outputs": naming.as_record(job.bundle)}
    with run.record.timed("segment"):
        found = segment(
            job.source,
            job.plan,
            naming.apply(job.predict),
            flow_of(settings, job.predict),
            scratch=scratch,
            progress=lambda done, total: run.tell(name, done, total),
        )
    job.predict.release_memory()  # scores and results come next: they need not lie on top of it
    return found
