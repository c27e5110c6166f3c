"""Figures from counts of levels are those of the pixels; counts add up in any order."""

import numpy as np
import pytest
from evaluation_fakes import TUMOUR, drawn_row, heap

from histo.errors import ConfigError
from histo.training.evaluation import choose_threshold, temperature
from histo.training.evaluation.calibration import (
    calibration_error,
    pooled_levels,
    reliability,
    temperature_of,
)
from histo.training.evaluation.levels import (
    average_precision,
    balanced_accuracy,
    count_levels,
    dice,
    dice_by_level,
    iou,
    roc_area,
    to_levels,
)

ROWS = [drawn_row(seed) for seed in range(6)]


def levels_of(absent: dict[int, int], present: dict[int, int]) -> np.ndarray:
    counts = np.zeros((2, 256), np.int64)
    for plane, told in zip(counts, (absent, present), strict=True):
        for level, pixels in told.items():
            plane[level] = pixels
    return counts


def test_every_figure_is_that_of_an_independent_library():
    metrics = pytest.importorskip("sklearn.metrics")
    truth, chance = heap(ROWS)
    counts, called = pooled_levels(ROWS, TUMOUR), chance >= 0.45
    assert dice(counts, 0.45) == pytest.approx(metrics.f1_score(truth, called))
    assert iou(counts, 0.45) == pytest.approx(metrics.jaccard_score(truth, called))
    expected = metrics.balanced_accuracy_score(truth, called)
    assert balanced_accuracy(counts, 0.45) == pytest.approx(expected)
    assert roc_area(counts) == pytest.approx(metrics.roc_auc_score(truth, chance))
    expected = metrics.average_precision_score(truth, chance)
    assert average_precision(counts) == pytest.approx(expected)


def test_the_calibration_error_is_that_of_the_pixels_bin_by_bin():
    truth, chance = heap(ROWS)
    home = np.minimum((chance * 15 + 1e-9).astype(int), 14)
    gaps = [abs((chance[home == b] - truth[home == b]).sum()) for b in range(15)]
    counts = pooled_levels(ROWS, TUMOUR)
    assert calibration_error(counts) == pytest.approx(sum(gaps) / len(truth))


def test_rows_add_up_in_any_order_and_however_they_are_cut():
    whole = pooled_levels(ROWS, TUMOUR)
    assert (pooled_levels(ROWS[::-1], TUMOUR) == whole).all()
    parts = [
        count_levels(row.probability[0, cut], row.present[0, cut], row.known[0, cut])
        for row in ROWS
        for cut in (slice(0, 7), slice(7, None))
    ]
    assert (sum(parts) == whole).all()


def test_unknown_pixels_change_nothing():
    row = ROWS[0]
    other = row.probability.copy(), row.present.copy()
    other[0][~row.known], other[1][~row.known] = 255, True
    same = count_levels(other[0][0], other[1][0], row.known[0])
    assert (same == pooled_levels([row], TUMOUR)).all()


def test_by_hand_two_present_pixels_and_two_absent_ones():
    counts = levels_of({51: 1, 204: 1}, {102: 1, 255: 1})
    assert dice(counts, 0.5) == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))
    assert roc_area(counts) == pytest.approx(3 / 4)
    assert average_precision(counts) == pytest.approx((1 / 1 + 2 / 3) / 2)
    # In bins of 17 levels every pixel is alone: gaps of 0.2, 0.8, 0.6 and 0.
    assert calibration_error(counts) == pytest.approx((0.2 + 0.8 + 0.6 + 0.0) / 4)


def test_ties_count_half():
    assert roc_area(levels_of({80: 5}, {80: 3})) == 0.5


@pytest.mark.parametrize("figure", [roc_area, lambda counts: balanced_accuracy(counts, 0.5)])
def test_a_figure_that_needs_both_truths_is_nan_without(figure):
    assert np.isnan(figure(levels_of({3: 4}, {})))
    assert np.isnan(figure(levels_of({}, {3: 4})))


def test_dice_of_nothing_labelled_and_nothing_found_is_undefined():
    assert np.isnan(dice(levels_of({3: 4}, {}), 0.5))
    assert dice(levels_of({200: 4}, {}), 0.5) == 0


def test_resamples_are_a_leading_axis():
    stack = np.stack([pooled_levels([row], TUMOUR) for row in ROWS])
    for figure in (roc_area, average_precision, calibration_error, lambda c: dice(c, 0.4)):
        alone = [float(figure(counts)) for counts in stack]
        assert figure(stack) == pytest.approx(alone)


def test_a_map_of_floats_is_read_in_levels():
    assert to_levels(np.array([0.0, 0.5, 1.0, np.nan])).tolist() == [0, 128, 255, 0]
    with pytest.raises(ValueError, match="uint8 or float"):
        to_levels(np.array([1, 2]))


def test_the_threshold_has_the_highest_dice_there_is():
    counts = pooled_levels(ROWS, TUMOUR)
    chosen = choose_threshold(ROWS, TUMOUR)
    assert dice(counts, chosen) == pytest.approx(dice_by_level(counts).max())
    assert dice(counts, round(chosen, 4)) == dice(counts, chosen)  # as a card rounds it


def test_of_equal_thresholds_the_middle_one_is_chosen():
    counts = levels_of({50: 9}, {150: 9})
    rows = [drawn_row(0, shape=(1, 18))]
    rows[0].probability[:] = np.repeat([50, 150], 9)
    rows[0].present[:] = rows[0].probability > 100
    rows[0].known[:] = True
    assert (pooled_levels(rows, TUMOUR) == counts).all()
    assert choose_threshold(rows, TUMOUR) == pytest.approx(100 / 255, abs=1 / 255)


def test_without_both_truths_no_threshold_is_chosen():
    row = drawn_row(0)
    row.present[:] = False
    with pytest.raises(ConfigError, match=r"tumour: in no validation row a pixel is annotated"):
        choose_threshold([row], TUMOUR)
    row.present[:] = True
    with pytest.raises(ConfigError, match="known to be absent"):
        choose_threshold([row], TUMOUR)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(true):
    level = np.arange(1, 255)
    logit = np.log(level / (255 - level)) / true  # what calibrated logits would be
    counts = np.zeros((2, 256))
    counts[1, 1:255] = 1e6 / (1 + np.exp(-logit))
    counts[0, 1:255] = 1e6 - counts[1, 1:255]
    assert temperature_of(counts) == pytest.approx(true, rel=1e-3)


def test_a_temperature_needs_both_truths():
    row = drawn_row(0)
    row.present[:] = False
    assert np.isnan(temperature([row], TUMOUR))


def test_the_reliability_curve_holds_every_pixel():
    counts = pooled_levels(ROWS, TUMOUR)
    curve = reliability(counts)
    assert curve.pixels.sum() == counts.sum()
    some = curve.pixels > 0
    present = (curve.observed * curve.pixels)[some].sum()
    assert present == pytest.approx(counts[1].sum())
    edges = np.arange(16) / 15
    assert (curve.predicted[some] >= edges[:-1][some]).all()
    assert (curve.predicted[some] <= edges[1:][some]).all()
