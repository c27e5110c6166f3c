"""A perfect map is perfect, a turned one is worthless, a flat one says nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from histo.nn.card import NetworkSpec
from histo.training.shg.cores import otsu_threshold

pytest.importorskip("segmentation_models_pytorch")
pytest.importorskip("torchmetrics")

from histo.nn.network import StromaNetwork
from histo.training.shg.evaluate import (
    CoreResult,
    area_threshold,
    collagen_label,
    core_probability,
    eosin_amount,
    evaluate_cores,
    mean_of,
)


def test_a_perfect_map_is_perfect(cores):
    for result in evaluate_cores(cores, lambda core: core.shg):
        assert result.auroc == pytest.approx(1)
        assert result.auroc_px == pytest.approx(1)
        assert result.pearson_r == pytest.approx(1)


def test_an_inverted_map_is_the_opposite(cores):
    for result in evaluate_cores(cores, lambda core: 1 - core.shg):
        assert result.auroc == pytest.approx(0)
        assert result.auroc_px == pytest.approx(0)
        assert result.pearson_r == pytest.approx(-1)


def test_a_flat_map_says_nothing(cores):
    (result,) = evaluate_cores(cores[:1], lambda core: np.full_like(core.shg, 0.3))
    assert result.auroc_px == pytest.approx(0.5)
    assert np.isnan(result.pearson_r)


def test_a_core_without_collagen_has_no_auroc(cores):
    dark = replace(cores[0], shg=np.zeros_like(cores[0].shg))
    (result,) = evaluate_cores([dark], lambda core: core.rgb[..., 0] / np.float32(255))
    assert np.isnan(result.auroc)
    assert np.isnan(result.auroc_px)
    assert np.isnan(result.pearson_r)


def test_auroc_is_the_chance_that_collagen_scores_higher(cores):
    """Mann and Whitney's U over the number of pairs is an independent reference."""
    core = cores[0]
    noise = np.random.default_rng(0).normal(0, 0.6, core.shg.shape).astype(np.float32)
    values = core.shg + noise
    (result,) = evaluate_cores([core], lambda _: values)
    inside = core.tissue
    bright = core.shg[inside] > otsu_threshold(core.shg[inside])
    found, other = values[inside][bright], values[inside][~bright]
    expected = mannwhitneyu(found, other).statistic / (len(found) * len(other))
    assert result.auroc_px == pytest.approx(expected, abs=1e-5)
    assert 0.6 < result.auroc_px < 0.95


def test_auroc_does_not_depend_on_the_scale_of_the_map(cores):
    noise = np.random.default_rng(0).random(cores[0].shg.shape).astype(np.float32)
    for change in (lambda v: v / 10, lambda v: v * 50 - 30):
        one, other = (
            evaluate_cores(cores[:1], lambda core, f=f: f(core.shg + noise))[0]
            for f in (lambda v: v, change)
        )
        assert one.auroc == pytest.approx(other.auroc, abs=1e-4)
        assert one.pearson_r == pytest.approx(other.pearson_r, abs=1e-4)


def test_outside_the_tissue_nothing_counts_pixel_by_pixel(cores):
    core = cores[0]
    noise = np.random.default_rng(1).random(core.shg.shape).astype(np.float32)
    changed = np.where(core.tissue, core.shg + noise, 9)
    one, other = (evaluate_cores([core], lambda _, v=v: v)[0] for v in (core.shg + noise, changed))
    assert one.auroc_px == pytest.approx(other.auroc_px)


def test_dice_and_areas_by_hand(cores):
    core = cores[0]
    label = collagen_label(core)
    half = label.copy()
    half[core.rgb.shape[0] // 2 :] = False
    share = half.sum() / label.sum()
    (whole,) = evaluate_cores([core], lambda _: label.astype(np.float32), threshold=0.5)
    (part,) = evaluate_cores([core], lambda _: half.astype(np.float32), threshold=0.5)
    assert whole.dice == 1
    assert whole.predicted_fraction == whole.label_fraction
    assert whole.label_fraction == pytest.approx(label.sum() / core.tissue.sum())
    assert part.dice == pytest.approx(2 * share / (1 + share))


def test_without_a_threshold_there_are_no_areas(cores):
    (result,) = evaluate_cores(cores[:1], lambda core: core.shg)
    assert np.isnan([result.dice, result.label_fraction, result.predicted_fraction]).all()


def test_the_threshold_makes_areas_agree(cores):
    draw = np.random.default_rng(2)
    maps = [draw.random(core.shg.shape).astype(np.float32) ** 3 for core in cores]
    threshold = area_threshold(cores, maps)
    predicted = sum((m[c.tissue] >= threshold).sum() for c, m in zip(cores, maps, strict=True))
    labelled = sum(collagen_label(core).sum() for core in cores)
    assert predicted == pytest.approx(labelled, abs=2)


def test_eosin_finds_the_drawn_fibres(cores):
    for core in cores:
        amount, label = eosin_amount(core), collagen_label(core)
        assert amount.shape == core.shg.shape
        assert amount[label].mean() > 2 * amount[core.tissue & ~label].mean()


def test_a_mean_leaves_out_what_is_undefined():
    results = [CoreResult("a", "o", value, 0, 0) for value in (0.5, float("nan"), 0.7)]
    assert mean_of(results, "auroc") == pytest.approx(0.6)
    assert np.isnan(mean_of(results, "dice"))
    assert np.isnan(mean_of([], "auroc"))


def test_a_result_is_json_also_where_undefined():
    values = CoreResult("a", "o", 0.5, float("nan"), 0.5).as_dict()
    assert json.loads(json.dumps(values, allow_nan=False))["pearson_r"] is None


@pytest.mark.parametrize(("height", "width"), [(64, 64), (61, 75)])
def test_a_network_answers_for_every_pixel_of_a_core(cores, height, width):
    spec = NetworkSpec(
        arguments={
            "encoder_name": "mobilenet_v2",
            "encoder_depth": 3,
            "decoder_channels": [8, 8, 8],
        }
    )
    network = StromaNetwork(spec, classes=1).eval()
    core = replace(cores[0], rgb=cores[0].rgb[:height, :width])
    chance = core_probability(network, core)
    assert (chance.shape, chance.dtype) == ((height, width), np.float32)
    assert chance.min() >= 0
    assert chance.max() <= 1
