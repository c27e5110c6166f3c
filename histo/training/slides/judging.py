"""What a network makes of whole rows, beside what is known of them."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray

from histo.annotations.labels import Labels
from histo.geometry import Box, Spacing
from histo.nn.network import StromaNetwork
from histo.slides import native_spacing
from histo.slides.protocol import Readable
from histo.slides.relit import as_learnt, look_of
from histo.training.config import CardText
from histo.training.evaluation import Judged
from histo.training.manifests.labels import open_row, row_labels
from histo.training.manifests.manifest import Manifest
from histo.vocabulary import Component

__all__ = ["judge_rows", "network_map", "row_planes"]

_BLOCK_PX = 2048


def judge_rows(
    network: StromaNetwork,
    manifest: Manifest,
    components: Sequence[Component],
    card: CardText,
) -> list[Judged]:
    """Return the maps of every annotated row of a manifest beside its labels.

    Parameters
    ----------
    network
        In evaluation mode; one plane for each of ``components``.
    manifest
        Rows the network has not learnt from.
    components
        What the network gives.
    card
        Says the µm/px of the maps, and tile and context in px.
    """
    return [_judged(network, manifest, i, tuple(components), card) for i in _annotated(manifest)]


def _annotated(manifest: Manifest) -> list[int]:
    return [index for index, row in enumerate(manifest.rows) if row.annotation]


def _judged(
    network: StromaNetwork,
    manifest: Manifest,
    index: int,
    components: tuple[Component, ...],
    card: CardText,
) -> Judged:
    row = manifest.rows[index]
    with open_row(row, manifest.root) as slide:
        grid = native_spacing(slide, card.um_per_px)
        labels = row_labels(row, manifest.root, slide)
        assert labels is not None  # noqa: S101  (only annotated rows come here)
        present, known = row_planes(labels, components, slide.frame_shape(grid), grid)
        context = network.spec.stride_px * ceil(card.context_px / network.spec.stride_px)
        probability = network_map(
            network,
            as_learnt(slide, slide.glass, look_of(card)),
            grid,
            np.asarray(known.any(axis=0)),
            tile_px=card.tile_px,
            context_px=context,
        )
    return Judged(
        name=f"row {manifest.numbers[index]}",
        patient=row.patient,
        site=row.site,
        organ=row.organ,
        spacing=grid,
        components=components,
        probability=probability,
        present=present,
        known=known,
    )


def row_planes(
    labels: Labels, components: Sequence[Component], shape: tuple[int, int], grid: Spacing
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where each component is, and where that is known, over a whole frame.

    Returns
    -------
    present, known
        ndarray of bool, shape (C, H, W); a component that was not looked for is known nowhere.
    """
    present = np.zeros((len(components), *shape), np.bool_)
    known = np.zeros_like(present)
    for box in Box(0, 0, *shape).blocks(_BLOCK_PX, _BLOCK_PX):
        planes = labels.planes(box, grid)
        rows, cols = box.slices
        for index, component in enumerate(components):
            if component in planes.components:
                found = planes.components.index(component)
                present[index, rows, cols] = planes.present[found]
                known[index, rows, cols] = planes.known[found]
    return present, known


def network_map(
    network: StromaNetwork,
    slide: Readable,
    grid: Spacing,
    wanted: NDArray[np.bool_],
    *,
    tile_px: int,
    context_px: int,
) -> NDArray[np.uint8]:
    """Return the probabilities of a whole frame, 255 = 1.0.

    Tiles overlap by twice the context, of which nothing is kept; a slide smaller than a tile is
    seen whole. Beyond the slide is its mirror image: annotated rows are often pieces cut out of
    slides, and where they were cut there was no glass.

    Parameters
    ----------
    network
        In evaluation mode.
    slide
        What is read.
    grid
        µm/px of the frame, which is the whole slide's.
    wanted
        ndarray of bool, shape (H, W): tiles without any are left 0.
    tile_px
        Side of what the network sees at once, px.
    context_px
        What of it is not kept along each border, px; a multiple of the network's stride.

    Returns
    -------
    ndarray of uint8, shape (C, H, W)
    """
    stride = network.spec.stride_px
    step = max(tile_px // stride * stride - 2 * context_px, stride)
    found: NDArray[np.uint8] | None = None
    for box in Box(0, 0, *wanted.shape).blocks(step, step):
        if not wanted[box.slices].any():
            continue
        seen = box.pad(context_px)
        seen = Box(seen.row, seen.col, *(side + -side % stride for side in seen.shape))
        with torch.inference_mode():
            tile = torch.from_numpy(_mirrored(slide, seen, grid, wanted.shape)[None])
            chance = torch.sigmoid(network(tile))[0].numpy()
        if found is None:
            found = np.zeros((len(chance), *wanted.shape), np.uint8)
        inner = chance[:, context_px:, context_px:][:, : box.height, : box.width]
        found[:, box.slices[0], box.slices[1]] = np.rint(255 * inner)
    if found is None:
        classes = network.body.segmentation_head[0].out_channels
        return np.zeros((classes, *wanted.shape), np.uint8)
    return found


def _mirrored(
    slide: Readable, box: Box, grid: Spacing, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return a box of a frame of that shape, mirrored beyond its borders."""
    height, width = shape
    inside = box.intersect(Box(0, 0, height, width))
    beyond = (
        (inside.row - box.row, box.bottom - inside.bottom),
        (inside.col - box.col, box.right - inside.right),
        (0, 0),
    )
    return np.pad(slide.read(inside, grid), beyond, mode="symmetric")
