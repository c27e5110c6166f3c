"""Rounds of answers become a Markdown table.

A ratio is taken within each round, where both sides met the same machine, and its median given.
"""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

__all__ = ["Round", "headline", "memory_table", "speed_table"]

Answer = dict[str, Any]
Round = dict[str, Answer]
"""Name of a measurement -> its answer; see ``inference.py`` for the names."""

_MAPPED = ("tissue", "load network", "segment")
_HEAD = (
    "run",
    "tiles",
    "seconds*",
    "core s*",
    "network px a tissue px",
    "tissue Mpx/s*",
    "tile Mpx/s*",
    "x TIAToolbox, same tissue",
    "x TIAToolbox, a tile pixel",
    "x bare forward",
    "peak MB",
)


def speed_table(rounds: Sequence[Round], tissue_mpx: float, precisions: Sequence[str]) -> str:
    """Return the table of what was timed."""
    rows = [list(_HEAD), ["---"] + ["---:"] * (len(_HEAD) - 1)]
    for precision in precisions:
        whole, forward = f"whole {precision}", f"forward {precision}"
        exported = f"exported {precision}"
        rows += [
            _row(f"{whole}: path to results", rounds, whole, _wall, forward, tissue_mpx),
            _row(f"{whole}: path to map", rounds, whole, _mapped, forward, tissue_mpx),
            _row(f"{whole}: tiles to map", rounds, whole, _segmented, forward, tissue_mpx),
            _row(forward, rounds, forward, _wall, forward, tissue_mpx),
            _row(exported, rounds, exported, _wall, forward, tissue_mpx),
        ]
    rows.append(_row("tiatoolbox", rounds, "tiatoolbox", _wall, None, tissue_mpx))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows if row)


def _row(
    title: str,
    rounds: Sequence[Round],
    name: str,
    seconds: Callable[[Answer], float],
    forward: str | None,
    tissue_mpx: float,
) -> list[str]:
    """Return a line of the table; empty where there is no such measurement."""
    found = [one[name] for one in rounds if name in one]
    if not found:
        return []
    taken = median(seconds(one) for one in found)
    last = found[-1]
    tile_mpx = _tile_mpx(last)
    toolbox = _ratio(rounds, "tiatoolbox", name, seconds)
    a_pixel = _ratio(rounds, "tiatoolbox", name, seconds, per_tile_mpx=True)
    bare = None if forward is None else _ratio(rounds, forward, name, seconds)
    return [
        title,
        str(last["tiles"]),
        f"{taken:.2f}",
        f"{median(one['core_s'] for one in found):.1f}" if seconds is _wall else "",
        f"{tile_mpx / tissue_mpx:.2f}",
        f"{tissue_mpx / taken:.2f}",
        f"{tile_mpx / taken:.2f}",
        _shown(toolbox),
        _shown(a_pixel),
        "" if bare is None else f"{1 / bare:.3f}",
        f"{max(one['peak_mb'] for one in found):.0f}",
    ]


def _ratio(
    rounds: Sequence[Round],
    slow: str,
    fast: str,
    seconds: Callable[[Answer], float],
    *,
    per_tile_mpx: bool = False,
) -> float | None:
    """Return how many times as long the slow one took, the median of the rounds."""
    ratios = []
    for one in rounds:
        if slow not in one or fast not in one:
            continue
        ratio = _wall(one[slow]) / seconds(one[fast])
        scale = _tile_mpx(one[fast]) / _tile_mpx(one[slow]) if per_tile_mpx else 1.0
        ratios.append(ratio * scale)
    return median(ratios) if ratios else None


def headline(rounds: Sequence[Round], precisions: Sequence[str]) -> dict[str, float]:
    """Return the ratios that count, by name."""
    found: dict[str, float] = {}
    for precision in precisions:
        whole, forward = f"whole {precision}", f"forward {precision}"
        pairs = {
            f"tiatoolbox / {whole}": _ratio(rounds, "tiatoolbox", whole, _wall),
            f"{whole} / {forward}": _inverse(_ratio(rounds, forward, whole, _wall)),
            f"{whole} to map / {forward}": _inverse(_ratio(rounds, forward, whole, _mapped)),
        }
        found |= {name: round(value, 3) for name, value in pairs.items() if value is not None}
    return found


def memory_table(slides: Sequence[tuple[str, float, float]]) -> str:
    """Return the table of peak memory.

    Parameters
    ----------
    slides
        For each its name, Mpx of tissue, and peak memory in MB; the first is what others are
        compared with.
    """
    lines = ["| slide | tissue Mpx | peak MB | x the first |", "| --- | ---: | ---: | ---: |"]
    first = slides[0][2]
    lines += [f"| {n} | {mpx:.1f} | {mb:.0f} | {mb / first:.2f} |" for n, mpx, mb in slides]
    return "\n".join(lines)


def _wall(given: Answer) -> float:
    return float(given["wall_s"])


def _mapped(given: Answer) -> float:
    return float(sum(given["stages_s"][stage] for stage in _MAPPED))


def _segmented(given: Answer) -> float:
    return float(given["stages_s"]["segment"])


def _tile_mpx(given: Answer) -> float:
    """Return the pixels the network saw; TIAToolbox's patches are all of one size."""
    return float(given.get("network_mpx", given["tiles"] * given["tile_px"] ** 2 * 1e-6))


def _inverse(value: float | None) -> float | None:
    return None if value is None else 1 / value


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
