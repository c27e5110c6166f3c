"""Batches of tiles, read ahead of the network by a few threads."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from histo.errors import SlideError
from histo.inference.plan import Tile, TilePlan
from histo.inference.workers import Workers, in_order
from histo.slides.protocol import Readable

__all__ = ["Batch", "FlowSettings", "Readable", "read_batches"]

_LAST_CALL_S = 1.0
"""How long to wait for the other reads when one of them hangs."""


@dataclass(frozen=True)
class FlowSettings:
    """How the work is spread; no result depends on it.

    Attributes
    ----------
    batch
        Most tiles a call of the network: neighbours in the plan and of one shape.
    threads
        Reader threads.
    lanes
        Threads that call the network at the same time: more than one only for a predictor that
        may be called so (CUDA streams, several inference requests).
    timeout_s
        A read that takes longer hangs, and the slide is given up.
    """

    batch: int = 4
    threads: int = 2
    lanes: int = 1
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        if min(self.batch, self.threads, self.lanes) < 1 or self.timeout_s <= 0:
            raise ValueError(f"batch, threads, lanes and timeout are positive, found {self}")


@dataclass(frozen=True)
class Batch:
    """Tiles and their pixels.

    Attributes
    ----------
    tiles
        N of one shape, in the plan's order.
    pixels
        ndarray of uint8, shape (N, height, width, 3).
    """

    tiles: tuple[Tile, ...]
    pixels: NDArray[np.uint8]


def read_batches(
    slide: Readable, plan: TilePlan, settings: FlowSettings
) -> Generator[Batch, None, None]:
    """Read a plan's tiles in threads and yield them in batches, in order.

    Two batches are under way, or more where that is needed to keep every thread busy; so memory
    does not grow with the slide. Closing the generator, or an error, ends the threads.

    Raises
    ------
    SlideError
        If a read hangs.
    """
    readers = Workers(settings.threads, "read")
    patience_s = settings.timeout_s
    try:
        ahead = max(1, -(-2 * settings.threads // settings.batch))
        start = partial(_start_batch, slide, plan, readers, settings.timeout_s)
        yield from in_order(start, _chunks(plan, settings.batch), ahead)
    except _HungReadError as fault:
        patience_s = _LAST_CALL_S
        raise SlideError(str(fault), slide=slide.name) from None
    finally:
        readers.stop(patience_s)


class _HungReadError(Exception):
    """A read did not come back."""


def _start_batch(
    slide: Readable,
    plan: TilePlan,
    readers: Workers,
    timeout_s: float,
    tiles: tuple[Tile, ...],
) -> Callable[[], Batch]:
    """Begin to read a batch; each read fills its own part of the same array."""
    pixels = np.empty((len(tiles), *tiles[0].shape, 3), dtype=np.uint8)
    reads = [
        readers.submit(partial(_read_tile, slide, plan, tile, target))
        for tile, target in zip(tiles, pixels, strict=True)
    ]

    def finish() -> Batch:
        for read in reads:
            _wait(read, slide.name, timeout_s)
        return Batch(tiles, pixels)

    return finish


def _wait(read: Future[None], name: str, timeout_s: float) -> None:
    try:
        read.result(timeout_s)
    except TimeoutError:
        if read.done():
            raise  # the read's own: a network share may raise it
        raise _HungReadError(
            f"{name}: a read took longer than {timeout_s:g} s. Expected a drive that answers: "
            "copy the slide to a local disk and try again."
        ) from None


def _read_tile(slide: Readable, plan: TilePlan, tile: Tile, pixels: NDArray[np.uint8]) -> None:
    pixels[:] = slide.read(plan.tile_box(tile), plan.spacing)


def _chunks(plan: TilePlan, count: int) -> Iterator[tuple[Tile, ...]]:
    """Yield neighbours in the plan that have one shape, at most ``count`` at a time."""
    for _, alike in groupby(plan, key=attrgetter("shape")):
        tiles = tuple(alike)
        for start in range(0, len(tiles), count):
            yield tiles[start : start + count]
