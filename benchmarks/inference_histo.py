"""One run of histo, or of its network alone, timed. Started by ``inference.py``."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from inference_process import answer, clocked
from numpy.typing import NDArray

from histo.config import InferenceSettings
from histo.errors import BackendError
from histo.inference import FlowSettings, Target, TilePlan, TileSettings, plan_tiles, read_batches
from histo.nn import load_bundle, load_predictor
from histo.nn.bundle import GRAPH
from histo.pipeline import ScoreOptions, score_slide, survey_slide
from histo.slides import native_spacing, open_slide
from histo.vocabulary import Stain


def whole(job: dict[str, Any]) -> dict[str, Any]:
    """Score a slide as the command does: from its path to the folder of results.

    Returns
    -------
    dict
        The clock of all of it, the seconds of each stage from ``run.json``, the plan's tiles.
    """
    out = Path(job["folder"]) / "results"
    rmtree(out, ignore_errors=True)
    with clocked() as clock:
        scored = score_slide(job["slide"], out, _options(job))
    record = json.loads((scored.folder / "run.json").read_text(encoding="utf-8"))
    planned = record["settings"][load_bundle(job["bundle"]).card.name]
    rmtree(out)
    return {
        **clock.as_dict(),
        "stages_s": record["timings_s"],
        "tiles": planned["tiles"],
        "tile_px": planned["tile_px"],
        "network_mpx": planned["network_mpx"],
        "backend": planned["backend"],
        "versions": record["versions"],
    }


def forward(job: dict[str, Any]) -> dict[str, Any]:
    """Run the network alone over the very tiles histo plans, all in memory beforehand.

    As many calls side by side as histo makes: no core waits for the last tile of a batch.
    """
    plan, batches = _read_tiles(job)
    bundle = load_bundle(job["bundle"])
    predict = load_predictor(
        bundle,
        _options(job).settings,
        reduction=plan.reduction,
        context_px=bundle.card.context_px,
    )
    predict.prepare(plan.tile_px, plan.tile_px)
    predict(batches[0])
    with ThreadPoolExecutor(predict.lanes) as lanes, clocked() as clock:
        for _ in lanes.map(predict, batches):
            pass
    return {**clock.as_dict(), **_tiles_of(plan), "backend": predict.name}


def exported(job: dict[str, Any]) -> dict[str, Any]:
    """Run the exported graph over the same tiles with OpenVINO alone, as anyone would."""
    import openvino as ov

    plan, batches = _read_tiles(job)
    core = ov.Core()
    model = core.read_model(str(load_bundle(job["bundle"]).file(GRAPH)))
    sides = [ov.Dimension(1, plan.tile_px)] * 2
    model.reshape(ov.PartialShape([1, *sides, 3]))
    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": job["precision"]}
    queue = ov.AsyncInferQueue(core.compile_model(model, "CPU", hints))
    with clocked() as clock:
        for pixels in batches:
            for tile in pixels:
                queue.start_async({0: tile[None]})
        queue.wait_all()
    return {**clock.as_dict(), **_tiles_of(plan), "backend": f"openvino cpu {job['precision']}"}


def _read_tiles(job: dict[str, Any]) -> tuple[TilePlan, list[NDArray[np.uint8]]]:
    """Plan as the pipeline does and read every tile, in batches (N, height, width, 3)."""
    card, settings = load_bundle(job["bundle"]).card, _options(job).settings
    with open_slide(job["slide"]) as slide:
        tissue = survey_slide(slide).tissue
        grid = native_spacing(slide, card.um_per_px)
        plan = plan_tiles(
            slide.frame_shape(grid),
            grid,
            Target(tissue.measurable, tissue.spacing),
            TileSettings(settings.tile_px or card.tile_px, card.context_px, card.blend_px),
            reduction=max(1, round(card.canvas_um_per_px / grid.mean)),
            stride_px=card.network.stride_px,
        )
        flow = FlowSettings(batch=settings.batch)
        return plan, [batch.pixels for batch in read_batches(slide, plan, flow)]


def _tiles_of(plan: TilePlan) -> dict[str, float]:
    return {
        "tiles": len(plan),
        "tile_px": plan.tile_px,
        "network_mpx": round(plan.network_px * 1e-6, 3),
    }


def _options(job: dict[str, Any]) -> ScoreOptions:
    names = ("device", "precision", "batch", "tile_px", "threads")
    given = {name: job[name] for name in names if job.get(name) is not None}
    settings = InferenceSettings.model_validate(given)
    return ScoreOptions(
        stain=Stain.HE,
        bundles=(job["bundle"],),
        fibre_fields=0,  # a network over a slide is compared, as TIAToolbox runs it
        settings=settings,
        force=True,
    )


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Do what the job's ``kind`` says; where the device is missing, say so in a sentence."""
    try:
        return {"whole": whole, "forward": forward, "exported": exported}[job["kind"]](job)
    except BackendError as fault:
        return {"skipped": str(fault)}


if __name__ == "__main__":
    answer(measure)
