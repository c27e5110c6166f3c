"""Flat tops of a map, measured in blocks and joined across the seams."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from histo.geometry import Box

__all__ = ["Plateaus", "join_plateaus"]


@dataclass(frozen=True, eq=False)
class Plateaus:
    """Sets of connected pixels of one level, as sums that add up.

    Attributes
    ----------
    pixels
        ndarray of int64, shape (N,): number of pixels.
    sums
        ndarray of int64, shape (N, 2): sums of their rows and columns.
    level
        ndarray of uint16, shape (N,).
    shoulder
        ndarray of bool, shape (N,): touches higher ground, so it is no top.
    seam
        ndarray of int64, shape (M, 3): (row, col, plateau) of the pixels along the block's edge.
    """

    pixels: NDArray[np.int64]
    sums: NDArray[np.int64]
    level: NDArray[np.uint16]
    shoulder: NDArray[np.bool_]
    seam: NDArray[np.int64]

    @classmethod
    def of_pixels(
        cls,
        plateau: NDArray[np.integer],
        at: NDArray[np.integer],
        level: NDArray[np.uint16],
        shoulder: NDArray[np.bool_],
        box: Box,
    ) -> "Plateaus":
        """Add up the pixels of one block.

        Parameters
        ----------
        plateau
            ndarray of int, shape (P,): which plateau each pixel is of, 0 to N - 1.
        at
            ndarray of int, shape (P, 2): its (row, col) in the whole map.
        level, shoulder
            Shape (P,), of each pixel.
        box
            The block, in the frame of the whole map.
        """
        row, col = at[:, 0], at[:, 1]
        edge = (row == box.row) | (row == box.bottom - 1)
        edge |= (col == box.col) | (col == box.right - 1)
        seam = np.column_stack([at[edge], plateau[edge]]).astype(np.int64)
        pixels = np.bincount(plateau)
        heights = np.zeros(len(pixels), np.uint16)
        heights[plateau] = level
        slopes = np.zeros(len(pixels), bool)
        slopes[plateau[shoulder]] = True
        return cls(pixels, _summed(plateau, at, len(pixels)), heights, slopes, seam)

    @property
    def centroids(self) -> NDArray[np.float64]:
        """Mean (row, col), float64, shape (N, 2); pixel centres at integer + 0.5."""
        centroids: NDArray[np.float64] = self.sums / self.pixels[:, None] + 0.5
        return centroids


def join_plateaus(parts: Sequence[Plateaus], width: int) -> Plateaus:
    """Join the plateaus that blocks have cut; drop shoulders; order by row, then column.

    Touching pixels of two blocks are of one plateau: neither has a higher neighbour, so both
    have the same level.

    Parameters
    ----------
    parts
        One for each block; the blocks tile the map.
    width
        Columns of the whole map.
    """
    if not parts:
        nothing = np.zeros(0, np.int64)
        none = np.zeros(0, bool)
        return Plateaus(
            nothing, nothing.reshape(0, 2), none.astype(np.uint16), none, nothing.reshape(0, 3)
        )
    starts = np.cumsum([0] + [len(part.pixels) for part in parts])
    seam = np.concatenate([part.seam for part in parts])
    seam[:, 2] += np.repeat(starts[:-1], [len(part.seam) for part in parts])
    count, whole = _merged(int(starts[-1]), _touching(seam, width))
    pixels = np.bincount(
        whole, weights=np.concatenate([part.pixels for part in parts]), minlength=count
    ).astype(np.int64)
    sums = _summed(whole, np.concatenate([part.sums for part in parts]), count)
    level = np.zeros(count, np.uint16)
    level[whole] = np.concatenate([part.level for part in parts])
    shoulder = np.zeros(count, bool)
    shoulder[whole[np.concatenate([part.shoulder for part in parts])]] = True
    centre = sums / np.maximum(pixels, 1)[:, None]
    order = np.lexsort((centre[:, 1], centre[:, 0]))
    order = order[~shoulder[order]]
    return Plateaus(pixels[order], sums[order], level[order], shoulder[order], seam[:0])


def _summed(
    index: NDArray[np.integer], values: NDArray[np.integer], count: int
) -> NDArray[np.int64]:
    """Sum the rows of ``values`` by index; exact, as float64 holds integers below 2**53."""
    sums = [np.bincount(index, weights=column, minlength=count) for column in values.T]
    return np.column_stack(sums).astype(np.int64)


def _touching(seam: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Pairs of plateaus with pixels side by side or corner to corner, shape (K, 2)."""
    # One spare column on either side: the last pixel of a row does not touch the next row's first.
    key = seam[:, 0] * (width + 2) + seam[:, 1] + 1
    order = np.argsort(key)
    key, plateau = key[order], seam[order, 2]
    pairs = []
    for offset in (1, width + 1, width + 2, width + 3):
        at = np.minimum(np.searchsorted(key, key + offset), max(0, len(key) - 1))
        hit = key[at] == key + offset
        pairs.append(np.column_stack([plateau[hit], plateau[at[hit]]]))
    return np.concatenate(pairs)


def _merged(count: int, pairs: NDArray[np.int64]) -> tuple[int, NDArray[np.int32]]:
    if not count:
        return 0, np.zeros(0, np.int32)
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    found, whole = connected_components(links, directed=False)
    return int(found), whole
