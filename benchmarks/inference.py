"""How fast histo is: end to end, beside its bare network, beside TIAToolbox; and its memory.

    python benchmarks/inference.py                    # phantom slide, OpenVINO bf16 and f32
    python benchmarks/inference.py --source real      # tiles of a real slide (HISTO_DATA)
    python benchmarks/inference.py --device cuda      # torch on a GPU, bf16, without TIAToolbox
    python benchmarks/inference.py --quick            # a smoke test of a minute

"whole" is histo from a path to a folder of results (to its map; from tiles to map), "forward" its
network alone on the same tiles read beforehand, "exported" the bundle's graph on them as it
stands. Each measurement is a process of its own; those of a round follow each other, so that a
machine that slows down slows all of them. TIAToolbox 2.1.3 gets its own virtual environment
(several GB, made once), the same weights, the same tissue, patches side by side; of two data
loaders (in the process, and 2 workers) the faster one counts.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from inference_process import ask
from inference_table import Round, headline, memory_table, speed_table
from inference_toolbox_env import toolbox_python

UM_PER_PX = 0.5
_SIDE_MM = {"phantom": 4.5, "real": 3.4}
"""Both hold about 44 Mpx of tissue at 0.5 µm/px."""
_QUICK_SIDE_MM = 1.0
_WORKERS = (0, 2)


def parsed() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--source", choices=["phantom", "real"], default="phantom")
    add("--data", type=Path, default=_data_folder(), help="development images, for --source real")
    add("--bundle", default="he-collagen", help="name or folder; its weights are used by all")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--precision", nargs="+", choices=["bf16", "f32"], help="default: both, on cuda bf16")
    add("--tile", type=int, default=1024, help="largest tile, px; no result depends on it")
    add("--patch", type=int, default=512, help="patch of TIAToolbox, px")
    add("--batch", type=int, help="tiles a call of the network; default: histo's own")
    add("--threads", type=int, help="reader threads; default: histo's own")
    add("--repeats", type=int, help="rounds; default 3, with --quick 1")
    add("--seed", type=int, default=1)
    add("--side-mm", type=float, help="width of the slide; default: 44 Mpx of tissue")
    add("--scratch", type=Path, help="keep slides and bundle here; default: a temporary folder")
    add("--tiatoolbox", action=argparse.BooleanOptionalAction, help="default: yes, unless --quick")
    add("--tiatoolbox-env", type=Path, help="its virtual environment, made if absent")
    add("--tiatoolbox-batch", type=int, default=8, help="patches a forward pass (its default)")
    add("--json", type=Path, help="write every figure to this file")
    add("--quick", action="store_true", help="a small slide, one round")
    return parser.parse_args()


def _data_folder() -> Path:
    given = os.environ.get("HISTO_DATA")
    return Path(given) if given else Path(__file__).parents[2] / "shared" / "data"


def prepared(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make slides and bundle; return where they are and what is on them."""
    side_mm = given.side_mm or (_QUICK_SIDE_MM if given.quick else _SIDE_MM[given.source])
    job = {
        "folder": str(folder),
        "source": given.source,
        "side_mm": side_mm,
        "seed": given.seed,
        "data": str(given.data),
        "bundle": str(given.bundle),
        "um_per_px": UM_PER_PX,
        "tile_px": given.tile,
    }
    _tell(f"making a slide of {side_mm:g} mm and one four times as high")
    return ask("inference_slides.py", job)


def measurements(given: argparse.Namespace, made: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the jobs of a round of histo: name -> job."""
    common = {
        "folder": str(folder),
        "bundle": made["bundle"],
        "slide": made["slide"]["path"],
        "device": given.device,
        "batch": given.batch,
        "threads": given.threads,
    }
    kinds = ("whole", "forward", "exported") if given.device == "cpu" else ("whole", "forward")
    return {
        f"{kind} {precision}": {**common, "kind": kind, "precision": precision}
        for precision in precisions(given)
        for kind in kinds
    }


def precisions(given: argparse.Namespace) -> list[str]:
    """Return the precisions to be timed."""
    return given.precision or (["bf16"] if given.device == "cuda" else ["bf16", "f32"])


def one_round(
    jobs: dict[str, Any], toolbox: dict[str, Any] | None, python: Path | None, workers: list[int]
) -> Round:
    """Run every measurement once; ``workers`` is cut down to TIAToolbox's faster setting."""
    answers: Round = {}
    for name, job in jobs.items():
        _tell(name)
        found = ask("inference_histo.py", job)
        if "skipped" in found:
            print(f"{name} is left out: {found['skipped']}")
            continue
        answers[name] = found
    if len({found["tiles"] for found in answers.values()}) > 1:
        raise RuntimeError("the bare network did not get the tiles that histo planned")
    if toolbox is not None and python is not None:
        tried = {}
        for count in workers:
            _tell(f"tiatoolbox, {count} workers")
            job = {**toolbox, "workers": count}
            tried[count] = ask("inference_tiatoolbox.py", job, python=python)
        best = min(tried, key=lambda count: float(tried[count]["wall_s"]))
        workers[:] = [best]
        answers["tiatoolbox"] = tried[best]
    return answers


def all_rounds(given: argparse.Namespace, made: dict[str, Any], folder: Path) -> list[Round]:
    """Repeat the round."""
    with_toolbox = given.tiatoolbox
    if with_toolbox is None:
        with_toolbox = not given.quick and given.device == "cpu"
    python = toolbox_python(given.tiatoolbox_env) if with_toolbox else None
    jobs = measurements(given, made, folder)
    toolbox = {
        "folder": str(folder),
        "bundle": made["bundle"],
        "slide": made["slide"]["path"],
        "mask": made["slide"]["mask"],
        "um_per_px": UM_PER_PX,
        "tile_px": given.patch,
        "batch": given.tiatoolbox_batch,
    }
    workers = list(_WORKERS)
    rounds = []
    for index in range(given.repeats or (1 if given.quick else 3)):
        _tell(f"round {index + 1}")
        rounds.append(one_round(jobs, toolbox, python, workers))
    return rounds


def tall_run(given: argparse.Namespace, made: dict[str, Any], folder: Path) -> Round:
    """Run histo on the slide of four times the area, for its memory."""
    jobs = measurements(given, made, folder)
    name = f"whole {precisions(given)[-1]}"
    _tell(f"{name}, four times the area")
    job = {**jobs[name], "slide": made["tall"]["path"]}
    return {name: ask("inference_histo.py", job)}


def report(
    given: argparse.Namespace, made: dict[str, Any], rounds: list[Round], tall: Round
) -> None:
    """Print the tables, and write the figures where asked to."""
    slide = made["slide"]
    timed = [p for p in precisions(given) if all(f"forward {p}" in one for one in rounds)]
    if not timed:
        return
    print(f"\n{given.source} slide: {slide['tissue_mpx']:.1f} Mpx of tissue at {UM_PER_PX} µm/px")
    print(
        f"network: {made['network']}; tiles of up to {given.tile} px, "
        f"context {made['context_px']} px, TIAToolbox patches of {given.patch} px"
    )
    print(f"machine: {_machine()}; {len(rounds)} rounds, medians\n")
    print(speed_table(rounds, slide["tissue_mpx"], timed))
    print("\n* depends on the machine and its load; ratios do much less.")
    for name, found in {**rounds[0], **rounds[-1]}.items():
        print(f"  {name}: {found['backend']}")
    sizes = []
    for name, found in tall.items():
        if "peak_mb" in found and name in rounds[0]:
            first = max(one[name]["peak_mb"] for one in rounds)
            sizes = [
                (f"{name}, one", slide["tissue_mpx"], first),
                (f"{name}, four times the area", made["tall"]["tissue_mpx"], found["peak_mb"]),
            ]
            print("\n" + memory_table(sizes))
    if given.json:
        figures = {
            "machine": _machine(),
            "made": made,
            "headline": headline(rounds, timed),
            "rounds": rounds,
            "tall": tall,
        }
        given.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores, {platform.system()} {platform.machine()}, Python {sys.version.split()[0]}"
    )


def _tell(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def main() -> None:
    """Make, measure, report."""
    given = parsed()
    with ExitStack() as stack:
        folder = given.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        made = prepared(given, folder)
        rounds = all_rounds(given, made, folder)
        tall = tall_run(given, made, folder) if rounds[0] else {}
        report(given, made, rounds, tall)


if __name__ == "__main__":
    main()
