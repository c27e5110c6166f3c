"""A picture of samples as a network sees them, with the outlines of their labels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from histo.errors import OutputError
from histo.training.config import AugmentationConfig
from histo.training.manifests.labels import row_class_map
from histo.training.manifests.manifest import Manifest
from histo.training.samples.slide_samples import SampleSettings, SlideSamples
from histo.vocabulary import COLOURS, Component

__all__ = ["known_components", "outlined", "preview_samples", "preview_sheet", "write_sheet"]

_ACROSS, _GAP_PX, _LEGEND_PX = 8, 6, 34
_LINE_PX = 2
_MARK_PX = 10
_HATCH_PX = 12  # from line to line where no component is known


def known_components(manifest: Manifest, split: str = "") -> tuple[Component, ...]:
    """Return the components that annotated rows of a split know, in the order of the vocabulary."""
    known = {
        component
        for row in manifest.rows
        if row.annotation and (not split or row.split == split)
        for component in row_class_map(row, manifest.root).components
    }
    return tuple(component for component in Component if component in known)


def preview_samples(
    manifest: Manifest, settings: SampleSettings, *, split: str = "", augmented: bool = True
) -> SlideSamples:
    """Return samples of all that a manifest's rows know, changed as in training or not at all."""
    return SlideSamples(
        manifest,
        known_components(manifest, split),
        settings,
        split=split,
        changes=AugmentationConfig() if augmented else None,
    )


def preview_sheet(samples: SlideSamples, count: int = 64) -> NDArray[np.uint8]:
    """Draw the first samples of an epoch, eight in a line, over a legend.

    A component's outline has its colour and runs inside it; squares in the corner say what is
    present, as what fills a tile has no outline. Grey lines hatch where no component is known.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    side = samples.settings.tile_px
    lines = -(-count // _ACROSS)
    pitch = side + _GAP_PX
    sheet = np.full((lines * pitch + _LEGEND_PX, _ACROSS * pitch - _GAP_PX, 3), 255, np.uint8)
    for number in range(count):
        tile, target, weight = (part.numpy() for part in samples[number])
        row, col = (pitch * step for step in divmod(number, _ACROSS))
        drawn = outlined(tile, target, weight, samples.components)
        _mark(drawn, target, samples.components)
        sheet[row : row + side, col : col + side] = drawn
    legend = f"{side} px at {samples.settings.um_per_px:g} um/px"
    return _with_legend(sheet, samples.components, legend)


def _mark(
    drawn: NDArray[np.uint8], target: NDArray[np.float32], components: tuple[Component, ...]
) -> None:
    """Paint a square for each component a tile has, along its upper edge, into the tile."""
    present = [c for c, plane in zip(components, target, strict=True) if (plane >= 0.5).any()]
    for place, component in enumerate(present):
        left = 3 + place * (_MARK_PX + 3)
        drawn[2 : 4 + _MARK_PX, left - 1 : left + _MARK_PX + 1] = 255
        drawn[3 : 3 + _MARK_PX, left : left + _MARK_PX] = COLOURS[component]


def outlined(
    tile: NDArray[np.uint8],
    target: NDArray[np.float32],
    weight: NDArray[np.float32],
    components: tuple[Component, ...],
) -> NDArray[np.uint8]:
    """Return a tile with outlines of what is present, and hatching where nothing is known.

    Parameters
    ----------
    tile
        ndarray of uint8, shape (H, W, 3).
    target, weight
        ndarray of float32, shape (C, H, W), as `SlideSamples` gives them.
    components
        What the planes are of.
    """
    drawn = tile.copy()
    rows, cols = np.indices(tile.shape[:2])
    drawn[~weight.any(axis=0) & ((rows + cols) % _HATCH_PX == 0)] = (110, 110, 110)
    for component, plane in zip(components, target >= 0.5, strict=True):
        line = plane & ~ndimage.binary_erosion(plane, iterations=_LINE_PX, border_value=1)
        drawn[line] = COLOURS[component]
    return drawn


def _with_legend(
    sheet: NDArray[np.uint8], components: tuple[Component, ...], words: str
) -> NDArray[np.uint8]:
    image = Image.fromarray(sheet)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    x, baseline = 8.0, image.height - 9
    entries = [(str(component), COLOURS[component]) for component in components]
    for name, colour in (*entries, ("hatched: unknown", (110, 110, 110)), (words, None)):
        if colour is not None:
            draw.rectangle((x, baseline - 15, x + 15, baseline), outline=colour, width=3)
            x += 22
        draw.text((x, baseline), name, (30, 30, 30), font, anchor="ls")
        x += font.getlength(name) + 26
    return np.asarray(image)


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Write a sheet as PNG, atomically.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        Image.fromarray(sheet).save(partial, format="PNG")
        partial.replace(path)
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise OutputError(f"{path.name} cannot be written ({reason}).") from fault
