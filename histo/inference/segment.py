"""A slide, a plan and a function become a map of components."""

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from histo.errors import BackendError
from histo.geometry import Box, Spacing
from histo.inference.canvas import Canvas
from histo.inference.plan import Tile, TilePlan
from histo.inference.reader import Batch, FlowSettings, Readable, read_batches
from histo.inference.sink import open_sink
from histo.inference.workers import Workers, in_order

__all__ = ["ComponentMap", "Predict", "Probabilities", "segment"]

Probabilities: TypeAlias = NDArray[np.floating]
"""Shape (N, C, tile / reduction, tile / reduction), 0 to 1."""

_Output: TypeAlias = tuple[tuple[Tile, ...], tuple[Probabilities, ...]]


class Predict(Protocol):
    """A network, seen from here: a function and what must be known of it.

    Attributes
    ----------
    outputs
        Names of the components, in the order of the channels.
    reduction
        Tile pixels an output pixel, each way.
    stride
        Tile sides must be multiples of it.
    """

    @property
    def outputs(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def reduction(self) -> int: ...  # noqa: D102

    @property
    def stride(self) -> int: ...  # noqa: D102

    def __call__(self, tiles: NDArray[np.uint8], /) -> Probabilities | Iterable[Probabilities]:
        """Return probabilities for tiles of shape (N, tile, tile, 3).

        The N may come in pieces, in order: a predictor short of memory halves its batch.
        """
        ...


@dataclass(frozen=True)
class ComponentMap:
    """How likely each canvas pixel is of each component.

    Attributes
    ----------
    probability
        ndarray of uint8, shape (C, H, W), 255 = 1.0, covering the whole slide; it may be a
        read-only file map. Zero where the network did not look.
    components
        C names.
    spacing
        Of the canvas, µm/px.
    plan
        Where the network looked; None for everywhere.
    """

    probability: NDArray[np.uint8]
    components: tuple[str, ...]
    spacing: Spacing
    plan: TilePlan | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the canvas."""
        height, width = self.probability.shape[1:]
        return height, width

    def evaluated(self, box: Box | None = None) -> NDArray[np.bool_]:
        """Return which pixels of the canvas (or of a box of it) the network looked at."""
        if self.plan is not None:
            return self.plan.evaluated(box)
        return np.ones(self.shape if box is None else box.shape, dtype=np.bool_)


def segment(
    slide: Readable,
    plan: TilePlan,
    predict: Predict,
    settings: FlowSettings | None = None,
    *,
    scratch: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ComponentMap:
    """Run a network over the planned tiles of a slide and blend what it gives.

    Reader threads, the network and the canvas work side by side, each at most two batches
    ahead of the next, so the slowest sets the pace and memory follows the slide's width.
    Nothing is left running when the function returns or raises, Ctrl-C included; only a read
    that hangs is left behind, as there is no way to end it.

    Parameters
    ----------
    slide
        Anything that can be read by box and µm/px.
    plan
        The tiles, made for this predictor's reduction and stride.
    predict
        The network.
    settings
        Batch, threads, lanes and timeout; no result depends on them.
    scratch
        Folder for the map's file, which is the caller's to remove. None keeps it in memory.
    progress
        Called with (tiles done, tiles in all), in the calling thread.

    Raises
    ------
    SlideError
        If a read hangs.
    BackendError
        If the network's output does not fit or holds values that are no numbers.
    OutputError
        If the scratch folder cannot be written to.
    """
    if plan.reduction != predict.reduction or plan.tile_px % predict.stride:
        raise ValueError(
            f"the plan was made for another network: reduction {plan.reduction} and tiles up to "
            f"{plan.tile_px} px, expected {predict.reduction} and a multiple of {predict.stride}"
        )
    settings = settings or FlowSettings()
    sink = open_sink((len(predict.outputs), *plan.canvas_shape), scratch)
    try:
        canvas = Canvas(plan, len(predict.outputs), sink)
        done = 0
        with closing(_painted(slide, plan, predict, canvas, settings)) as counts:
            for count in counts:
                done += count
                if progress is not None:
                    progress(done, len(plan))
        canvas.finish()
        probability = sink.close()
    except BaseException:
        sink.discard()
        raise
    return ComponentMap(probability, predict.outputs, plan.canvas_spacing, plan)


def _painted(
    slide: Readable, plan: TilePlan, predict: Predict, canvas: Canvas, settings: FlowSettings
) -> Generator[int, None, None]:
    """Let the tiles flow onto the canvas; yield how many more have arrived."""
    with ExitStack() as stack:
        network = stack.enter_context(Workers(settings.lanes, "predict"))
        painter = stack.enter_context(Workers(1, "canvas"))
        batches = stack.enter_context(closing(read_batches(slide, plan, settings)))
        outputs = in_order(
            lambda batch: network.submit(partial(_predict, predict, batch)).result,
            batches,
            ahead=settings.lanes,
        )
        yield from in_order(
            lambda output: painter.submit(partial(_paint, canvas, output)).result,
            outputs,
            ahead=1,
        )


def _predict(predict: Predict, batch: Batch) -> _Output:
    given = predict(batch.pixels)
    return batch.tiles, (given,) if isinstance(given, np.ndarray) else tuple(given)


def _paint(canvas: Canvas, output: _Output) -> int:
    """Blend a batch in; return its number of tiles."""
    tiles, pieces = output
    given = sum(map(len, pieces))
    if given != len(tiles):
        raise BackendError(f"the network gave {given} outputs for {len(tiles)} tiles.")
    for tile, probability in zip(tiles, chain.from_iterable(pieces), strict=True):
        canvas.add(tile, probability)
    return len(tiles)
