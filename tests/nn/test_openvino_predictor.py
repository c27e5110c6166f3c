"""OpenVINO runs the graph on the CPU: no torch, any tile size, order kept."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from nn_fakes import STRIDE_PX, noise_tiles, write_paper_bundle

from histo.errors import BackendError, BundleError
from histo.nn.bundle import GRAPH, load_bundle

ov = pytest.importorskip("openvino")

from histo.nn.openvino_predictor import OpenVinoPredictor, cpu_has_bf16  # noqa: E402

F32 = {"precision": "f32", "threads": 1}


@pytest.fixture(scope="module")
def predict(made_bundle):
    return OpenVinoPredictor(made_bundle, **F32)


def block_means(maps, k):
    count, channels, height, width = maps.shape
    return maps.reshape(count, channels, height // k, k, width // k, k).mean(axis=(3, 5))


def test_it_gives_the_reference(made_bundle, predict):
    """Closely: the graph holds the weights of the file, not weights rounded a second time."""
    pixels, expected = made_bundle.reference()
    found = predict(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_it_says_what_it_is(predict):
    assert predict.outputs == ("collagen", "tumour")
    assert (predict.reduction, predict.stride) == (1, STRIDE_PX)
    assert predict.name == "openvino cpu f32"


@pytest.mark.parametrize("k", [2, 4, 8])
def test_a_reduction_is_the_mean_over_blocks(made_bundle, predict, tiles, k):
    reduced = OpenVinoPredictor(made_bundle, reduction=k, **F32)
    assert reduced.reduction == k
    np.testing.assert_allclose(reduced(tiles), block_means(predict(tiles), k), atol=1e-5)


def test_the_context_may_come_out_empty_and_the_rest_is_the_same(made_bundle, predict, tiles):
    context, k = 16, 4
    lean = OpenVinoPredictor(made_bundle, reduction=k, context_px=context, **F32)
    found, whole = lean(tiles), block_means(predict(tiles), k)
    inside = (..., slice(context // k, -context // k), slice(context // k, -context // k))
    np.testing.assert_allclose(found[inside], whole[inside], atol=1e-5)
    assert not found[..., 0, :].any()


def test_tiles_come_out_in_the_order_they_went_in(predict, tiles):
    together = predict(np.concatenate([tiles, tiles[::-1]]))
    apart = np.concatenate([predict(tile[None]) for tile in tiles])
    np.testing.assert_array_equal(together[:3], apart)
    np.testing.assert_array_equal(together[3:], apart[::-1])


def test_the_tile_size_may_change_between_calls(predict, tiles):
    before = predict(tiles)
    assert predict(noise_tiles(1, 32, 40)).shape == (1, 2, 32, 40)
    np.testing.assert_array_equal(predict(tiles), before)


def test_no_tiles_give_no_maps(predict):
    assert predict(noise_tiles(1, 64, 96)[:0]).shape == (0, 2, 64, 96)


def test_the_pixels_given_are_left_alone(predict, tiles):
    given = tiles.copy()
    predict(given)
    np.testing.assert_array_equal(given, tiles)


def test_a_result_is_not_overwritten_by_the_next_call(predict, tiles):
    first = predict(tiles[:1])
    kept = first.copy()
    predict(tiles[1:2])
    np.testing.assert_array_equal(first, kept)


def test_a_tile_off_the_stride_is_refused(predict):
    with pytest.raises(ValueError, match="multiples of 8 px, found 60 x 64"):
        predict(noise_tiles(1, 60, 64))


def test_several_threads_may_call_it(predict, tiles):
    inputs = [tiles[i % 3 : i % 3 + 1, : 64 - 32 * (i % 2)] for i in range(12)]
    expected = [predict(one) for one in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(predict, inputs))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_tiles_of_many_sizes_are_the_parts_of_the_largest(predict):
    """Also those smaller than what it was compiled for, in any order."""
    whole = noise_tiles(1, 128, 160)
    predict.prepare(128, 160)
    for height, width in ((128, 160), (64, 64), (128, 32), (32, 160), (64, 64)):
        tile = whole[:, :height, :width]
        np.testing.assert_array_equal(predict(tile), predict(tile.copy()))
    reach = 28
    part = predict(whole[:, :64, :96])[..., : 64 - reach, : 96 - reach]
    np.testing.assert_allclose(part, predict(whole)[..., : 64 - reach, : 96 - reach], atol=2 / 255)


def test_after_its_memory_was_given_back_it_answers_as_before(made_bundle, tiles):
    predict = OpenVinoPredictor(made_bundle, **F32)
    predict.release_memory()
    before = predict(tiles)
    predict.release_memory()
    np.testing.assert_array_equal(predict(tiles), before)


def test_it_imports_no_torch(made_bundle):
    code = (
        "import sys, numpy\n"
        "from histo.config import InferenceSettings\n"
        "from histo.nn import load_bundle, load_predictor\n"
        "settings = InferenceSettings(device='cpu')\n"
        "predict = load_predictor(load_bundle(sys.argv[1]), settings)\n"
        "predict(numpy.zeros((1, 64, 64, 3), numpy.uint8))\n"
        "print(predict.name, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(made_bundle.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("openvino cpu")
    assert done.stdout.split()[-1] == "False"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal stacks")
def test_a_signal_after_predictors_came_and_went_is_no_crash(made_bundle):
    """Two OpenVINO cores that overlap leave the thread with a signal stack that is gone."""
    code = (
        "import os, signal, sys, numpy\n"
        "from histo.nn import load_bundle\n"
        "from histo.nn.openvino_predictor import OpenVinoPredictor\n"
        "bundle, tile = load_bundle(sys.argv[1]), numpy.zeros((1, 64, 64, 3), numpy.uint8)\n"
        "predict = None\n"
        "for _ in range(2):\n"
        "    predict = OpenVinoPredictor(bundle, precision='f32', threads=1)\n"
        "    predict(tile)\n"
        "del predict\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    command = [sys.executable, "-c", code, str(made_bundle.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "stopped\n")


@pytest.fixture
def no_bf16(monkeypatch):
    """A CPU that knows fp32 only."""
    monkeypatch.setattr("histo.nn.openvino_predictor.cpu_has_bf16", lambda: False)


def test_bf16_is_refused_where_the_cpu_has_none(made_bundle, no_bf16):
    with pytest.raises(BackendError) as caught:
        OpenVinoPredictor(made_bundle, precision="bf16")
    assert str(caught.value) == "this CPU has no bf16; use --precision f32 (or auto)."


@pytest.mark.parametrize("has_bf16", [True, False])
def test_auto_is_f32_so_that_every_machine_gives_the_same(made_bundle, monkeypatch, has_bf16):
    monkeypatch.setattr("histo.nn.openvino_predictor.cpu_has_bf16", lambda: has_bf16)
    assert OpenVinoPredictor(made_bundle).precision == "f32"


def test_bf16_is_close_where_the_cpu_has_it(made_bundle, tiles, predict):
    if not cpu_has_bf16():
        pytest.skip("this CPU has no bf16")
    fast = OpenVinoPredictor(made_bundle, precision="bf16", threads=1)
    assert fast.name == "openvino cpu bf16"
    np.testing.assert_allclose(fast(tiles), predict(tiles), atol=6e-2)


def test_a_graph_openvino_cannot_read_is_one_sentence(tmp_path):
    bundle = load_bundle(write_paper_bundle(tmp_path / "tiny"))
    with pytest.raises(BackendError, match=r"^OpenVINO cannot read the graph of tiny\.$"):
        OpenVinoPredictor(bundle)


def test_an_altered_graph_is_not_run(own_bundle):
    with (own_bundle.folder / GRAPH).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        OpenVinoPredictor(own_bundle)


TWO_THREADS_AT_ONCE = """
import sys
from threading import Barrier, Thread

from histo.nn.openvino_predictor import openvino_core, ov

openvino_core()
sys.setswitchinterval(1e-6)
together = Barrier(4)
threads = [Thread(target=lambda: (together.wait(), ov.Type.u8.to_dtype())) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_are_the_first_to_run_a_network_do_not_wait_for_each_other_for_ever():
    """Without the core's first use of the binding, five of six such processes hang."""
    subprocess.run([sys.executable, "-c", TWO_THREADS_AT_ONCE], check=True, timeout=60)
