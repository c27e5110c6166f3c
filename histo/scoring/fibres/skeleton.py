"""The fibre skeleton: how long, wide, straight, curved and branched fibres are.

Length. A digital line's links (1 and √2) overstate it by up to 8 %. Here each traced branch is
smoothed along itself, its ends held, by a Gaussian of 1.5 links, and the chords between its
points are added up: within 3 % of straight lines at every angle, and a curve of radius r px is
shortened by about 1.1 / r². Unlike corner counts (Vossepoel and Smeulders 1982, Comput Graphics
Image Process 20:347, the reference in the tests) it holds for pixels that are not square.

A fibre that crosses another is cut there: straightness is that of branches, between ends and
branch points, not of whole fibres.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.scoring.fibres.paths import Paths, trace_paths

__all__ = ["SkeletonCounts", "SkeletonSettings", "skeleton_counts", "skeletonised"]

Float = NDArray[np.float64]
_SMOOTH_LINKS = 1.5
_REACH = 6


@dataclass(frozen=True)
class SkeletonSettings:
    """Scales of the skeleton.

    Attributes
    ----------
    branch_um
        Shorter branches that end freely are spurs of a ragged edge and are cut once.
    straight_um
        Only branches at least this long enter straightness: on a few pixels all are straight.
    window_um
        Curvature is the turn between the chords of this length before and after a point.
    """

    branch_um: float = 4.0
    straight_um: float = 10.0
    window_um: float = 10.0

    def __post_init__(self) -> None:
        if not (self.branch_um >= 0 and self.straight_um >= 0 and self.window_um > 0):
            raise ValueError(f"lengths are at least 0 and the window above 0, found {self}")


@dataclass(frozen=True)
class SkeletonCounts:
    """Sums over fibres; fields that do not overlap are added with ``+``.

    Attributes
    ----------
    area_um2
        Where fibres were looked for.
    fibre_um2
        Area of the fibres.
    length_um
        Length of the skeleton.
    width_um, width_points
        Sum of the width over the skeleton's pixels, and their number.
    chord_um, path_um
        Distance of both ends, and length along it, of branches that are long enough.
    turn_deg, turned_um
        Sum of unsigned turns weighted by length, per µm of window; and the length they cover.
    ends, branch_points
        Numbers; an end at the mask's edge is a cut, not an end.
    """

    area_um2: float = 0.0
    fibre_um2: float = 0.0
    length_um: float = 0.0
    width_um: float = 0.0
    width_points: int = 0
    chord_um: float = 0.0
    path_um: float = 0.0
    turn_deg: float = 0.0
    turned_um: float = 0.0
    ends: int = 0
    branch_points: int = 0

    def __add__(self, other: "SkeletonCounts") -> "SkeletonCounts":
        names = [field.name for field in fields(self)]
        return SkeletonCounts(**{n: getattr(self, n) + getattr(other, n) for n in names})

    @property
    def density_mm_per_mm2(self) -> float:
        """Length of fibres over the area looked at, mm/mm²; NaN without area."""
        return _ratio(self.length_um * 1e3, self.area_um2)

    @property
    def mean_width_um(self) -> float:
        """Mean width along the skeleton, µm; NaN without fibres."""
        return _ratio(self.width_um, self.width_points)

    @property
    def straightness(self) -> float:
        """End-to-end distance over length of branches, weighted by length; NaN without any."""
        return _ratio(self.chord_um, self.path_um)

    @property
    def ends_per_mm(self) -> float:
        """Ends over the length of the skeleton, /mm; NaN without fibres."""
        return _ratio(self.ends * 1e3, self.length_um)

    @property
    def branch_points_per_mm(self) -> float:
        """Branch points over the length of the skeleton, /mm; NaN without fibres."""
        return _ratio(self.branch_points * 1e3, self.length_um)

    @property
    def curvature_deg_per_um(self) -> float:
        """Mean unsigned turn, degrees per µm; NaN where no branch is two windows long."""
        return _ratio(self.turn_deg, self.turned_um)


def skeleton_counts(
    fibres: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    spacing: Spacing,
    settings: SkeletonSettings | None = None,
) -> SkeletonCounts:
    """Measure the skeleton of a mask of fibres.

    Width is twice the distance to the nearest pixel off the fibre, less a quarter of a pixel:
    the pixels of a skeleton are beside the middle of a fibre by that much on average.

    Parameters
    ----------
    fibres : ndarray of bool, shape (H, W)
        Fibres; what lies outside ``inside`` is left out.
    inside : ndarray of bool, shape (H, W)
        Where fibres were looked for: the denominator.
    spacing
        µm/px.
    settings
        None takes the defaults.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    settings = settings or SkeletonSettings()
    if fibres.ndim != 2 or fibres.shape != inside.shape:
        raise ValueError(f"masks share a 2-D shape, found {fibres.shape} and {inside.shape}")
    fibres = fibres & inside
    pixel_um2 = spacing.row * spacing.col
    area_um2 = float(np.count_nonzero(inside) * pixel_um2)
    fibre_um2 = float(np.count_nonzero(fibres) * pixel_um2)
    skeleton, paths = skeletonised(fibres, spacing, settings)
    if not paths.branch.size:
        return SkeletonCounts(area_um2, fibre_um2)
    curve = _Curve(_smoothed(paths) * spacing.pair, paths.branch)
    depth_um = _depth_um(fibres, spacing)
    width_um = 2 * depth_um[skeleton] - spacing.mean / 4
    path_um, chord_um = curve.lengths_um, curve.chords_um
    long = path_um >= settings.straight_um
    turn_deg, turned_um = curve.turns(settings.window_um)
    return SkeletonCounts(
        area_um2,
        fibre_um2,
        float(path_um.sum()),
        float(width_um.sum()),
        int(width_um.size),
        float(chord_um[long].sum()),
        float(path_um[long].sum()),
        turn_deg,
        turned_um,
        _true_ends(paths, depth_um, _depth_um(inside, spacing), spacing),
        len(paths.branch_points_px),
    )


def skeletonised(
    fibres: NDArray[np.bool_], spacing: Spacing, settings: SkeletonSettings | None = None
) -> tuple[NDArray[np.bool_], Paths]:
    """Return the skeleton without short spurs, shape (H, W), and its paths.

    Zhang and Suen's thinning (10.1145/357994.358023), traced, branches with a free end under
    ``branch_um`` taken off, thinned and traced again.
    """
    from skimage.morphology import skeletonize  # a slow import, needed here only

    settings = settings or SkeletonSettings()
    skeleton = np.asarray(skeletonize(fibres), dtype=np.bool_)
    paths = trace_paths(skeleton)
    if not paths.branch.size:
        return np.zeros_like(fibres), paths
    curve = _Curve(_smoothed(paths) * spacing.pair, paths.branch)
    spur = (paths.free_ends > 0) & (curve.lengths_um < settings.branch_um)
    # Points that are branch points stay; those of the spurs' own pixels go.
    row, col = np.floor(paths.points_px[spur[paths.branch]]).astype(np.intp).T
    kept = skeleton.copy()
    kept[row, col] = False
    joint = np.floor(paths.branch_points_px).astype(np.intp)
    kept[joint[:, 0], joint[:, 1]] = skeleton[joint[:, 0], joint[:, 1]]
    kept = np.asarray(skeletonize(kept), dtype=np.bool_)
    paths = trace_paths(kept)
    traced = np.zeros_like(kept)
    row, col = np.floor(paths.points_px).astype(np.intp).T
    traced[row, col] = True
    return kept & traced, paths


@dataclass(frozen=True, eq=False)
class _Curve:
    """Smooth branches in µm, one after the other."""

    points_um: Float
    branch: NDArray[np.int64]

    @property
    def steps_um(self) -> Float:
        """Distance of each point from the one before; 0 at the start of a branch."""
        step = np.linalg.norm(np.diff(self.points_um, axis=0, prepend=self.points_um[:1]), axis=1)
        step[self.starts] = 0.0
        return np.asarray(step)

    @property
    def starts(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.diff(self.branch, prepend=-1))

    @property
    def lengths_um(self) -> Float:
        return np.add.reduceat(self.steps_um, self.starts)

    @property
    def chords_um(self) -> Float:
        lasts = np.append(self.starts[1:], len(self.branch)) - 1
        return np.asarray(
            np.linalg.norm(self.points_um[lasts] - self.points_um[self.starts], axis=1)
        )

    def turns(self, window_um: float) -> tuple[float, float]:
        """Sum of |turn| / window over length, degrees, and the length it was taken over, µm."""
        step = self.steps_um
        # All branches on one axis, a gap between them, so that one look-up serves all.
        along = np.cumsum(step) + self.branch * (4 * window_um)
        starts = self.starts
        lasts = np.append(starts[1:], len(self.branch)) - 1
        room = (along - along[starts][self.branch] >= window_um) & (
            along[lasts][self.branch] - along >= window_um
        )
        if not room.any():
            return 0.0, 0.0
        middle = self.points_um[room]
        before, after = (
            np.stack([np.interp(along[room] + by, along, axis) for axis in self.points_um.T], 1)
            for by in (-window_um, window_um)
        )
        one, two = middle - before, after - middle
        cross = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
        turn = np.abs(np.rad2deg(np.arctan2(cross, (one * two).sum(axis=1))))
        weight = step[room]
        return float((turn * weight).sum() / window_um), float(weight.sum())


def _smoothed(paths: Paths) -> Float:
    """Smooth points along their branch; beyond an end the branch goes on by point reflection."""
    points, branch = paths.points_px, paths.branch
    starts = np.flatnonzero(np.diff(branch, prepend=-1))
    first = starts[branch]
    last = (np.append(starts[1:], len(branch)) - 1)[branch]
    here = np.arange(len(branch))
    kernel = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SMOOTH_LINKS) ** 2)
    smooth = np.zeros_like(points)
    for offset, share in zip(range(-_REACH, _REACH + 1), kernel / kernel.sum(), strict=True):
        there = here + offset
        end = np.clip(there, first, last)
        mirrored = np.clip(2 * end - there, first, last)
        beyond = (there != end)[:, None]
        smooth += share * np.where(beyond, 2 * points[end] - points[mirrored], points[end])
    return smooth


def _depth_um(mask: NDArray[np.bool_], spacing: Spacing) -> Float:
    """Distance of each pixel to the nearest one off the mask; off the frame counts as off."""
    depth: Float = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing.pair)
    return depth[1:-1, 1:-1]


def _true_ends(paths: Paths, fibre_um: Float, inside_um: Float, spacing: Spacing) -> int:
    """Count ends that are not cuts by the mask; thinning stops half a width short of its edge."""
    row, col = np.floor(paths.end_points_px).astype(np.intp).T
    cut = inside_um[row, col] <= fibre_um[row, col] + 2 * max(spacing.pair)
    return int(np.count_nonzero(~cut))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")
