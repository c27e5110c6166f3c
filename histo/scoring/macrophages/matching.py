"""Detected cells against true ones: one to one, within a radius."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from histo.geometry import Spacing

__all__ = ["MATCH_RADII_UM", "MatchCounts", "match_cells", "match_counts"]

MATCH_RADII_UM = (7.5, 10.0)
"""Radii at which detection is judged: 7.5 µm for nuclei, 10 µm for macrophages."""


@dataclass(frozen=True)
class MatchCounts:
    """How many cells were found; counts of slides or blocks are added with ``+``.

    Attributes
    ----------
    matched
        Pairs of a detected and a true cell.
    detected, true
        All cells of either kind.
    """

    matched: int
    detected: int
    true: int

    def __add__(self, other: "MatchCounts") -> "MatchCounts":
        return MatchCounts(
            self.matched + other.matched, self.detected + other.detected, self.true + other.true
        )

    @property
    def precision(self) -> float:
        """Share of the detected cells that are true; NaN if none was detected."""
        return self.matched / self.detected if self.detected else float("nan")

    @property
    def recall(self) -> float:
        """Share of the true cells that were detected; NaN if there are none."""
        return self.matched / self.true if self.true else float("nan")

    @property
    def f1(self) -> float:
        """2 matched / (detected + true); NaN if there is no cell at all."""
        cells = self.detected + self.true
        return 2 * self.matched / cells if cells else float("nan")


def match_cells(
    detected: NDArray[np.floating],
    true: NDArray[np.floating],
    spacing: Spacing,
    radius_um: float,
) -> NDArray[np.intp]:
    """Pair detected with true cells: as many pairs as possible, then as close as possible.

    Cells further apart than the radius are never paired, and no cell is in two pairs. Nearest
    neighbours taken greedily may leave a cell over that a better choice would have paired; this
    is the optimum, found as an assignment in each group of cells linked by the radius.

    Parameters
    ----------
    detected, true
        ndarray of float, shapes (N, 2) and (M, 2): (row, col) in pixels of one frame.
    spacing
        µm/px of the frame.
    radius_um
        Largest distance of a pair, µm; see ``MATCH_RADII_UM``.

    Returns
    -------
    ndarray of intp, shape (K, 2)
        (index of detected, index of true), in order of the first.

    Raises
    ------
    ValueError
        If the radius is negative.

    Examples
    --------
    >>> near, far = np.array([[0.0, 0.0], [0.0, 6.0]]), np.array([[0.0, 5.0], [0.0, 12.0]])
    >>> match_cells(near, far, Spacing(1.0, 1.0), 7.5).tolist()
    [[0, 0], [1, 1]]
    """
    if not radius_um >= 0:
        raise ValueError(f"a radius is 0 µm or more, found {radius_um}")
    first, second, gap_um = _links(detected, true, spacing, radius_um)
    group, size = _groups(first, second, len(detected), len(true))
    alone = size[group] == 1
    chosen = [np.column_stack([first[alone], second[alone]])]
    # The rest by one sparse assignment.
    rest = ~alone
    if rest.any():
        chosen.append(_assigned(first[rest], second[rest], gap_um[rest]))
    pairs = np.concatenate(chosen).astype(np.intp)
    return pairs[np.argsort(pairs[:, 0], kind="stable")]


def match_counts(
    detected: NDArray[np.floating],
    true: NDArray[np.floating],
    spacing: Spacing,
    radius_um: float,
) -> MatchCounts:
    """Return the counts of :func:`match_cells`, from which precision, recall and F1 follow."""
    pairs = match_cells(detected, true, spacing, radius_um)
    return MatchCounts(len(pairs), len(detected), len(true))


def _links(
    detected: NDArray[np.floating],
    true: NDArray[np.floating],
    spacing: Spacing,
    radius_um: float,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Every pair within the radius: index of detected, index of true, distance in µm."""
    if not (len(detected) and len(true)):
        none = np.zeros(0, np.intp)
        return none, none, np.zeros(0)
    trees = [KDTree(np.asarray(points, np.float64) * spacing.pair) for points in (detected, true)]
    found = trees[0].sparse_distance_matrix(trees[1], radius_um, output_type="ndarray")
    return found["i"], found["j"], found["v"]


def _groups(
    first: NDArray[np.intp], second: NDArray[np.intp], detected: int, true: int
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Group of each link, and the number of links in each group."""
    nodes = detected + true
    links = coo_array((np.ones(len(first), bool), (first, second + detected)), (nodes, nodes))
    _, label = connected_components(links, directed=False)
    group = label[first]
    return group, np.bincount(group, minlength=1)


def _assigned(
    first: NDArray[np.intp], second: NDArray[np.intp], gap_um: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Most pairs, then the least total distance.

    Each detected cell may also take a partner of its own that means "unpaired". It costs more
    than all distances together, so it is taken only where nothing else is left.
    """
    rows, row = np.unique(first, return_inverse=True)
    cols, col = np.unique(second, return_inverse=True)
    count = len(rows)
    # 1 is added to every cost, once a row, because a stored 0 would read as "no link".
    unpaired = 2.0 + gap_um.max() * min(count, len(cols))
    cost = coo_array(
        (
            np.concatenate([gap_um + 1.0, np.full(count, unpaired)]),
            (
                np.concatenate([row, np.arange(count)]),
                np.concatenate([col, len(cols) + np.arange(count)]),
            ),
        ),
        (count, len(cols) + count),
    ).tocsr()
    left, right = min_weight_full_bipartite_matching(cost)
    real = right < len(cols)
    return np.column_stack([rows[left[real]], cols[right[real]]])
