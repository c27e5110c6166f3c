"""The window points lie in: whether a point is inside, how far the edge is, points by chance."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from histo.geometry import Spacing

__all__ = ["edge_distance_um", "points_inside", "random_points"]


def points_inside(points: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each point whether the pixel it lies in is set.

    Parameters
    ----------
    points
        ndarray of float64, shape (N, 2): (row, col) in pixels of the mask's frame.
    mask
        ndarray of bool, shape (H, W).

    Returns
    -------
    ndarray of bool, shape (N,)
        False for points beyond the mask.
    """
    at = np.floor(np.asarray(points, np.float64).reshape(-1, 2)).astype(np.int64)
    within = np.all((at >= 0) & (at < mask.shape), axis=1)
    inside = np.zeros(len(at), bool)
    inside[within] = mask[at[within, 0], at[within, 1]]
    return inside


def edge_distance_um(
    points: NDArray[np.floating], inside: NDArray[np.bool_], spacing: Spacing, limit_um: float
) -> NDArray[np.float64]:
    """Return each point's distance to the mask's edge, or to the frame's, in µm.

    The distance to the square of the outside pixel whose centre is nearest: exact beside
    straight edges along the axes, within a fraction of a pixel elsewhere. Only the pixels along
    the edge are searched, so large masks cost no distance map.

    Parameters
    ----------
    points : ndarray of float, shape (N, 2)
        (row, col) in pixels, inside the mask.
    inside : ndarray of bool, shape (H, W)
        The window.
    spacing
        µm/px.
    limit_um
        Distances beyond are returned as this limit.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    rim = _outside_rim(inside) + 0.5
    scale = np.array(spacing.pair)
    if not len(points) or not len(rim):
        return np.full(len(points), limit_um)
    places = np.asarray(points, np.float64) * scale
    _, found = KDTree(rim * scale).query(
        places, distance_upper_bound=limit_um + float(np.hypot(*scale))
    )
    distance = np.full(len(places), limit_um)
    near = found < len(rim)
    away = np.abs(places[near] - rim[found[near]] * scale) - scale / 2
    distance[near] = np.minimum(np.hypot(*np.maximum(away, 0.0).T), limit_um)
    return distance


def _outside_rim(inside: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the pixels beside the mask, those just outside the frame too, shape (K, 2)."""
    around = np.pad(inside, 1)
    touched = np.zeros(around.shape, bool)
    touched[1:] |= around[:-1]
    touched[:-1] |= around[1:]
    touched[:, 1:] |= around[:, :-1]
    touched[:, :-1] |= around[:, 1:]
    touched &= ~around
    rim: NDArray[np.intp] = np.argwhere(touched) - 1
    return rim


def random_points(
    inside: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw points uniformly over a mask, shape (count, 2), (row, col) in pixels.

    By rejection within the mask's bounding box, so no list of its pixels is made.

    Raises
    ------
    ValueError
        If the mask is empty and points are asked for.
    """
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if count and not len(rows):
        raise ValueError("no point can be drawn from an empty mask")
    drawn: list[NDArray[np.float64]] = [np.empty((0, 2))]
    missing = count
    while missing > 0:
        unit = rng.random((2 * missing + 64, 2))
        low = np.array([rows[0], cols[0]])
        tried = low + unit * (np.array([rows[-1], cols[-1]]) + 1 - low)
        kept = tried[points_inside(tried, inside)][:missing]
        drawn.append(kept)
        missing -= len(kept)
    return np.concatenate(drawn)
