"""One measurement, one process: start it with a job, get its answer and its peak memory.

Standard library only (and psutil on Windows), since it also runs in TIAToolbox's environment.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Clock", "answer", "ask", "clocked", "peak_memory_mb"]

_MARK = "benchmark-answer:"


class ChildError(RuntimeError):
    """A measurement's process failed."""


def ask(script: str, job: dict[str, Any], *, python: Path | str = sys.executable) -> dict[str, Any]:
    """Run a script of this folder with a job, in a process of its own, and return its answer.

    Parameters
    ----------
    script
        File name beside this module; its ``main`` calls :func:`answer`.
    job
        Plain values; they travel as JSON.
    python
        Interpreter: another environment's, if need be.

    Raises
    ------
    ChildError
        If the process fails, with the end of what it said.
    """
    path = Path(__file__).with_name(script)
    start = time.perf_counter()
    done = subprocess.run(
        [str(python), str(path)], input=json.dumps(job), capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not lines:
        raise ChildError(f"{script} failed:\n{done.stdout[-1000:]}\n{done.stderr[-4000:]}")
    given: dict[str, Any] = json.loads(lines[-1].removeprefix(_MARK))
    return {**given, "process_s": time.perf_counter() - start}


def answer(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Read the job, do the work and print the answer with this process's peak memory."""
    given = work(json.load(sys.stdin))
    print(_MARK + json.dumps({**given, "peak_mb": peak_memory_mb()}), flush=True)


def peak_memory_mb() -> float:
    """Return the most memory this process (without its children) has held, MiB.

    Linux hands the peak of a parent down to the process it starts, so whoever starts a
    measurement must be small itself.
    """
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@dataclass
class Clock:
    """Wall time, and CPU time of all threads and ended child processes, in seconds."""

    wall_s: float = 0.0
    core_s: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)


@contextmanager
def clocked() -> Iterator[Clock]:
    """Time the block."""
    clock = Clock()
    wall, core = time.perf_counter(), _core_s()
    yield clock
    clock.wall_s, clock.core_s = time.perf_counter() - wall, _core_s() - core


def _core_s() -> float:
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system
