"""How long a user waits: from process start to the help, the opened slide, the first tile.

    python benchmarks/startup.py [--slide FILE] [--bundle NAME] [--runs 5]

Each figure is the best of the runs, as other work on the machine only ever adds. Wall time counts
from before the process is made; CPU time is that of all its threads, so on a busy machine it is
the figure to compare. The first tile is *read* when a batch of pixels reaches the network, and
*done* when the progress bar hears of it: predicted and blended.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from histo.slides.phantom import PhantomSpec, write_phantom

_PYTHON_PATH = str(Path(__file__).parents[1])
_CHILD = """
import sys, time
from contextlib import contextmanager
import histo.cli.infer as room

def mark(name):
    print(name, time.time(), time.process_time(), sep="|", flush=True)

def watched():
    import histo.pipeline.segmentation as inner
    plain = inner.segment

    class Network:
        def __init__(self, network):
            self.network = network
        def __getattr__(self, name):
            return getattr(self.network, name)
        def __call__(self, tiles):
            mark("first tile read")
            return self.network(tiles)

    def segment(slide, plan, predict, *more, **options):
        return plain(slide, plan, Network(predict), *more, **options)

    inner.segment = segment

@contextmanager
def marks(title, *, quiet):
    def tell(stage, done, total):
        if stage == "tissue":
            mark("slide opened")
        elif done:
            mark("first tile done")
            raise KeyboardInterrupt
    watched()
    yield tell

room.progress_bar = marks
from histo.cli import main
main()
"""
_HELP = "from histo.cli import main; main()"


def started(code: str, *words: str) -> tuple[dict[str, tuple[float, float]], float, float]:
    """Run a command; return its marks as (wall s, CPU s), and both for the whole process."""
    environment = {**os.environ, "PYTHONPATH": _PYTHON_PATH}
    before = os.times()
    begin = time.time()
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    wall = time.time() - begin
    after = os.times()
    cpu = (
        after.children_user - before.children_user + after.children_system - before.children_system
    )
    marks = {}
    for line in done.stdout.splitlines():
        name, *numbers = line.split("|")
        if len(numbers) == 2 and name not in marks:
            marks[name] = (float(numbers[0]) - begin, float(numbers[1]))
    if done.returncode not in (0, 130):
        raise SystemExit(done.stderr)
    return marks, wall, cpu


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slide", type=Path, help="a slide; else a phantom of 2 x 1.5 mm")
    parser.add_argument("--bundle", default="he-collagen")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        slide = asked.slide or Path(folder) / "phantom.tif"
        if asked.slide is None:
            write_phantom(slide, PhantomSpec(width_mm=2.0, height_mm=1.5))
        words = ("infer", str(slide), "--out", str(Path(folder) / "out"), "--bundle", asked.bundle)
        for _ in range(asked.runs):
            _, wall, cpu = started(_HELP, "--help")
            found.setdefault("histo --help", []).append((wall, cpu))
            marks, _, _ = started(_CHILD, *words)
            for name, mark in marks.items():
                found.setdefault(f"histo infer: {name}", []).append(mark)
    best = {name: tuple(map(min, zip(*marks, strict=True))) for name, marks in found.items()}
    if asked.json:
        print(json.dumps({name: {"wall_s": w, "cpu_s": c} for name, (w, c) in best.items()}))
        return
    print(f"best of {asked.runs:<26} wall s   CPU s")
    for name, (wall, cpu) in best.items():
        print(f"{name:<32} {wall:7.2f} {cpu:7.2f}")


if __name__ == "__main__":
    main()
