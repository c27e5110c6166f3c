"""Thresholds and figures of a network that reads painted immunostain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.nn.card import Metric
from histo.nn.network import StromaNetwork
from histo.scoring.macrophages.cells import CENTRES, find_cells
from histo.scoring.macrophages.matching import MatchCounts
from histo.training.config import TrainingConfig
from histo.training.evaluation import choose_threshold
from histo.training.painted.controls import Control, control_counts, rule_points
from histo.training.painted.judge import (
    Tally,
    cell_threshold,
    judged_painting,
    tally_network,
    tally_rule,
)
from histo.training.painted.paintings import Painting
from histo.vocabulary import Component

__all__ = [
    "Reading",
    "chosen_thresholds",
    "control_cells",
    "control_metrics",
    "network_reading",
    "painted_metrics",
    "reading",
]

Float32 = NDArray[np.float32]
Reading = Callable[[NDArray[np.uint8]], Float32]
"""From an image, (H, W, 3), to the probability of each component, (C, H, W)."""


def reading(run: Callable[[NDArray[np.uint8]], Float32], stride: int) -> Reading:
    """Return a function from an image of any size to its probabilities.

    Parameters
    ----------
    run
        From tiles, uint8 (N, H, W, 3), to probabilities, float32 (N, C, H, W): a predictor.
    stride
        Sides of tiles are multiples of this many pixels.

    Returns
    -------
    callable
        From an image, uint8 (H, W, 3), to float32 (C, H, W).
    """

    def read(rgb: NDArray[np.uint8]) -> Float32:
        height, width = rgb.shape[:2]
        pad = ((0, -height % stride), (0, -width % stride), (0, 0))
        return run(np.pad(rgb, pad, mode="reflect")[None])[0, :, :height, :width]

    return read


def network_reading(network: StromaNetwork) -> Reading:
    """Return `reading` of a network that was just trained."""

    def run(tiles: NDArray[np.uint8]) -> Float32:
        with torch.no_grad():
            return np.asarray(torch.sigmoid(network(torch.from_numpy(tiles))).numpy(), np.float32)

    return reading(run, network.spec.stride_px)


def chosen_thresholds(
    read: Reading, config: TrainingConfig, paintings: Sequence[Painting]
) -> dict[Component, float]:
    """Choose by Dice; for ``cell`` the height of a peak, by F1 within 7.5 µm."""
    spacing = Spacing(config.card.um_per_px, config.card.um_per_px)
    maps = [read(painting.rgb) for painting in paintings]
    judged = [
        judged_painting(painting, chance, config.components, spacing)
        for painting, chance in zip(paintings, maps, strict=True)
    ]
    chosen: dict[Component, float] = {}
    for index, component in enumerate(config.components):
        if component == Component.CELL:
            peaks = [chance[index] for chance in maps]
            chosen[component] = cell_threshold(paintings, peaks, spacing)[0]
        else:
            chosen[component] = choose_threshold(judged, component)
    return chosen


def painted_metrics(
    read: Reading,
    config: TrainingConfig,
    paintings: Sequence[Painting],
    thresholds: Mapping[Component, float],
) -> list[Metric]:
    """Judge the network on paintings, the fixed threshold beside it."""
    spacing = Spacing(config.card.um_per_px, config.card.um_per_px)
    found = sum(
        (tally_network(p, read(p.rgb), config.components, thresholds, spacing) for p in paintings),
        Tally(),
    )
    rule = sum((tally_rule(p, config.components, spacing) for p in paintings), Tally())
    split = f"painted on tissue held out, {len(paintings)} patches"
    rows: dict[Component, list[tuple[str, float, float | None]]] = {
        Component.POSITIVE: [("Dice", found.positive.dice, rule.positive.dice)],
        Component.CELL: [
            ("F1 at 7.5 µm", found.cells.f1, rule.cells.f1),
            ("Precision at 7.5 µm", found.cells.precision, rule.cells.precision),
            ("Recall at 7.5 µm", found.cells.recall, rule.cells.recall),
            (
                "Share of detections on brown that is not stain",
                found.distractor_share,
                rule.distractor_share,
            ),
        ],
        Component.MUSCLE: [("Dice", found.muscle.dice, None)],
    }
    return [
        Metric(name=name, component=component, split=split, value=value, baseline=baseline)
        for component in config.components
        for name, value, baseline in rows[component]
    ]


def control_metrics(
    read: Reading,
    config: TrainingConfig,
    controls: Sequence[Control],
    thresholds: Mapping[Component, float],
) -> list[Metric]:
    """Judge counting on real images whose cells were counted by hand."""
    if not controls or Component.CELL not in config.components:
        return []
    find = control_cells(read, config.components, thresholds)
    found, rule = (
        sum(control_counts(controls, points).values(), MatchCounts(0, 0, 0))
        for points in (find, rule_points)
    )
    return [
        Metric(
            name="F1 at 7.5 µm",
            component=Component.CELL,
            split=f"{len(controls)} real immunostains counted by hand, {found.true} cells",
            value=found.f1,
            baseline=rule.f1,
        )
    ]


def control_cells(
    read: Reading, components: Sequence[Component], thresholds: Mapping[Component, float]
) -> Callable[[Control], NDArray[np.float64]]:
    """Return a function that counts the cells of an image, shape (N, 2)."""
    index = list(components).index(Component.CELL)
    settings = replace(CENTRES, threshold=thresholds[Component.CELL])

    def points(control: Control) -> NDArray[np.float64]:
        return find_cells(read(control.rgb)[index], control.spacing, settings).points

    return points
