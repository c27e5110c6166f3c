"""Figures of a map against its labels, from counts of pixels at each level of probability.

A map of `histo infer` has 256 levels, so counting the absent and the present pixels at each of
them loses nothing: every figure here is exact. Counts of rows, strips or patients add up, and a
bootstrap of thousands of resamples is one matrix product. All take

    levels : ndarray of int64 or float64, shape (..., 2, 256)

counts of absent ``[..., 0, :]`` and present ``[..., 1, :]`` pixels; leading axes are resamples.
They return shape (...), NaN where a figure is undefined.
"""

import numpy as np
from numpy.typing import NDArray

from histo.scoring import uint8_threshold
from histo.scoring.agreement.estimate import ratio

__all__ = [
    "LEVELS",
    "average_precision",
    "balanced_accuracy",
    "confusion",
    "count_levels",
    "dice",
    "dice_by_level",
    "iou",
    "roc_area",
    "to_levels",
]

LEVELS = 256
_STRIP_PX = 1 << 20

Counts = NDArray[np.integer] | NDArray[np.floating]


def to_levels(probability: NDArray[np.number]) -> NDArray[np.uint8]:
    """Return a map in levels of 1/255, as `histo infer` writes it; NaN, nothing seen, is 0."""
    if probability.dtype == np.uint8:
        return np.asarray(probability, dtype=np.uint8)
    if not np.issubdtype(probability.dtype, np.floating):
        raise ValueError(f"a map of probabilities is uint8 or float, found {probability.dtype}")
    seen = np.clip(np.nan_to_num(probability, nan=0.0), 0.0, 1.0)
    levels: NDArray[np.uint8] = np.rint(seen * 255).astype(np.uint8)
    return levels


def count_levels(
    level: NDArray[np.uint8], present: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Count known pixels by truth and level: shape (2, 256).

    Examples
    --------
    >>> level = np.array([0, 255, 255], np.uint8)
    >>> counts = count_levels(level, np.array([0, 0, 1], bool), np.array([1, 1, 1], bool))
    >>> counts[:, [0, 255]].tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.zeros(2 * LEVELS, np.int64)
    step = max(1, _STRIP_PX * len(level) // max(1, level.size))  # rows of a strip
    for start in range(0, len(level), step):  # counting makes eight bytes of each pixel
        strip = slice(start, start + step)
        inside = known[strip]
        place = level[strip][inside].astype(np.intp) + LEVELS * present[strip][inside]
        counts += np.bincount(place, minlength=2 * LEVELS)
    return counts.reshape(2, LEVELS)


def confusion(levels: Counts, threshold: float) -> tuple[NDArray[np.float64], ...]:
    """Return true positives, false positives, false negatives and true negatives."""
    cut = uint8_threshold(threshold)
    counts = np.asarray(levels, dtype=np.float64)
    above, below = counts[..., cut:].sum(axis=-1), counts[..., :cut].sum(axis=-1)
    return above[..., 1], above[..., 0], below[..., 1], below[..., 0]


def dice(levels: Counts, threshold: float) -> NDArray[np.float64]:
    """Return 2 TP / (2 TP + FP + FN): overlap of the labelled and the predicted area.

    NaN where the component is neither labelled nor predicted.
    """
    hit, wrong, missed, _ = confusion(levels, threshold)
    return ratio(2 * hit, 2 * hit + wrong + missed)


def iou(levels: Counts, threshold: float) -> NDArray[np.float64]:
    """Return TP / (TP + FP + FN), which orders maps as Dice does: D / (2 - D)."""
    hit, wrong, missed, _ = confusion(levels, threshold)
    return ratio(hit, hit + wrong + missed)


def balanced_accuracy(levels: Counts, threshold: float) -> NDArray[np.float64]:
    """Return the mean of sensitivity and specificity; NaN without both truths."""
    hit, wrong, missed, left = confusion(levels, threshold)
    return (ratio(hit, hit + missed) + ratio(left, left + wrong)) / 2


def roc_area(levels: Counts) -> NDArray[np.float64]:
    """Return the chance that a present pixel has a higher level than an absent one, ties half.

    This is the area under the ROC curve (Hanley & McNeil 1982,
    doi:10.1148/radiology.143.1.7063747); NaN without both truths.
    """
    counts = np.asarray(levels, dtype=np.float64)
    absent, present = counts[..., 0, :], counts[..., 1, :]
    below = np.cumsum(absent, axis=-1) - absent / 2
    pairs = absent.sum(axis=-1) * present.sum(axis=-1)
    return ratio((below * present).sum(axis=-1), pairs)


def average_precision(levels: Counts) -> NDArray[np.float64]:
    """Return the mean of precision over the present pixels, from the highest level down.

    The step-wise area under the curve of precision and recall, not interpolated; NaN where
    nothing is present. A map that says nothing has the share of present pixels.
    """
    counts = np.asarray(levels, dtype=np.float64)[..., ::-1]
    found = np.cumsum(counts, axis=-1)
    precision = ratio(found[..., 1, :], found.sum(axis=-2))
    gained = np.where(counts[..., 1, :] > 0, precision * counts[..., 1, :], 0.0)
    return ratio(gained.sum(axis=-1), counts[..., 1, :].sum(axis=-1))


def dice_by_level(levels: Counts) -> NDArray[np.float64]:
    """Return Dice if pixels from level 1, 2, ..., 255 on count: shape (..., 255)."""
    counts = np.asarray(levels, dtype=np.float64)
    above = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    hit, wrong = above[..., 1, :], above[..., 0, :]
    present = counts[..., 1, :].sum(axis=-1, keepdims=True)
    return ratio(2 * hit, hit + wrong + present)
