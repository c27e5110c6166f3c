"""Slides and labels of a manifest's rows, opened when asked for and a bounded number at a time."""

import os
from collections import OrderedDict
from typing import Any, NamedTuple

from histo.annotations.labels import Labels
from histo.geometry import Spacing
from histo.slides import Slide
from histo.training.manifests.labels import open_row, row_labels
from histo.training.manifests.manifest import Manifest

__all__ = ["OpenRow", "OpenRows"]


class OpenRow(NamedTuple):
    """A slide with its labels, None where nothing is annotated."""

    slide: Slide
    labels: Labels | None

    @property
    def spacing(self) -> Spacing:
        """µm/px of level 0."""
        return self.slide.spacing


class OpenRows:
    """The rows of a manifest, by index; the one not used for longest makes room for another.

    A pickle holds the manifest only, and a process that was forked opens files of its own: file
    positions and decoders are not shared between processes.

    Parameters
    ----------
    manifest
        As `histo.training.manifests.manifest.read_manifest` returns it.
    most
        Slides open at a time, at least 1. Each keeps up to 64 MiB of decoded tiles.

    Raises
    ------
    ValueError
        If none may be open.
    """

    def __init__(self, manifest: Manifest, most: int) -> None:
        if most < 1:
            raise ValueError(f"at least one slide must be open to be read, found {most}")
        self.manifest, self.most = manifest, most
        self._open: OrderedDict[int, OpenRow] = OrderedDict()
        self._process = os.getpid()

    def __len__(self) -> int:
        """How many are open in this process."""
        return len(self._open) if self._process == os.getpid() else 0

    def __getitem__(self, index: int) -> OpenRow:
        if self._process != os.getpid():
            self._open, self._process = OrderedDict(), os.getpid()
        if index in self._open:
            self._open.move_to_end(index)
            return self._open[index]
        while len(self._open) >= self.most:
            _, oldest = self._open.popitem(last=False)
            oldest.slide.close()
        row, root = self.manifest.rows[index], self.manifest.root
        slide = open_row(row, root)
        self._open[index] = OpenRow(slide, row_labels(row, root, slide))
        return self._open[index]

    def close(self) -> None:
        """Close what is open."""
        while self._open:
            self._open.popitem()[1].slide.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"manifest": self.manifest, "most": self.most}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]
