"""On which scale two readings are compared, so that their difference is about the same all over.

Areas and densities spread in proportion to their size: their logarithm is compared and a
difference is a ratio. Counts spread as their square root does (Poisson): the root is compared.
Fractions and angles are compared as they are.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scale", "backward", "choose_scale", "forward", "unit_in_name", "usable"]

_IN_PROPORTION = {"mm", "um", "mm2", "um2", "/mm", "/mm2", "/um", "/um2", "mm/mm2", "um/um2"}
_ENDINGS = (
    ("_mm_per_mm2", "mm/mm2"),
    ("_per_mm2", "/mm2"),
    ("_per_mm", "/mm"),
    ("_mm2", "mm2"),
    ("_um2", "um2"),
    ("_mm", "mm"),
    ("_um", "um"),
    ("_deg", "deg"),
    ("_count", "{count}"),
)


class Scale(StrEnum):
    """The scale of a comparison."""

    RAW = "raw"
    LOG = "log"
    ROOT = "root"


def forward(values: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    """Return the values on the scale; they must be :func:`usable` there."""
    if scale is Scale.LOG:
        return np.log(values)
    return np.sqrt(values) if scale is Scale.ROOT else values.copy()


def backward(values: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    """Return what stands on a scale as plain values again."""
    if scale is Scale.LOG:
        return np.exp(values)
    return values**2 if scale is Scale.ROOT else values.copy()


def usable(values: NDArray[np.float64], scale: Scale) -> NDArray[np.bool_]:
    """Return which rows can stand on the scale: finite, and > 0 for log, >= 0 for root.

    Parameters
    ----------
    values : ndarray of float64, shape (n, k)
    scale
        The scale.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    fine = np.isfinite(values)
    if scale is Scale.LOG:
        fine &= values > 0
    elif scale is Scale.ROOT:
        fine &= values >= 0
    return np.asarray(fine.all(axis=1))


def unit_in_name(name: str) -> str:
    """Return the UCUM unit a score's name ends with, or "" if it ends with none.

    Examples
    --------
    >>> unit_in_name("tam_density_stroma_per_mm2"), unit_in_name("collagen_fraction_of_tissue")
    ('/mm2', '')
    """
    return next((unit for ending, unit in _ENDINGS if name.endswith(ending)), "")


def choose_scale(name: str, unit: str, values: NDArray[np.float64]) -> tuple[Scale, str]:
    """Choose the scale for a score, and say why.

    A zero has no logarithm, and adding a constant to it would choose the result: with a zero
    among the values an area or density is compared on the root scale instead, where every slide
    stays in.

    Parameters
    ----------
    name, unit
        Of the score; an empty unit is taken from the name.
    values : ndarray of float64
        All values that will be compared; NaN is passed over.

    Examples
    --------
    >>> choose_scale("collagen_mm2", "mm2", np.array([1.0, 2.0]))[0].value
    'log'
    """
    unit = unit or unit_in_name(name)
    known = values[np.isfinite(values)]
    if unit in _IN_PROPORTION or unit.startswith("{"):
        if (known < 0).any():
            return Scale.RAW, "there are negative values"
        if unit.startswith("{"):
            return Scale.ROOT, "a count"
        if (known == 0).any():
            return Scale.ROOT, "there are zeros, which have no logarithm"
        return Scale.LOG, "an amount above 0 with a unit"
    return Scale.RAW, "neither an area or density nor a count"
