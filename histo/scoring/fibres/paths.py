"""A skeleton as paths: ordered points between ends and branch points, all at once.

Pixels are linked to their neighbours; a diagonal link is dropped where two straight ones go the
same way. Pixels with three links or more are branch points. What is left falls into paths, and
the number of links from one of its ends (a breadth-first search over all paths together) is the
order of a pixel in its path. There is no loop over pixels or branches.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

__all__ = ["Paths", "trace_paths"]

Int = NDArray[np.int64]
_OFFSETS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True, eq=False)
class Paths:
    """Branches of a skeleton, one after the other.

    Attributes
    ----------
    points_px : ndarray of float64, shape (N, 2)
        (row, col) of pixel centres; a branch that meets others starts or ends in the centre of
        the branch point.
    branch : ndarray of int64, shape (N,)
        Index of the branch each point belongs to, ascending.
    free_ends : ndarray of int64, shape (B,)
        Ends of each branch that meet nothing, 0 to 2.
    end_points_px : ndarray of float64, shape (E, 2)
        Where fibres end.
    branch_points_px : ndarray of float64, shape (J, 2)
        Where three or more branches meet.
    """

    points_px: NDArray[np.float64]
    branch: Int
    free_ends: Int
    end_points_px: NDArray[np.float64]
    branch_points_px: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Graph:
    """Linked pixels of a skeleton."""

    pixels: Int
    links: Int

    @cached_property
    def degree(self) -> Int:
        return np.bincount(self.links.ravel(), minlength=len(self.pixels))

    @cached_property
    def crossing(self) -> NDArray[np.bool_]:
        return np.asarray(self.degree >= 3)

    def components(self, links: Int) -> Int:
        """Label of each pixel's component when only these links hold."""
        labels = csgraph.connected_components(self.matrix(links), directed=False)[1]
        return np.asarray(labels, dtype=np.int64)

    def matrix(self, links: Int) -> Any:
        count = len(self.pixels)
        return sparse.coo_matrix(
            (np.ones(len(links)), (links[:, 0], links[:, 1])), (count, count)
        ).tocsr()


@dataclass(frozen=True, eq=False)
class _Order:
    """Branch of each pixel (else -1), its place in it, and each branch's first pixel."""

    branch: Int
    place: Int
    start: Int
    ring: NDArray[np.bool_]


def trace_paths(skeleton: NDArray[np.bool_]) -> Paths:
    """Trace a skeleton of one pixel's width.

    Parameters
    ----------
    skeleton : ndarray of bool, shape (H, W)
        As `skimage.morphology.skeletonize` gives it. Single pixels are left out.
    """
    graph = _Graph(np.argwhere(skeleton), _links(skeleton))
    cluster, centres = _clusters(graph)
    order = _ordered(graph)
    points, branch = _assembled(graph, order, cluster, centres)
    tips = graph.degree == 1
    free = np.bincount(order.branch[tips], minlength=len(order.start))
    return Paths(points, branch, free, graph.pixels[tips] + 0.5, centres)


def _links(skeleton: NDArray[np.bool_]) -> Int:
    """Pairs of indices of linked pixels, shape (L, 2)."""
    height, width = skeleton.shape
    index = np.full((height + 2, width + 2), -1, np.int64)
    index[1:-1, 1:-1][skeleton] = np.arange(np.count_nonzero(skeleton))
    rows, cols = np.nonzero(index >= 0)
    found = []
    for down, right in _OFFSETS:
        other = index[rows + down, cols + right]
        linked = other >= 0
        if down and right:
            linked &= (index[rows + down, cols] < 0) & (index[rows, cols + right] < 0)
        found.append(np.stack([index[rows, cols][linked], other[linked]], axis=1))
    return np.concatenate(found)


def _clusters(graph: _Graph) -> tuple[Int, NDArray[np.float64]]:
    """Group touching branch points; index of each pixel's group (else -1), and their centres."""
    crossing = graph.crossing
    cluster = np.full(len(graph.pixels), -1, np.int64)
    if not crossing.any():
        return cluster, np.empty((0, 2))
    labels = graph.components(graph.links[crossing[graph.links].all(axis=1)])
    cluster[crossing] = np.unique(labels[crossing], return_inverse=True)[1]
    size = np.bincount(cluster[crossing])
    centres = [
        np.bincount(cluster[crossing], graph.pixels[crossing, axis] + 0.5) / size for axis in (0, 1)
    ]
    return cluster, np.stack(centres, axis=1)


def _ordered(graph: _Graph) -> _Order:
    count = len(graph.pixels)
    branch = np.full(count, -1, np.int64)
    place = np.zeros(count, np.int64)
    member = np.flatnonzero(~graph.crossing & (graph.degree > 0))
    if not member.size:
        return _Order(branch, place, np.empty(0, np.int64), np.empty(0, np.bool_))
    links = graph.links[~graph.crossing[graph.links].any(axis=1)]
    names, branch[member] = np.unique(graph.components(links)[member], return_inverse=True)
    tips = member[np.bincount(links.ravel(), minlength=count)[member] <= 1]
    start = np.full(len(names), count, np.int64)
    np.minimum.at(start, branch[tips], tips)
    # A closed ring has no tip: it starts anywhere, and one of that pixel's two links is cut.
    ring = start == count
    first = np.full(len(names), count, np.int64)
    np.minimum.at(first, branch[member], member)
    start[ring] = first[ring]
    at_start, side = np.nonzero(np.isin(links, start[ring]))
    _, chosen = np.unique(links[at_start, side], return_index=True)
    opened = np.delete(links, at_start[chosen], axis=0)
    hops = csgraph.dijkstra(
        graph.matrix(opened), directed=False, indices=start, unweighted=True, min_only=True
    )
    place[member] = hops[member].astype(np.int64)
    return _Order(branch, place, start, ring)


def _assembled(
    graph: _Graph, order: _Order, cluster: Int, centres: NDArray[np.float64]
) -> tuple[NDArray[np.float64], Int]:
    """Points of all branches in order, with the branch points at their ends and rings closed."""
    last = len(graph.pixels) + 1
    member = np.flatnonzero(order.branch >= 0)
    pixel, group = _attachments(graph, cluster)
    # A branch of one pixel has both of its neighbours there: the first leads, the second ends.
    leads = np.zeros(len(pixel), np.bool_)
    leads[np.unique(pixel, return_index=True)[1]] = True
    leads &= pixel == order.start[order.branch[pixel]]
    rings = np.flatnonzero(order.ring)
    points = [graph.pixels[member] + 0.5, centres[group], graph.pixels[order.start[rings]] + 0.5]
    branch = np.concatenate([order.branch[member], order.branch[pixel], rings])
    place = np.concatenate(
        [order.place[member], np.where(leads, -1, last), np.full(len(rings), last)]
    )
    sequence = np.lexsort((place, branch))
    return np.concatenate(points)[sequence], branch[sequence]


def _attachments(graph: _Graph, cluster: Int) -> tuple[Int, Int]:
    """Pixels of branches beside a branch point, and the group of that branch point."""
    one, other = graph.links[graph.crossing[graph.links].sum(axis=1) == 1].T
    pixel = np.where(graph.crossing[one], other, one)
    return pixel, cluster[np.where(graph.crossing[one], one, other)]
