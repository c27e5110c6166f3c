"""How a row of the lattice is cut into strips: few pixels for a network, no bit of tissue left out.

Tissue in a band is a profile, the first and the last row of it in every column. A strip is a run
of columns and the rows from the highest to the lowest of its profile. Which cut costs least is a
shortest path from left to right (Bellman 1958, doi:10.1090/qam/102435).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Profile", "Shapes", "Strip", "cut_band", "profile_of"]

_BORDER_COST = 0.2
"""What a pixel costs whose answer nobody reads: an encoder runs there, a decoder does not
(:mod:`histo.nn.openvino_graph`; measured, 0.055 of 0.288 µs a pixel in bf16 on one core)."""

_NOTHING = np.iinfo(np.int64).max


class Strip(NamedTuple):
    """Columns [first, after) and rows [top, bottom) of a band; of the tile, (height, width)."""

    first: int
    after: int
    top: int
    bottom: int
    shape: tuple[int, int]


@dataclass(frozen=True)
class Profile:
    """Where a band holds tissue.

    Attributes
    ----------
    tops, bottoms
        ndarray of int64, shape (columns,): the rows [top, bottom) that tissue spans in a column;
        where there is none the top is huge and the bottom 0.
    """

    tops: NDArray[np.int64]
    bottoms: NDArray[np.int64]

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """Which columns hold tissue."""
        return self.bottoms > self.tops


@dataclass(frozen=True)
class Shapes:
    """The tiles there are to choose from: few, as some backends prepare for each.

    Attributes
    ----------
    sides
        Heights and widths of tiles in grid pixels, rising.
    margin_px
        By how much a tile is larger than the cell it serves, both sides together.
    border_px
        Of these, what is thrown away.
    column_px
        Width of a column of the profile.
    call_px
        What a tile costs beside its pixels, in pixels (measured, 0.5 to 1 ms of 0.33 µs a pixel).
    """

    sides: tuple[int, ...]
    margin_px: int
    border_px: int
    column_px: int
    call_px: int = 2000

    def costs(self, height_px: NDArray[np.int64], width: int) -> NDArray[np.float64]:
        """Return what tiles cost that serve cells of some heights, in pixels computed in full."""
        sides = np.array(self.sides)
        high = sides[np.searchsorted(sides, np.minimum(height_px + self.margin_px, sides[-1]))]
        inner = (high - self.border_px) * (width - self.border_px)
        return np.asarray(self.call_px + _BORDER_COST * high * width + (1 - _BORDER_COST) * inner)

    def shape_for(self, rows_px: int, columns: int) -> tuple[int, int]:
        """Return the smallest tile that serves a cell."""
        wanted = rows_px + self.margin_px, columns * self.column_px + self.margin_px
        height, width = (next(side for side in self.sides if side >= least) for least in wanted)
        return height, width


def profile_of(
    mask: NDArray[np.bool_],
    edges: tuple[NDArray[np.int64], NDArray[np.int64]],
    ranges: Sequence[tuple[int, int]],
) -> Profile:
    """Return the profile of the rows of a mask that touch a band.

    Parameters
    ----------
    mask
        ndarray of bool, shape (rows, mask columns).
    edges
        First row of the grid that a mask row touches, and the one after the last, for each row.
    ranges
        For each column the mask columns it touches, half open.
    """
    starts, ends = edges
    held = mask.any(axis=0)
    top = np.where(held, starts[mask.argmax(axis=0)], _NOTHING)
    bottom = np.where(held, ends[len(mask) - 1 - mask[::-1].argmax(axis=0)], 0)
    index = np.array(ranges).ravel()
    return Profile(
        np.minimum.reduceat(np.append(top, _NOTHING), index)[::2],
        np.maximum.reduceat(np.append(bottom, 0), index)[::2],
    )


def cut_band(profile: Profile, shapes: Shapes) -> list[Strip]:
    """Cut a band into the strips that cost least, from left to right.

    Every column with tissue is in exactly one strip, and no strip begins or ends without.
    """
    occupied = np.flatnonzero(profile.occupied)
    if not occupied.size:
        return []
    first, after = int(occupied[0]), int(occupied[-1]) + 1
    tops, bottoms = profile.tops[first:after], profile.bottoms[first:after]
    lengths = [(width - shapes.margin_px) // shapes.column_px for width in shapes.sides]
    costs = [
        shapes.costs(_spans(tops, bottoms, length), width).tolist()
        for length, width in zip(lengths, shapes.sides, strict=True)
    ]
    chosen = _cheapest((bottoms > tops).tolist(), lengths, costs)
    strips = []
    for start, end in chosen:
        held = first + start + np.flatnonzero(bottoms[start:end] > tops[start:end])
        left, right = int(held[0]), int(held[-1]) + 1
        top, bottom = int(tops[start:end].min()), int(bottoms[start:end].max())
        strips.append(Strip(left, right, top, bottom, shapes.shape_for(bottom - top, right - left)))
    return strips


def _spans(tops: NDArray[np.int64], bottoms: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return the rows that tissue spans in ``length`` columns from each one on."""
    windows = np.lib.stride_tricks.sliding_window_view
    high = windows(np.append(tops, np.full(length - 1, _NOTHING)), length).min(axis=1)
    low = windows(np.append(bottoms, np.zeros(length - 1, np.int64)), length).max(axis=1)
    return np.asarray(np.where(low > 0, low - high, 0))


def _cheapest(
    occupied: list[bool], lengths: list[int], costs: list[list[float]]
) -> list[tuple[int, int]]:
    """Return the cut of least cost: half-open runs of columns, each beginning with tissue."""
    count = len(occupied)
    best = [0.0] * (count + 1)
    choice = [0] * count  # columns to go on by; 0 where there is nothing to cover
    for column in range(count - 1, -1, -1):
        if not occupied[column]:
            best[column] = best[column + 1]
            continue
        best[column], choice[column] = min(
            (cost[column] + best[min(column + length, count)], length)
            for cost, length in zip(costs, lengths, strict=True)
        )
    runs, column = [], 0
    while column < count:
        if choice[column]:
            runs.append((column, min(column + choice[column], count)))
        column += choice[column] or 1
    return runs
