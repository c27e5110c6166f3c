"""A lighter graph gives the same answer: all of it, or all that counts of it."""

import numpy as np
import pytest
from nn_fakes import noise_tiles

ov = pytest.importorskip("openvino")

from openvino import opset13 as ops  # noqa: E402

from histo.nn.bundle import GRAPH  # noqa: E402
from histo.nn.openvino_graph import lighten  # noqa: E402
from histo.nn.openvino_predictor import openvino_core  # noqa: E402

HEIGHT, WIDTH = 96, 128


@pytest.fixture
def model(made_bundle):
    model = openvino_core().read_model(str(made_bundle.file(GRAPH)))
    model.reshape([1, HEIGHT, WIDTH, 3])
    return model


@pytest.fixture(scope="module")
def tile():
    return noise_tiles(1, HEIGHT, WIDTH, seed=3)


def answer(model, tile):
    f32 = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino_core().compile_model(model, "CPU", f32)([tile])[0]


def block_means(maps, k):
    count, channels, height, width = maps.shape
    return maps.reshape(count, channels, height // k, k, width // k, k).mean(axis=(3, 5))


def kinds(model):
    return [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_without_context_the_answer_is_the_same_everywhere(model, tile, k):
    expected = block_means(answer(model, tile), k)
    lighter, border_px = lighten(model, k, 0)
    assert border_px == 0
    np.testing.assert_allclose(answer(lighter, tile), expected, atol=2e-5)


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("context_px", [4, 9, 24, 32])
def test_inside_the_context_the_answer_is_the_same(model, tile, k, context_px):
    expected = block_means(answer(model, tile), k)
    lighter, border_px = lighten(model, k, context_px)
    found = answer(lighter, tile)
    assert border_px % k == 0
    assert border_px < context_px
    assert found.shape[2:] == ((HEIGHT - 2 * border_px) // k, (WIDTH - 2 * border_px) // k)
    first, skipped = -(-context_px // k), border_px // k
    counted = expected[..., first : HEIGHT // k - first, first : WIDTH // k - first]
    inner = found[..., first - skipped : first - skipped + counted.shape[2], :]
    inner = inner[..., first - skipped : first - skipped + counted.shape[3]]
    np.testing.assert_allclose(inner, counted, atol=2e-5)


def test_a_wide_context_leaves_most_of_the_decoder_out(model):
    _, border_px = lighten(model, 4, 32)
    assert border_px == 28


def test_nothing_is_doubled_any_more(model):
    assert "Interpolate" in kinds(model)
    assert "Interpolate" not in kinds(lighten(model, 4, 0)[0])


def test_a_graph_of_another_shape_is_only_averaged():
    pixels = ops.parameter([1, 8, 8, 1], np.float32)
    planes = ops.transpose(pixels, ops.constant(np.array([0, 3, 1, 2])))
    lighter, border_px = lighten(ov.Model([planes], [pixels]), 4, 2)
    tile = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1)
    assert border_px == 0
    np.testing.assert_array_equal(answer(lighter, tile), block_means(tile.transpose(0, 3, 1, 2), 4))


def test_several_components_keep_their_order(model, tile, made_bundle):
    assert len(made_bundle.card.components) == 2
    whole = answer(model, tile)
    found = answer(lighten(model, 4, 0)[0], tile)
    for index in range(2):
        np.testing.assert_allclose(found[:, index], block_means(whole, 4)[:, index], atol=2e-5)
