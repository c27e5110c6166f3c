"""Nuclei: one candidate per cell of a lattice, jittered, kept where it fits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.slides.phantom.geometry import Fields, Geometry
from histo.slides.phantom.noise import Float32, hash_uniform

__all__ = ["FIBROBLAST", "TUMOUR", "Nuclei", "nuclei_in", "paint_nuclei"]

STRAY_UM = 16.0
"""How far the bent lattice may carry a nucleus from its place."""
DIRECTIONS = 512
_TURN = np.arange(DIRECTIONS) * (np.pi / DIRECTIONS)
_COS = np.round(np.cos(_TURN), 6).astype(np.float32)
_SIN = np.round(np.sin(_TURN), 6).astype(np.float32)


@dataclass(frozen=True)
class Population:
    """One kind of cell: its lattice and the ranges of its sizes, in µm."""

    name: str
    first_draw: int
    pitch_um: float
    jitter: float
    half_width_um: tuple[float, float]
    elongation: tuple[float, float]
    darkness: tuple[float, float]
    kept: float


TUMOUR = Population("tumour", 100, 10.0, 0.3, (3.0, 4.3), (1.0, 1.5), (0.7, 1.15), 0.92)
FIBROBLAST = Population("fibroblast", 200, 12.5, 0.45, (1.2, 2.0), (2.4, 4.4), (0.75, 1.1), 0.85)


@dataclass(frozen=True)
class Nuclei:
    """Ellipses; every attribute has shape (N,).

    Attributes
    ----------
    row_um, col_um
        Centres.
    long_um, short_um
        Half axes.
    sin, cos
        Direction of the long axis, from the column axis towards the row axis.
    darkness
        Strength of the nucleus, about 1.
    """

    row_um: Float32
    col_um: Float32
    long_um: Float32
    short_um: Float32
    sin: Float32
    cos: Float32
    darkness: Float32

    def __len__(self) -> int:
        return len(self.row_um)

    @property
    def centres_um(self) -> Float32:
        """(row, col), shape (N, 2)."""
        return np.stack([self.row_um, self.col_um], axis=1)


def nuclei_in(
    geometry: Geometry, kind: Population, top_left_um: tuple[float, float], size_um: float
) -> Nuclei:
    """Return the nuclei whose centres lie in a square (half open), in lattice order."""
    rows, cols = _lattice(kind.pitch_um, top_left_um, size_um)
    draws = [hash_uniform(geometry.spec.seed, kind.first_draw + k, rows, cols) for k in range(7)]
    row_um, col_um = _jittered(geometry, kind, (rows, cols), (draws[0], draws[1]))
    inside = (
        (row_um >= np.float32(top_left_um[0]))
        & (row_um < np.float32(top_left_um[0] + size_um))
        & (col_um >= np.float32(top_left_um[1]))
        & (col_um < np.float32(top_left_um[1] + size_um))
        & (draws[2] < kind.kept)
    )
    row_um, col_um = row_um[inside], col_um[inside]
    fits, sin, cos = _fit(geometry, kind, row_um, col_um, draws[3][inside])
    width, length, dark = (d[inside][fits] for d in draws[4:7])
    short = _between(kind.half_width_um, width)
    return Nuclei(
        row_um=row_um[fits],
        col_um=col_um[fits],
        long_um=short * _between(kind.elongation, length),
        short_um=short,
        sin=sin[fits],
        cos=cos[fits],
        darkness=_between(kind.darkness, dark),
    )


def _lattice(
    pitch_um: float, top_left_um: tuple[float, float], size_um: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lattice cells whose nuclei may lie in the square, as two arrays (N,)."""
    margin = int((STRAY_UM + pitch_um) // pitch_um)
    reach = np.arange(-margin, int(size_um // pitch_um) + margin + 2, dtype=np.int64)
    first_row, first_col = (int(um // pitch_um) for um in top_left_um)
    rows, cols = np.meshgrid(reach + first_row, reach + first_col, indexing="ij")
    return rows.ravel(), cols.ravel()


def _jittered(
    geometry: Geometry,
    kind: Population,
    lattice: tuple[NDArray[np.int64], NDArray[np.int64]],
    draws: tuple[Float32, Float32],
) -> tuple[Float32, Float32]:
    """Centres in µm: rows staggered, each nucleus jittered, and the whole lattice bent.

    Without the bending the eye finds the lattice at once.
    """
    rows, cols = lattice
    pitch, spread = np.float32(kind.pitch_um), np.float32(2 * kind.jitter)
    stagger = (rows % 2).astype(np.float32) * np.float32(0.5)
    row_um = (rows.astype(np.float32) + (draws[0] - 0.5) * spread) * pitch
    col_um = (cols.astype(np.float32) + stagger + (draws[1] - 0.5) * spread) * pitch
    bent = [geometry.slow.sample(row_um, col_um, (55, 55), origin) for origin in ((0, 0), (30, 9))]
    limit = np.float32(STRAY_UM)
    down, right = (np.clip(b * np.float32(9), -limit, limit) for b in bent)
    return row_um + down, col_um + right


def _between(limits: tuple[float, float], share: Float32) -> Float32:
    return np.float32(limits[0]) + share * np.float32(limits[1] - limits[0])


def _fit(
    geometry: Geometry, kind: Population, row_um: Float32, col_um: Float32, chance: Float32
) -> tuple[NDArray[np.bool_], Float32, Float32]:
    """Say which candidates the tissue at their place bears, and their direction."""
    fields = geometry.fields(row_um, col_um)
    if kind is TUMOUR:
        turn = (chance * DIRECTIONS).astype(np.int64)
        return fields.tumour_um > 4.0, _SIN[turn], _COS[turn]
    bundle = np.abs(geometry.bundle(fields))
    # Fibroblasts lie in the clefts between bundles; few are seen on top of one.
    between = (bundle < 0.9 * geometry.gap_level) | (chance < 0.12)
    fits = between & (fields.tumour_um < -7.0) & (fields.tissue_um > 12.0)
    sin, cos = _fibre_direction(geometry, fields, row_um, col_um)
    return fits, sin, cos


def _fibre_direction(
    geometry: Geometry, here: Fields, row_um: Float32, col_um: Float32
) -> tuple[Float32, Float32]:
    """(sin, cos) of the line of constant ``across_um`` through each point."""
    step = np.float32(2.0)
    by_row = geometry.fields(row_um + step, col_um).across_um - here.across_um
    by_col = geometry.fields(row_um, col_um + step).across_um - here.across_um
    norm = np.maximum(np.sqrt(by_row * by_row + by_col * by_col), np.float32(1e-6))
    return -by_col / norm, by_row / norm


def paint_nuclei(
    strength: Float32, nuclei: Nuclei, top_left_um: tuple[float, float], um_per_px: float
) -> None:
    """Raise ``strength`` (H, W) in place to the nuclei's darkness where they lie.

    Overlapping nuclei take the larger value, so the order of painting does not matter.
    """
    if not len(nuclei):
        return
    side = int(2 * float(nuclei.long_um.max()) / um_per_px) + 3
    row_px = (nuclei.row_um - np.float32(top_left_um[0])) / np.float32(um_per_px) - np.float32(0.5)
    col_px = (nuclei.col_um - np.float32(top_left_um[1])) / np.float32(um_per_px) - np.float32(0.5)
    rows = np.floor(row_px).astype(np.int32)[:, None] - side // 2 + np.arange(side, dtype=np.int32)
    cols = np.floor(col_px).astype(np.int32)[:, None] - side // 2 + np.arange(side, dtype=np.int32)
    down = ((rows - row_px[:, None]) * np.float32(um_per_px))[:, :, None]
    right = ((cols - col_px[:, None]) * np.float32(um_per_px))[:, None, :]
    sin, cos = nuclei.sin[:, None, None], nuclei.cos[:, None, None]
    lengthwise = (right * cos + down * sin) / nuclei.long_um[:, None, None]
    sidewise = (down * cos - right * sin) / nuclei.short_um[:, None, None]
    lengthwise *= lengthwise
    sidewise *= sidewise
    radius_squared = lengthwise + sidewise
    # The edge fades over about 1 µm; chromatin is denser at the nuclear membrane.
    value = np.clip((1 - radius_squared) * (nuclei.short_um[:, None, None] * 0.9), 0, 1)
    value *= (np.float32(0.72) + radius_squared * np.float32(0.33)) * nuclei.darkness[:, None, None]
    height, width = strength.shape
    seen = ((rows >= 0) & (rows < height))[:, :, None] & ((cols >= 0) & (cols < width))[:, None, :]
    seen &= value > 0
    place = rows[:, :, None] * np.int32(width) + cols[:, None, :]
    np.maximum.at(strength.reshape(-1), place[seen], value[seen].astype(np.float32))
