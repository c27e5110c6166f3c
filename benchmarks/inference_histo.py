"""One run of histo, or of its network alone, timed. Started by ``inference.py``."""

import json
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from inference_process import answer, clocked
from numpy.typing import NDArray

from histo.config import InferenceSettings
from histo.errors import BackendError
from histo.inference import FlowSettings, read_batches
from histo.nn import load_bundle
from histo.nn.bundle import GRAPH
from histo.pipeline import ScoreOptions, score_slide, survey_slide
from histo.pipeline.options import Run
from histo.pipeline.segmentation import Job, plan_jobs
from histo.provenance import RunRecord
from histo.slides import open_slide
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
        "backend": planned["backend"],
        "versions": record["versions"],
    }


def forward(job: dict[str, Any]) -> dict[str, Any]:
    """Run the network alone over the very tiles histo plans, all in memory beforehand."""
    planned, batches = _read_tiles(job)
    planned.predict(batches[0])  # compiles
    with clocked() as clock:
        for pixels in batches:
            planned.predict(pixels)
    return {**clock.as_dict(), **_tiles_of(planned), "backend": planned.predict.name}


def exported(job: dict[str, Any]) -> dict[str, Any]:
    """Run the exported graph over the same tiles with OpenVINO alone, as anyone would."""
    import openvino as ov

    planned, batches = _read_tiles(job)
    core = ov.Core()
    model = core.read_model(str(load_bundle(job["bundle"]).file(GRAPH)))
    model.reshape([1, *batches[0].shape[1:]])
    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": job["precision"]}
    queue = ov.AsyncInferQueue(core.compile_model(model, "CPU", hints))
    with clocked() as clock:
        for pixels in batches:
            for tile in pixels:
                queue.start_async({0: tile[None]})
        queue.wait_all()
    return {**clock.as_dict(), **_tiles_of(planned), "backend": f"openvino cpu {job['precision']}"}


def _read_tiles(job: dict[str, Any]) -> tuple[Job, list[NDArray[np.uint8]]]:
    """Plan as the pipeline does and read every tile, in batches (N, tile, tile, 3)."""
    options, bundle = _options(job), load_bundle(job["bundle"])
    with open_slide(job["slide"]) as slide:
        tissue = survey_slide(slide).tissue
        run = Run(slide, options, RunRecord(), lambda *_: None)
        (planned,) = plan_jobs(run, tissue, [bundle])
        flow = FlowSettings(batch=options.settings.batch)
        return planned, [batch.pixels for batch in read_batches(slide, planned.plan, flow)]


def _tiles_of(planned: Job) -> dict[str, int]:
    return {"tiles": len(planned.plan), "tile_px": planned.plan.tile_px}


def _options(job: dict[str, Any]) -> ScoreOptions:
    names = ("device", "precision", "batch", "tile_px", "threads")
    given = {name: job[name] for name in names if job.get(name) is not None}
    settings = InferenceSettings.model_validate(given)
    return ScoreOptions(stain=Stain.HE, bundles=(job["bundle"],), settings=settings, force=True)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Do what the job's ``kind`` says; where the device is missing, say so in a sentence."""
    try:
        return {"whole": whole, "forward": forward, "exported": exported}[job["kind"]](job)
    except BackendError as fault:
        return {"skipped": str(fault)}


if __name__ == "__main__":
    answer(measure)
