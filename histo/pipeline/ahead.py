"""What the results need, got ready while the networks run: at their end cores would be idle."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from importlib import import_module
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from histo.inference.workers import Workers
from histo.outputs import SlideDescription, overview_um_per_px
from histo.pipeline.options import Progress
from histo.slides import Slide

__all__ = ["Ahead", "ahead_of_results"]

_LATER = (
    "histo.scoring.slide_scores",
    "histo.scoring.sma",
    "histo.outputs.component_tiff",
    "histo.outputs.overview",
    "histo.outputs.regions",
    "histo.outputs.scores_csv",
    "histo.outputs.scores_json",
)
"""Not needed to reach the first tile, and so not imported by then: half a second of a core."""


class Ahead:
    """The overview's view of the slide and the code that writes results.

    Parameters
    ----------
    slide
        The slide being scored.
    described
        What results say of it.
    worker
        One thread.
    """

    def __init__(self, slide: Slide, described: SlideDescription, worker: Workers) -> None:
        self.described = described
        self._slide = slide
        self._worker = worker
        self._lock = Lock()
        self._view: Future[NDArray[np.uint8]] | None = None

    def after_first_tile(self, tell: Progress) -> Progress:
        """Return the progress function with a look at it: a tile done, and the work begins."""

        def told(stage: str, done: int, total: int) -> None:
            if done:
                self._begun()
            tell(stage, done, total)

        return told

    def view(self) -> NDArray[np.uint8]:
        """Return the whole slide, shape (H, W, 3), waiting for it if need be.

        Raises
        ------
        SlideError
            If it cannot be read.
        """
        return self._begun().result()

    def _begun(self) -> Future[NDArray[np.uint8]]:
        with self._lock:
            if self._view is None:
                self._view = self._worker.submit(self._prepared)
            return self._view

    def _prepared(self) -> NDArray[np.uint8]:
        for name in _LATER:
            import_module(name)
        return self._slide.thumbnail(overview_um_per_px(self.described))[0]


@contextmanager
def ahead_of_results(slide: Slide, described: SlideDescription) -> Iterator[Ahead]:
    """Lend a thread for what the results need; on leaving, what is under way is waited for."""
    with Workers(1, "ahead") as worker:
        yield Ahead(slide, described, worker)
