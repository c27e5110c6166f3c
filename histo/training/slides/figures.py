"""Thresholds and figures of held-out rows: no row has a say in the threshold it is judged at."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from histo.errors import ConfigError
from histo.nn.card import Metric
from histo.scoring import uint8_threshold
from histo.training.evaluation import Evaluation, Group, Judged, choose_threshold, evaluate
from histo.training.evaluation.levels import to_levels
from histo.vocabulary import Component

__all__ = ["HeldOut", "held_out_metrics", "thresholds_of", "write_held_out"]

Thresholds = Mapping[Component, float]
_HALF = 0.5
_AT_THRESHOLD = ("Dice", "IoU", "balanced accuracy", "ICC of the area's share between rows")
_OF_GROUPS = ("Dice", "balanced accuracy")


@dataclass(frozen=True)
class HeldOut:
    """The rows one network never saw, as it sees them.

    Attributes
    ----------
    name
        Of the round.
    judged
        What the network makes of them.
    by_rule
        What simple rules make of them; maybe fewer rows and components.
    thresholds
        Chosen on other rows.
    """

    name: str
    judged: list[Judged]
    by_rule: list[Judged]
    thresholds: Thresholds


def thresholds_of(judged: Sequence[Judged], components: Sequence[Component]) -> Thresholds:
    """Return the threshold of highest Dice of each component; 0.5 where the rows cannot say."""
    found = {}
    for component in components:
        try:
            found[component] = choose_threshold(judged, component)
        except ConfigError:
            found[component] = _HALF
    return found


def held_out_metrics(rounds: Sequence[HeldOut], split: str) -> list[Metric]:
    """Return the card's figures over all rounds, the rule's value beside each.

    Areas are cut in each round at its own threshold; AUROC, average precision and calibration
    are of the probabilities. Organs and sites stand below where there are several.
    """
    ours = _metrics(
        [one for held in rounds for one in held.judged],
        [_cut(one, held.thresholds) for held in rounds for one in held.judged],
        split,
    )
    by_rule = [one for held in rounds for one in held.by_rule]
    if not by_rule:
        return ours
    half = {component: _HALF for one in by_rule for component in one.components}
    rule = {
        (metric.name, metric.component, metric.split): metric.value
        for metric in _metrics(by_rule, [_cut(one, half) for one in by_rule], split)
        if metric.name != "calibration error"  # a rule's values are no probabilities
    }
    return [
        metric.model_copy(
            update={"baseline": rule.get((metric.name, metric.component, metric.split))}
        )
        for metric in ours
    ]


def _metrics(judged: Sequence[Judged], cut: Sequence[Judged], split: str) -> list[Metric]:
    half = {component: _HALF for one in judged for component in one.components}
    chances, areas = evaluate(judged, half), evaluate(cut, half)
    found = [metric for metric in chances.metrics(split) if metric.name not in _AT_THRESHOLD]
    found += [metric for metric in areas.metrics(split) if metric.name in _AT_THRESHOLD]
    return [_rounded(metric) for metric in found + _of_groups(areas, split)]


def _of_groups(evaluation: Evaluation, split: str) -> list[Metric]:
    """Return figures by organ and by site, leaving out what stands above already."""
    seen: set[tuple[Component, float, float]] = set()
    found = []
    for group in evaluation.groups:
        area = group.component, group.known_mm2, group.present_mm2
        if area in seen or group.by == "patient":
            continue
        seen.add(area)
        if group.by != "all":
            found += [_metric(group, name, split) for name in _OF_GROUPS if _is_told(group, name)]
    return found


def _is_told(group: Group, name: str) -> bool:
    return math.isfinite(group.figures[name].value)


def _metric(group: Group, name: str, split: str) -> Metric:
    figure = group.figures[name]
    low, high = (end if math.isfinite(end) else None for end in (figure.low, figure.high))
    rows = f"{group.rows} row" + "s" * (group.rows > 1)
    return Metric(
        name=name,
        component=group.component,
        split=f"{split}, {group.name} ({rows})",
        value=figure.value,
        low=low,
        high=high,
    )


def _rounded(metric: Metric) -> Metric:
    low, high = (None if end is None else round(end, 4) for end in (metric.low, metric.high))
    return metric.model_copy(update={"value": round(metric.value, 4), "low": low, "high": high})


def _cut(judged: Judged, thresholds: Thresholds) -> Judged:
    """Return a map of nothing but 0 and 255."""
    limits = [uint8_threshold(thresholds[component]) for component in judged.components]
    levels = to_levels(judged.probability)
    called = levels >= np.array(limits)[:, None, None]
    return replace(judged, probability=called.astype(np.uint8) * np.uint8(255))


def write_held_out(rounds: Sequence[HeldOut], folder: Path) -> None:
    """Write ``cross_validation.json``, each row's figures, and the maps to ``held_out.npz``."""
    maps = {one.name: to_levels(one.probability) for held in rounds for one in held.judged}
    np.savez_compressed(folder / "held_out.npz", **maps)  # type: ignore[arg-type]
    values = [
        {
            "round": held.name,
            "thresholds": {str(c): round(t, 4) for c, t in held.thresholds.items()},
            "rows": _row_figures(held.judged, held.thresholds),
            "rows by rule": _row_figures(held.by_rule, dict.fromkeys(held.thresholds, _HALF)),
        }
        for held in rounds
    ]
    text = json.dumps(values, indent=1)
    (folder / "cross_validation.json").write_text(text, encoding="utf-8")


def _row_figures(judged: Sequence[Judged], thresholds: Thresholds) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for one in judged:
        evaluation = evaluate([one], thresholds)
        for component in evaluation.components:
            group = evaluation.overall(component)
            figures = {
                name: round(figure.value, 4) if math.isfinite(figure.value) else None
                for name, figure in group.figures.items()
            }
            place = {"row": one.name, "site": one.site, "organ": one.organ}
            found.append({**place, "component": str(component), **figures})
    return found
