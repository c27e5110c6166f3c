"""Fibres of known direction, length and width, drawn in code."""

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing

HALF_UM = Spacing(0.5, 0.5)


def across_um(
    shape: tuple[int, int], angle_deg: float, spacing: Spacing = HALF_UM
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances along and across a direction through the middle of the frame, in µm."""
    rows = ((np.arange(shape[0]) + 0.5 - shape[0] / 2) * spacing.row)[:, None]
    cols = (np.arange(shape[1]) + 0.5 - shape[1] / 2) * spacing.col
    turn = np.deg2rad(angle_deg)
    along = cols * np.cos(turn) - rows * np.sin(turn)
    return along, cols * np.sin(turn) + rows * np.cos(turn)


def stripes(
    shape: tuple[int, int], angle_deg: float, period_um: float, spacing: Spacing = HALF_UM
) -> NDArray[np.float64]:
    """A sine grating of amplitude 1 whose stripes run in that direction."""
    return np.cos(2 * np.pi * across_um(shape, angle_deg, spacing)[1] / period_um)


def rod(
    shape: tuple[int, int],
    angle_deg: float,
    length_um: float,
    width_um: float,
    spacing: Spacing = HALF_UM,
) -> NDArray[np.bool_]:
    """A straight fibre with round ends: its middle line has the length."""
    along, across = across_um(shape, angle_deg, spacing)
    beyond = np.maximum(np.abs(along) - length_um / 2, 0)
    return np.hypot(beyond, across + 0.1) <= width_um / 2


def axial_difference(one: float, other: float) -> float:
    """Smallest angle between two axial directions, degrees."""
    return abs((one - other + 90) % 180 - 90)
