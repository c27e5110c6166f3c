"""α-SMA-like stain: spindles along the fibres, vessel walls, bundles of smooth muscle."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.stains.simulate.noise import oriented_noise, smooth_noise
from histo.stains.simulate.tissue import Tissue

__all__ = ["fibre_direction", "muscle_bundle", "spindles", "vessel_rings"]

Float32 = NDArray[np.float32]
_LUMEN_UM2 = (60.0, 8000.0)


def fibre_direction(tissue: Tissue) -> Float32:
    """Direction of the tissue's fibres: the structure tensor of ground and haematoxylin.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Angle from the column axis towards the row axis, radians.
    """
    texture = ndimage.gaussian_filter(
        tissue.ground * 0.3 + tissue.haematoxylin, 1 / tissue.um_per_px
    )
    by_row, by_col = np.gradient(texture)
    width = 8.0 / tissue.um_per_px
    rr, cc, rc = (
        ndimage.gaussian_filter(product, width)
        for product in (by_row * by_row, by_col * by_col, by_row * by_col)
    )
    across = 0.5 * np.arctan2(2 * rc, cc - rr)
    return np.asarray(across + np.pi / 2, np.float32)


def spindles(tissue: Tissue, count: int, rng: np.random.Generator) -> Float32:
    """Draw thin tapered cells that follow the fibres, in groups, beside nuclei and not on them.

    Returns
    -------
    ndarray of float32, shape (H, W)
        0 to 1.
    """
    canvas = np.zeros(tissue.shape, np.float32)
    where = smooth_noise(rng, tissue.shape, 45 / tissue.um_per_px) + 0.3 * rng.standard_normal()
    places = np.argwhere((tissue.cover > 0.8) & (where > 0))
    if not len(places):
        return canvas
    start = places[rng.integers(len(places), size=count)] + rng.random((count, 2))
    half_um = rng.uniform(8.0, 32.0, count)
    width_um = rng.uniform(0.5, 1.6, count)
    strength = np.exp(rng.normal(-0.25, 0.3, count)).clip(0.3, 1.0)
    direction = fibre_direction(tissue) + 0.15 * smooth_noise(
        rng, tissue.shape, 6 / tissue.um_per_px
    )
    for sign in (1.0, -1.0):
        _trace(canvas, tissue, (start, half_um, width_um, strength), direction, sign)
    canvas *= np.where(tissue.nuclei > 0, np.float32(0.25), np.float32(1.0))
    return canvas * (tissue.cover > 0.5)


def _trace(
    canvas: Float32,
    tissue: Tissue,
    cells: tuple[NDArray[np.float64], ...],
    direction: Float32,
    sign: float,
) -> None:
    """Walk from the cells' middles along the fibres and stamp their width, all at once."""
    start, half_um, width_um, strength = cells
    place = start.astype(np.float64).copy()
    heading = np.zeros_like(place)
    step = 0.7
    reach = int(np.ceil(1.8 / tissue.um_per_px)) + 1
    offset = np.arange(-reach, reach + 1)
    high = np.array(tissue.shape) - 1
    for walked in np.arange(0.0, half_um.max() / tissue.um_per_px, step):
        row, col = np.clip(np.rint(place), 0, high).astype(np.intp).T
        along = np.stack([np.sin(direction[row, col]), np.cos(direction[row, col])], axis=1)
        same = (along * heading).sum(axis=1) if walked else np.full(len(place), sign)
        heading = along * np.where(same < 0, -1.0, 1.0)[:, None]
        left = 1.0 - walked * tissue.um_per_px / half_um
        alive = (left > 0) & ((place >= 0) & (place <= high)).all(axis=1)
        if not alive.any():
            return
        radius = (width_um * np.sqrt(np.maximum(left, 0)) / tissue.um_per_px)[alive, None, None]
        rows = row[alive][:, None] + offset
        cols = col[alive][:, None] + offset
        down = (rows - place[alive, :1])[:, :, None]
        right = (cols - place[alive, 1:])[:, None, :]
        value = np.clip(radius - np.sqrt(down**2 + right**2) + 0.5, 0, 1)
        value = (value * strength[alive, None, None]).astype(np.float32)
        rows, cols = np.clip(rows, 0, high[0]), np.clip(cols, 0, high[1])
        np.maximum.at(canvas, (rows[:, :, None], cols[:, None, :]), value)
        place = place + step * heading


def vessel_rings(
    tissue: Tissue, carved: int, rng: np.random.Generator
) -> tuple[Float32, NDArray[np.bool_], Float32]:
    """Draw walls around holes of the tissue and around new ones.

    Parameters
    ----------
    carved
        How many lumens to make where there is no hole.

    Returns
    -------
    stain : ndarray of float32, shape (H, W)
        0 to 1, concentric layers.
    wall : ndarray of bool, shape (H, W)
        The walls.
    kept : ndarray of float32, shape (H, W)
        Factor for the tissue: 0 in carved lumens, else 1.
    """
    stain = np.zeros(tissue.shape, np.float32)
    wall = np.zeros(tissue.shape, np.bool_)
    kept = np.ones(tissue.shape, np.float32)
    for hole in (*_holes(tissue, rng), *(_carved(tissue, rng) for _ in range(carved))):
        carve = ~(tissue.cover < 0.5) & hole
        depth_um = ndimage.distance_transform_edt(~hole) * tissue.um_per_px
        wide = np.exp(rng.uniform(np.log(3.0), np.log(16.0)))
        ragged = smooth_noise(rng, tissue.shape, 6 / tissue.um_per_px)
        ring = (
            ~hole & (tissue.cover > 0.5) & (depth_um > 0.8) & (depth_um < wide * (1 + 0.2 * ragged))
        )
        row, col = ndimage.center_of_mass(hole)
        down, right = np.mgrid[: tissue.shape[0], : tissue.shape[1]]
        turn = np.arctan2(down - row, right - col) * np.sqrt(hole.sum() / np.pi)
        layers = oriented_noise(
            rng,
            turn.astype(np.float32),
            depth_um.astype(np.float32) / tissue.um_per_px,
            (9 / tissue.um_per_px, 1.1 / tissue.um_per_px),
        )
        value = np.clip(0.75 + 0.3 * layers, 0.05, 1.0) * np.where(tissue.nuclei > 0, 0.25, 1.0)
        stain = np.where(ring, np.maximum(stain, value), stain).astype(np.float32)
        wall |= ring
        kept *= 1 - ndimage.gaussian_filter(carve.astype(np.float32), 0.5 / tissue.um_per_px)
    empty = kept < 0.5
    return stain * ~empty, wall & ~empty, kept


def _holes(tissue: Tissue, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Return real holes of a vessel's size that touch no border, at most three."""
    labels, count = ndimage.label(tissue.cover < 0.5)
    area = np.bincount(labels.ravel(), minlength=count + 1) * tissue.um_per_px**2
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    fits = (area >= _LUMEN_UM2[0]) & (area <= _LUMEN_UM2[1])
    fits[np.append(edge, 0)] = False
    numbers = rng.permutation(np.flatnonzero(fits))[:3]
    return [labels == number for number in numbers]


def _carved(tissue: Tissue, rng: np.random.Generator) -> NDArray[np.bool_]:
    row, col = rng.uniform(0.15, 0.85, 2) * tissue.shape
    long_um = np.exp(rng.uniform(np.log(4), np.log(28)))
    turn, flat = rng.uniform(0, np.pi), rng.uniform(0.35, 0.95)
    down, right = np.mgrid[: tissue.shape[0], : tissue.shape[1]].astype(np.float32)
    down, right = (down - row) * tissue.um_per_px, (right - col) * tissue.um_per_px
    along = right * np.cos(turn) + down * np.sin(turn)
    across = (down * np.cos(turn) - right * np.sin(turn)) / flat
    ragged = 1 + 0.12 * smooth_noise(rng, tissue.shape, 5 / tissue.um_per_px)
    lumen: NDArray[np.bool_] = np.hypot(along, across) < long_um * ragged
    return lumen


def muscle_bundle(tissue: Tissue, rng: np.random.Generator) -> tuple[Float32, NDArray[np.bool_]]:
    """Draw one or two bundles of smooth muscle: broad, parallel, wavy.

    Returns
    -------
    stain : ndarray of float32, shape (H, W)
        0 to 1.
    bundle : ndarray of bool, shape (H, W)
    """
    um = tissue.um_per_px
    bundle = smooth_noise(rng, tissue.shape, 60 / um) > rng.uniform(0.5, 1.3)
    bundle &= tissue.cover > 0.5
    turn = rng.uniform(0, np.pi)
    down, right = np.mgrid[: tissue.shape[0], : tissue.shape[1]].astype(np.float32)
    wave = smooth_noise(rng, tissue.shape, 14 / um) * np.float32(3.0 / um)
    along = right * np.cos(turn) + down * np.sin(turn)
    across = down * np.cos(turn) - right * np.sin(turn) + wave
    streaks = oriented_noise(
        rng, along.astype(np.float32), across.astype(np.float32), (22 / um, 1.8 / um)
    )
    value = np.clip(0.6 + 0.28 * streaks, 0, 1) * np.where(tissue.nuclei > 0, 0.3, 1.0)
    return np.where(bundle, value, 0).astype(np.float32), bundle
