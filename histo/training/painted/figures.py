"""Thresholds and figures of a network that reads painted immunostain."""

from collections.abc import Mapping, Sequence
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

__all__ = ["chosen_thresholds", "control_metrics", "painted_metrics", "probability"]

Float32 = NDArray[np.float32]


def probability(network: StromaNetwork, rgb: NDArray[np.uint8]) -> Float32:
    """Return the network's probabilities on an image of any size, float32, (C, H, W)."""
    height, width = rgb.shape[:2]
    stride = network.spec.stride_px
    pad = ((0, -height % stride), (0, -width % stride), (0, 0))
    tile = torch.from_numpy(np.pad(rgb, pad, mode="reflect")[None])
    with torch.no_grad():
        chance = torch.sigmoid(network(tile))[0, :, :height, :width]
    return np.asarray(chance.numpy(), np.float32)


def chosen_thresholds(
    network: StromaNetwork, config: TrainingConfig, paintings: Sequence[Painting]
) -> dict[Component, float]:
    """Choose by Dice; for ``cell`` the height of a peak, by F1 within 7.5 µm."""
    spacing = Spacing(config.card.um_per_px, config.card.um_per_px)
    maps = [probability(network, painting.rgb) for painting in paintings]
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
    network: StromaNetwork,
    config: TrainingConfig,
    paintings: Sequence[Painting],
    thresholds: Mapping[Component, float],
) -> list[Metric]:
    """Judge the network on paintings, the fixed threshold beside it."""
    spacing = Spacing(config.card.um_per_px, config.card.um_per_px)
    found = sum(
        (
            tally_network(p, probability(network, p.rgb), config.components, thresholds, spacing)
            for p in paintings
        ),
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
    network: StromaNetwork,
    config: TrainingConfig,
    controls: Sequence[Control],
    thresholds: Mapping[Component, float],
) -> list[Metric]:
    """Judge counting on real images whose cells were counted by hand."""
    if not controls or Component.CELL not in config.components:
        return []
    index = config.components.index(Component.CELL)
    settings = replace(CENTRES, threshold=thresholds[Component.CELL])

    def points(control: Control) -> NDArray[np.float64]:
        plane = probability(network, control.rgb)[index]
        return find_cells(plane, control.spacing, settings).points

    found, rule = (
        sum(control_counts(controls, find).values(), MatchCounts(0, 0, 0))
        for find in (points, rule_points)
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
