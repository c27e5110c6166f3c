"""``reliability.png``: how often the network is right when it is that sure."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from histo.training.evaluation.calibration import CALIBRATION_BINS
from histo.training.evaluation.evaluation import Evaluation
from histo.vocabulary import COLOURS, RESEARCH_USE, Component

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["write_reliability"]

_QUIET = "#6b6b6b"


def write_reliability(path: Path, evaluation: Evaluation) -> None:
    """Write a PNG with a column for each component: the curve, and where its pixels lie.

    The picture's file holds no text chunks.
    """
    # Here: nothing but this picture needs matplotlib, and it is slow to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    components = evaluation.components
    figure = Figure(figsize=(4.3 * len(components) + 0.4, 5.2), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(components), squeeze=False, height_ratios=(3.2, 1), sharex=True)
    for (curve, shares), component in zip(grid.T, components, strict=True):
        _draw(curve, shares, evaluation, component)
    figure.supxlabel(RESEARCH_USE, x=0.015, ha="left", fontsize=7.5, color=_QUIET)
    figure.savefig(path, format="png", metadata={"Software": None})


def _draw(curve: "Axes", shares: "Axes", evaluation: Evaluation, component: Component) -> None:
    found = evaluation.reliability(component)
    error = evaluation.overall(component).figures["calibration error"].value
    colour = tuple(part / 255 for part in COLOURS[component])
    some = found.pixels > 0
    share = found.pixels / found.pixels.sum()
    curve.plot([0, 1], [0, 1], color=_QUIET, linewidth=0.9)
    curve.plot(found.predicted[some], found.observed[some], "o-", color=colour, markersize=4.5)
    curve.axvline(evaluation.thresholds[component], color=_QUIET, linewidth=0.9, linestyle=":")
    curve.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share of pixels where it is present")
    words = f"{component}\ncalibration error {error:.3f}; dotted: threshold"
    curve.set_title(words, loc="left", fontsize=9.5, linespacing=1.4)
    middles = (np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS
    shares.bar(middles, share, width=0.9 / CALIBRATION_BINS, color=colour)
    shares.set(xlabel="probability", ylabel="share of pixels", ylim=(0, None))
    for axes in (curve, shares):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8.5)
