"""The window, the running mean and the rows that leave it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inference_fakes import GRID, whole
from numpy.typing import NDArray

from histo.errors import OutputError
from histo.geometry import Box
from histo.inference import TilePlan, TileSettings, plan_tiles
from histo.inference.canvas import Canvas
from histo.inference.sink import FileSink, MemorySink, open_sink
from histo.inference.window import tile_window


@given(valid=st.integers(2, 60), data=st.data())
def test_the_ramps_of_neighbours_add_to_one(valid: int, data: st.DataObject) -> None:
    blend = data.draw(st.integers(0, valid // 2))
    along = np.sqrt(np.diagonal(tile_window((valid, valid), blend)))  # it is separable
    np.testing.assert_allclose(along[:blend] + along[valid - blend :], 1, atol=1e-6)
    assert (tile_window((valid, valid), blend) > 0).all()


def test_the_window_is_one_inside_and_the_same_after_a_quarter_turn() -> None:
    window = tile_window((20, 30), 5)
    assert (window[5:15, 5:25] == 1).all()
    turned = tile_window((30, 20), 5)
    np.testing.assert_allclose(turned, np.rot90(window), atol=1e-7)


def test_a_ramp_wider_than_the_tile_is_refused() -> None:
    with pytest.raises(ValueError, match="ramp"):
        tile_window((8, 20), 8)


class LoggingSink(MemorySink):
    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(shape)
        self.boxes: list[Box] = []

    def write(self, box: Box, values: NDArray[np.uint8]) -> None:
        self.boxes.append(box)
        super().write(box, values)


def plan_of(tiling: TileSettings, frame: tuple[int, int] = (600, 500)) -> TilePlan:
    return plan_tiles(frame, GRID, whole(frame), tiling, reduction=2)


# With a blend wider than a step a pixel is under three tiles a row.
@pytest.mark.parametrize("tiling", [TileSettings(128, 16, 20), TileSettings(128, 16, 70)])
def test_the_running_mean_is_the_quotient_of_weighted_sums(tiling: TileSettings) -> None:
    plan, random = plan_of(tiling), np.random.default_rng(3)
    height, width = plan.canvas_shape
    pad, inset = 200, plan.context_px // 2
    above = np.zeros((2, height + 2 * pad, width + 2 * pad))
    below = np.zeros(above.shape[1:])
    sink = LoggingSink((2, height, width))
    canvas = Canvas(plan, 2, sink)
    for tile in plan:
        output = random.random((2, *(side // 2 for side in tile.shape)), dtype=np.float32)
        canvas.add(tile, output)
        box = plan.valid_box(tile)
        valid = Box(box.row // 2, box.col // 2, box.height // 2, box.width // 2)
        window = tile_window(valid.shape, plan.blend_px // 2)
        at = valid.shift(pad, pad).slices
        above[:, *at] += window * output[:, *Box(inset, inset, *valid.shape).slices]
        below[at] += window
    canvas.finish()
    inner = Box(pad, pad, height, width).slices
    expected = 255 * above[:, *inner] / below[inner]
    assert np.abs(sink.close() - expected).max() <= 0.5 + 1e-4


def test_rows_leave_once_and_in_order_as_soon_as_no_tile_can_reach_them() -> None:
    plan = plan_of(TileSettings(128, 16, 20))
    sink = LoggingSink((1, *plan.canvas_shape))
    canvas = Canvas(plan, 1, sink)
    for tile in plan:
        canvas.add(tile, np.zeros((1, *(side // 2 for side in tile.shape)), np.float32))
        held = sum(box.height for box in sink.boxes)
        assert held >= plan.band_rows(tile.band)[0] // 2
    canvas.finish()
    ends = [0] + [box.bottom for box in sink.boxes]
    assert [box.row for box in sink.boxes] == ends[:-1]
    assert ends[-1] == plan.canvas_shape[0]


def test_only_columns_with_tiles_are_held() -> None:
    target = whole((600, 5000))
    target.mask[:, :200] = False
    plan = plan_tiles((600, 5000), GRID, target, TileSettings(128, 16, 20), reduction=2)
    canvas = Canvas(plan, 1, MemorySink((1, *plan.canvas_shape)))
    assert canvas._mean.shape[2] < 1000


def test_memory_follows_the_width_and_not_the_height() -> None:
    low, high = (
        Canvas(plan_of(TileSettings(128, 16, 20), (height, 500)), 1, MemorySink((1, 1, 1)))
        for height in (500, 50_000)
    )
    assert low._mean.shape == high._mean.shape


def test_a_file_of_rows_is_the_array_and_untouched_rows_are_zero(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 255, (3, 4, 5), dtype=np.uint8)
    sinks = [open_sink((3, 20, 11), folder) for folder in (None, tmp_path)]
    for sink in sinks:
        sink.write(Box(8, 2, 4, 5), rows)
    in_memory, on_disk = (sink.close() for sink in sinks)
    np.testing.assert_array_equal(in_memory, on_disk)
    assert in_memory.sum() == rows.sum(dtype=int)
    assert not on_disk.flags.writeable


def test_a_discarded_file_is_gone(tmp_path: Path) -> None:
    FileSink((1, 5, 5), tmp_path).discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    sink = FileSink((1, 5, 5), tmp_path)
    sink._stream.close()
    sink._stream = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    with pytest.raises(OutputError, match="No space left"):
        sink.write(Box(0, 0, 1, 5), np.zeros((1, 1, 5), np.uint8))
    sink.discard()
