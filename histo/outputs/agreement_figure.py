"""The picture of agreement: a scatter with the line of identity beside Bland and Altman's plot."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from histo.outputs.agreement_words import (
    bias_words,
    estimate_words,
    limit_words,
    unit_words,
)
from histo.scoring.agreement import (
    BlandAltman,
    PairAgreement,
    Scale,
    backward,
    forward,
)
from histo.vocabulary import RESEARCH_USE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from histo.outputs.agreement_files import ComparedScore

__all__ = ["MOST_ROWS", "write_agreement_figure"]

MOST_ROWS = 6
"""With more pairs only those with the first table are drawn."""

_POINT = "#00615e"
_QUIET = "#6b6b6b"
_BAND = "#00615e"
_SMALL = 8.5


def write_agreement_figure(path: Path, score: "ComparedScore") -> None:
    """Write a PNG with a row for each pair of tables: scatter, and difference against mean.

    Points are slides without a name. The picture's file holds no text chunks.
    """
    # Here: nothing but this picture needs matplotlib, and it is slow to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from histo.outputs.agreement_files import table_letter

    pairs = score.result.pairs
    if len(pairs) > MOST_ROWS:
        pairs = tuple(pair for pair in pairs if pair.first == 0)
    figure = Figure(figsize=(10.0, 4.1 * len(pairs) + 0.7), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(pairs), 2, squeeze=False, width_ratios=(1.0, 1.35))
    used = score.values[score.result.used]
    for (left, right), pair in zip(grid, pairs, strict=True):
        letters = table_letter(pair.first), table_letter(pair.second)
        table = used[:, [pair.first, pair.second]]
        _scatter(left, table, pair, letters, score.unit)
        _differences(right, table, pair.bland_altman, letters, score.unit)
    figure.suptitle(_title(score), x=0.015, ha="left", fontsize=11.5)
    figure.supxlabel(RESEARCH_USE, x=0.015, ha="left", fontsize=7.5, color=_QUIET)
    figure.savefig(path, format="png", metadata={"Software": None})


def _title(score: "ComparedScore") -> str:
    result = score.result
    left_out = len(result.used) - result.n
    parts = [f"{result.n} slides"]
    if result.patients is not None:
        parts[0] += f" of {result.patients} patients"
    if left_out:
        parts.append(f"{left_out} left out")
    if result.scale is not Scale.RAW:
        parts.append(f"compared on the {result.scale} scale")
    return f"{score.name}:  {', '.join(parts)}"


def _scatter(
    axes: "Axes",
    table: NDArray[np.float64],
    pair: PairAgreement,
    letters: tuple[str, str],
    unit: str,
) -> None:
    scale = pair.bland_altman.scale
    ends = _ends(table, scale)
    for axis in ("x", "y"):
        _set_scale(axes, axis, scale)
    axes.plot(ends, ends, color=_QUIET, linewidth=0.9, zorder=1)
    axes.annotate(
        "identity",
        (0.97, 0.97),
        xycoords="axes fraction",
        xytext=(7, -3),
        textcoords="offset points",
        rotation=45,
        ha="right",
        va="top",
        fontsize=7.5,
        color=_QUIET,
    )
    _points(axes, table[:, 1], table[:, 0])
    if scale is Scale.RAW and (table == np.round(table)).all():
        axes.locator_params(integer=True)
    axes.set(xlim=ends, ylim=ends, xlabel=_label(letters[1], unit), ylabel=_label(letters[0], unit))
    axes.set_aspect("equal", adjustable="box", anchor="W")
    lines = [
        f"{letters[0]} against {letters[1]}",
        f"ICC(2,1)  {estimate_words(pair.icc)}",
        f"CCC  {estimate_words(pair.ccc)}",
    ]
    if pair.kappa is not None:
        lines.append(f"weighted κ  {estimate_words(pair.kappa)}")
    _finish(axes, lines)


def _differences(
    axes: "Axes",
    table: NDArray[np.float64],
    found: BlandAltman,
    letters: tuple[str, str],
    unit: str,
) -> None:
    scale = found.scale
    on_scale = forward(table, scale)
    middle = backward(on_scale.mean(axis=1), scale)
    apart = on_scale[:, 0] - on_scale[:, 1]
    if scale is Scale.LOG:
        apart = np.exp(apart)
        axes.set_yscale("log")
    _set_scale(axes, "x", scale)
    axes.axhline(found.none, color=_QUIET, linewidth=0.8, linestyle=":")
    same = math.isclose(found.lower.value, found.upper.value, rel_tol=1e-9)
    lines = (
        (found.lower, "--", "" if same else "lower limit"),
        (found.bias, "-", "bias and limits" if same else "bias"),
        (found.upper, "--", "" if same else "upper limit"),
    )
    for estimate, line, name in lines:
        if math.isfinite(estimate.low) and math.isfinite(estimate.high):
            axes.axhspan(estimate.low, estimate.high, color=_BAND, alpha=0.10, linewidth=0)
        axes.axhline(estimate.value, color=_BAND, linewidth=1.1, linestyle=line)
        axes.annotate(
            name,
            (1.0, estimate.value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=_QUIET,
        )
    _points(axes, middle, apart)
    a, b = letters
    mean = {Scale.LOG: "geometric mean", Scale.ROOT: "mean on the root scale"}.get(scale, "mean")
    word = unit_words(unit)
    axes.set_xlabel(f"{mean} of {a} and {b}" + (f" ({word})" if word else ""))
    names = {Scale.LOG: f"{a} / {b}", Scale.ROOT: f"√{a} − √{b}"}
    in_unit = f" ({word})" if word and scale is Scale.RAW else ""
    axes.set_ylabel(names.get(scale, f"{a} − {b}") + in_unit)
    axes.margins(x=0.06, y=0.12)
    _finish(axes, [bias_words(found, a, b, unit), limit_words(found, unit)])


def _points(axes: "Axes", x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Draw the slides; where several fall on one point, as grades do, it is that much larger."""
    places, slides = np.unique(np.column_stack([x, y]), axis=0, return_counts=True)
    alpha = 0.75 if len(places) <= 100 else 0.4
    size = 20.0 * np.minimum(slides, 60)
    style: dict[str, Any] = {"color": _POINT, "alpha": alpha, "linewidths": 0, "clip_on": False}
    axes.scatter(places[:, 0], places[:, 1], s=size, zorder=3, **style)


def _ends(table: NDArray[np.float64], scale: Scale) -> tuple[float, float]:
    """Return the ends of both axes of the scatter, a little beyond the values."""
    on_scale = forward(table, scale)
    low, high = float(on_scale.min()), float(on_scale.max())
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    low = max(low - room, 0.0) if scale is Scale.ROOT else low - room
    first, last = backward(np.array([low, high + room]), scale)
    return float(first), float(last)


def _set_scale(axes: "Axes", axis: str, scale: Scale) -> None:
    turn: Any = axes.set_xscale if axis == "x" else axes.set_yscale
    if scale is Scale.LOG:
        turn("log")
    elif scale is Scale.ROOT:
        turn("function", functions=(lambda v: np.sqrt(np.maximum(v, 0)), np.square))


def _plain_ticks(axes: "Axes") -> None:
    """Write the numbers of logarithmic axes out, a few of them whatever the range."""
    from matplotlib.ticker import (
        LogLocator,
        MaxNLocator,
        NullFormatter,
        NullLocator,
        StrMethodFormatter,
    )

    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() != "log":
            continue
        if high / low < 8:  # powers of ten would leave one tick or none
            axis.set_major_locator(MaxNLocator(6))
            axis.set_minor_locator(NullLocator())
        else:
            few = high / low < 1000
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=9))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def _label(letter: str, unit: str) -> str:
    word = unit_words(unit)
    return f"{letter} ({word})" if word else letter


def _finish(axes: "Axes", lines: list[str]) -> None:
    _plain_ticks(axes)
    words = "\n".join(lines).replace("-", "−")  # as the axes write it
    axes.set_title(words, loc="left", fontsize=_SMALL, linespacing=1.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=_SMALL)
    axes.xaxis.label.set_fontsize(_SMALL + 0.5)
    axes.yaxis.label.set_fontsize(_SMALL + 0.5)
