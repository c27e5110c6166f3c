"""Statistics of axial directions: sums over doubled angles, divided last.

A fibre at 0° and one at 180° are the same, so angles are doubled before they are averaged
(Mardia and Jupp 2000, 10.1002/9780470316979).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BINS", "AxialCounts", "axial_counts"]

BINS = 36
"""Bins of the histogram, 5° each; bin i holds [5i, 5i + 5)."""


@dataclass(frozen=True)
class AxialCounts:
    """Weighted sums over directions; parts that do not overlap are added with ``+``.

    Attributes
    ----------
    weight
        Σ w.
    cosine, sine
        Σ w cos 2θ and Σ w sin 2θ.
    bins
        Σ w in each of 36 bins over 180°.
    """

    weight: float = 0.0
    cosine: float = 0.0
    sine: float = 0.0
    bins: tuple[float, ...] = (0.0,) * BINS

    def __add__(self, other: "AxialCounts") -> "AxialCounts":
        return AxialCounts(
            self.weight + other.weight,
            self.cosine + other.cosine,
            self.sine + other.sine,
            tuple(a + b for a, b in zip(self.bins, other.bins, strict=True)),
        )

    @property
    def alignment(self) -> float:
        """``R = |Σ w e^{2iθ}| / Σ w``: 1 all parallel, 0 no preference; NaN without weight."""
        if not self.weight > 0:
            return float("nan")
        return min(1.0, float(np.hypot(self.cosine, self.sine)) / self.weight)

    @property
    def circular_variance(self) -> float:
        """1 − R; NaN without weight."""
        return 1.0 - self.alignment

    @property
    def mean_deg(self) -> float:
        """Mean direction, [0, 180); NaN without weight or where the directions cancel."""
        if not self.alignment > 1e-9:
            return float("nan")
        mean = float(np.rad2deg(np.arctan2(self.sine, self.cosine)) / 2 % 180)
        return 0.0 if mean == 180.0 else mean

    @property
    def entropy(self) -> float:
        """``−Σ p ln p / ln 36``: 0 one bin only, 1 every bin alike; NaN without weight."""
        if not self.weight > 0:
            return float("nan")
        share = np.asarray(self.bins) / self.weight
        share = share[share > 0]
        return float(abs(np.sum(share * np.log(share))) / np.log(BINS))


def axial_counts(angle_deg: NDArray[np.floating], weight: ArrayLike | None = None) -> AxialCounts:
    """Sum up axial directions.

    Parameters
    ----------
    angle_deg : ndarray of float, any shape
        Degrees; taken modulo 180. NaN is left out.
    weight
        Weights of the same shape, at least 0; None counts each as 1. NaN is left out.

    Raises
    ------
    ValueError
        If a weight is negative or the shapes differ.

    Examples
    --------
    >>> counts = axial_counts(np.array([10.0, 190.0, 10.0, 100.0]))
    >>> counts.alignment, round(counts.mean_deg, 6)
    (0.5, 10.0)
    """
    angles = np.asarray(angle_deg, dtype=np.float64)
    weights = np.ones(angles.shape) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape != angles.shape:
        raise ValueError(f"one weight an angle, found {weights.shape} and {angles.shape}")
    known = np.isfinite(angles) & np.isfinite(weights)
    angles, weights = angles[known], weights[known]
    if (weights < 0).any():
        raise ValueError("weights are at least 0")
    doubled = np.deg2rad(2 * angles)
    place = np.floor((angles % 180) / (180 / BINS)).astype(np.intp) % BINS
    return AxialCounts(
        float(weights.sum()),
        float(weights @ np.cos(doubled)),
        float(weights @ np.sin(doubled)),
        tuple(np.bincount(place, weights, minlength=BINS).tolist()),
    )
