"""Torch gives what OpenVINO gives, and lives with little memory."""

import logging

import numpy as np
import pytest
from nn_fakes import STRIDE_PX

from histo.errors import BackendError, BundleError
from histo.nn.bundle import WEIGHTS

torch = pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from histo.nn.torch_predictor import TorchPredictor  # noqa: E402


@pytest.fixture
def predict(made_bundle):
    return TorchPredictor(made_bundle, device="cpu")


def test_it_gives_the_reference(made_bundle, predict):
    pixels, expected = made_bundle.reference()
    found = predict(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_it_agrees_with_openvino(made_bundle, predict, tiles):
    pytest.importorskip("openvino")
    from histo.nn.openvino_predictor import OpenVinoPredictor

    for k in (1, 4):
        ours = TorchPredictor(made_bundle, device="cpu", reduction=k)
        theirs = OpenVinoPredictor(made_bundle, reduction=k, precision="f32", threads=1)
        assert (ours.outputs, ours.stride) == (theirs.outputs, theirs.stride)
        np.testing.assert_allclose(ours(tiles), theirs(tiles), atol=1e-4)


def test_a_reduction_is_the_mean_over_blocks(made_bundle, predict, tiles):
    reduced = TorchPredictor(made_bundle, device="cpu", reduction=4)(tiles)
    means = predict(tiles).reshape(3, 2, 16, 4, 24, 4).mean(axis=(3, 5))
    np.testing.assert_allclose(reduced, means, atol=1e-5)


def test_bf16_is_close_and_comes_back_in_full(made_bundle, predict, tiles):
    half = TorchPredictor(made_bundle, device="cpu", precision="bf16")
    found = half(tiles)
    assert half.name == "torch cpu bf16"
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, predict(tiles), atol=6e-2)
    assert not np.array_equal(found, predict(tiles))


def test_it_says_what_it_is(predict):
    assert predict.name == "torch cpu f32"
    assert (predict.outputs, predict.stride) == (("collagen", "tumour"), STRIDE_PX)


def test_a_read_only_view_of_pixels_will_do(predict, tiles):
    view = tiles[:, ::2, ::2][:, :32, :48]
    view.flags.writeable = False
    np.testing.assert_array_equal(predict(view), predict(view.copy()))


class SmallDevice:
    """A network that has memory for so many tiles at once; it tells what it was asked for."""

    def __init__(self, largest_batch: int) -> None:
        self.largest_batch = largest_batch
        self.asked: list[int] = []

    def __call__(self, batch):
        self.asked.append(len(batch))
        if len(batch) > self.largest_batch:
            raise torch.OutOfMemoryError("no memory")
        return batch.permute(0, 3, 1, 2)[:, :2].float() / 50 - 3


def numbered_tiles(count):
    """Tiles that are as grey as their number."""
    grey = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(grey * 20, (count, 8, 8, 3)).copy()


def test_out_of_memory_halves_the_batch_and_goes_on(predict, caplog):
    tiles = numbered_tiles(11)
    predict._network = SmallDevice(99)
    expected = predict(tiles)
    predict._network = device = SmallDevice(3)
    with caplog.at_level(logging.WARNING):
        found = predict(tiles)
    np.testing.assert_array_equal(found, expected)
    assert device.asked == [11, 5, 2, 2, 2, 2, 2, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory on cpu: batch reduced to 5",
        "out of memory on cpu: batch reduced to 2",
    ]


def test_the_smaller_batch_is_kept(predict):
    predict._network = device = SmallDevice(2)
    predict(numbered_tiles(4))
    device.asked.clear()
    predict(numbered_tiles(5))
    assert device.asked == [2, 2, 1]


def test_no_memory_for_a_single_tile_is_one_sentence(predict):
    predict._network = SmallDevice(0)
    with pytest.raises(BackendError) as caught:
        predict(numbered_tiles(2))
    assert str(caught.value) == (
        "cpu has no memory left for one tile of 8 px; use a smaller --tile or --device cpu."
    )


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("cuda", "no CUDA device is visible to torch; use --device cpu."),
        ("cuda:1", "no CUDA device is visible to torch; use --device cpu."),
        ("mps", "no Apple GPU is visible to torch; use --device cpu."),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(made_bundle, device, sentence, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(BackendError) as caught:
        TorchPredictor(made_bundle, device=device)
    assert str(caught.value) == sentence


def test_altered_weights_are_not_run(own_bundle):
    with (own_bundle.folder / WEIGHTS).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        TorchPredictor(own_bundle, device="cpu")


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "limit"), [("f32", 2e-3), ("bf16", 6e-2)])
def test_cuda_gives_the_reference(made_bundle, precision, limit):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pixels, expected = made_bundle.reference()
    predict = TorchPredictor(made_bundle, device="cuda", precision=precision)
    assert predict.name == f"torch cuda {precision}"
    np.testing.assert_allclose(predict(pixels), expected, atol=limit)


@pytest.mark.gpu
def test_cuda_keeps_the_order_of_a_batch(made_bundle, tiles):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    predict = TorchPredictor(made_bundle, device="cuda", precision="f32", reduction=4)
    apart = np.concatenate([predict(tile[None]) for tile in tiles])
    np.testing.assert_allclose(predict(tiles), apart, atol=1e-3)
