"""Several trainings at once, each in a process of its own."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import torch

__all__ = ["side_by_side"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def side_by_side(
    work: Callable[[_Item], _Result], items: Sequence[_Item], jobs: int
) -> Iterator[_Result]:
    """Yield what ``work`` makes of each item, in order, so many at a time.

    Parameters
    ----------
    work
        Can be pickled, as its items and results can; a `functools.partial` of a module's function.
    items
        One for each piece of work.
    jobs
        How many run side by side, sharing the CPU threads; one needs no other process.
    """
    if jobs == 1 or len(items) < 2:
        yield from map(work, items)
        return
    with _processes(min(jobs, len(items))) as pool:
        waiting = [pool.submit(work, item) for item in items]
        yield from (future.result() for future in waiting)


def _processes(jobs: int) -> Executor:
    """Return processes that share the CPU threads between them, spawned as on every platform."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    return ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(threads,),
    )
