"""``curves.png``: loss, and Dice of each component, over the steps of a run."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from histo.training.loop.trainer import METRICS
from histo.vocabulary import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["read_curve", "write_curves"]

_LEARNT, _JUDGED, _QUIET = "#9aa7b1", "#c0392b", "#6b6b6b"
_DICE = "val_dice_"


def write_curves(folder: Path) -> Path | None:
    """Draw ``metrics.csv`` of a run's folder; None if nothing was logged."""
    path = folder / METRICS
    if not path.is_file():
        return None
    # Here: nothing but this picture needs matplotlib, and it is slow to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    names = [name for name in (lines[0] if lines else {}) if name.startswith(_DICE)]
    figure = Figure(figsize=(4.6 + 4.6 * bool(names), 3.4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    losses, *others = figure.subplots(1, 1 + bool(names), squeeze=False)[0]
    _draw_losses(losses, lines)
    for axes in others:
        _draw_dice(axes, lines, names)
    for axes in (losses, *others):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8.5)
        axes.set_xlabel("step", fontsize=9)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8.5)
    target = folder / "curves.png"
    figure.savefig(target, format="png", metadata={"Software": None})
    return target


def read_curve(lines: list[dict[str, str]], name: str) -> NDArray[np.float64]:
    """Return steps taken (from 1) and values of one logged figure, shape (N, 2)."""
    # Lightning counts steps from 0: the line of step 9 was written after ten.
    points = [(int(line["step"]) + 1, float(line[name])) for line in lines if line.get(name)]
    return np.array(sorted(points), np.float64).reshape(-1, 2)


def _draw_losses(axes: "Axes", lines: list[dict[str, str]]) -> None:
    learnt, judged = read_curve(lines, "loss"), read_curve(lines, "val_loss")
    if len(learnt):
        axes.plot(*learnt.T, color=_LEARNT, linewidth=0.7, alpha=0.6)
        axes.plot(*_smoothed(learnt).T, color=_QUIET, linewidth=1.6, label="training, averaged")
    if len(judged):
        axes.plot(*judged.T, "o-", color=_JUDGED, markersize=3, linewidth=1.4, label="validation")
        best = judged[np.nanargmin(judged[:, 1])] if np.isfinite(judged[:, 1]).any() else judged[-1]
        axes.axvline(best[0], color=_JUDGED, linewidth=0.8, linestyle=":")
        axes.set_title(f"loss; smallest of validation after {best[0]:.0f} steps", fontsize=9)
    else:
        axes.set_title("loss", fontsize=9)


def _draw_dice(axes: "Axes", lines: list[dict[str, str]], names: list[str]) -> None:
    for name in names:
        component = name.removeprefix(_DICE)
        colour = tuple(part / 255 for part in COLOURS[component])
        curve = read_curve(lines, name)
        axes.plot(*curve.T, "o-", color=colour, markersize=3, linewidth=1.4, label=component)
    axes.set(ylim=(0, 1.02))
    axes.set_title("Dice on validation samples, at 0.5", fontsize=9)


def _smoothed(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each point and its neighbours, a thirtieth of the run to either side."""
    reach = len(curve) // 30
    summed = np.cumsum(np.vstack([[0.0, 0.0], curve]), axis=0)
    first = np.maximum(np.arange(len(curve)) - reach, 0)
    last = np.minimum(np.arange(len(curve)) + reach + 1, len(curve))
    means = (summed[last, 1] - summed[first, 1]) / (last - first)
    return np.column_stack([curve[:, 0], means])
