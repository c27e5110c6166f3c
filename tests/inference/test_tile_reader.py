"""Reading ahead, and stopping cleanly whatever happens."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from inference_fakes import GRID, Network, NoiseSlide, redness, whole
from numpy.typing import NDArray

from histo.errors import SlideError, SlideOpenError
from histo.geometry import Box, Spacing
from histo.inference import FlowSettings, TilePlan, TileSettings, plan_tiles, read_batches, segment
from histo.inference.workers import Workers, in_order


def threads_left() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("histo-")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not threads_left()


class ActingSlide(NoiseSlide):
    """Does something before each read, counted from 0."""

    def __init__(self, act: Callable[[int], None]) -> None:
        super().__init__(500, 700)
        self._act, self._lock, self.reads = act, threading.Lock(), 0

    def read(self, box: Box, um_per_px: Spacing, /) -> NDArray[np.uint8]:
        with self._lock:
            index, self.reads = self.reads, self.reads + 1
        self._act(index)
        return super().read(box, um_per_px)


def plan_of(slide: NoiseSlide) -> TilePlan:
    return plan_tiles(slide.frame, GRID, whole(slide.frame), TileSettings(64, 8, 8))


def nothing(read: int) -> None:
    """Let the read be."""


def at(index: int, fault: BaseException) -> Callable[[int], None]:
    def act(read: int) -> None:
        if read == index:
            raise fault

    return act


@pytest.mark.parametrize("settings", [FlowSettings(1, 1), FlowSettings(5, 3), FlowSettings(500, 2)])
def test_batches_hold_every_tile_once_in_order_with_its_pixels(settings: FlowSettings) -> None:
    slide = ActingSlide(lambda read: time.sleep(0.001 * (read % 3)))  # they finish out of order
    plan = plan_of(slide)
    batches = list(read_batches(slide, plan, settings))
    assert [tile for batch in batches for tile in batch.tiles] == list(plan)
    assert max(len(batch.tiles) for batch in batches) <= settings.batch
    assert all(len({tile.shape for tile in batch.tiles}) == 1 for batch in batches)
    for batch in batches:
        for tile, pixels in zip(batch.tiles, batch.pixels, strict=True):
            np.testing.assert_array_equal(pixels, slide.read(plan.tile_box(tile), GRID))


def test_reading_waits_for_whoever_takes_the_batches() -> None:
    slide = ActingSlide(nothing)
    batches = read_batches(slide, plan_of(slide), FlowSettings(batch=2, threads=2))
    next(batches)
    time.sleep(0.2)
    assert slide.reads <= 2 * (2 + 2)  # ahead: two batches and the one given, two reads each
    batches.close()


def test_closing_early_ends_the_threads() -> None:
    slide = ActingSlide(lambda _: time.sleep(0.01))
    batches = read_batches(slide, plan_of(slide), FlowSettings(batch=3, threads=4))
    next(batches)
    assert threads_left()
    batches.close()
    assert not threads_left()


@pytest.mark.parametrize("index", [0, 7])
def test_an_error_while_reading_is_raised_as_it_is(index: int, tmp_path: Path) -> None:
    fault = SlideOpenError("damaged there", slide="noise")
    slide = ActingSlide(at(index, fault))
    with pytest.raises(SlideOpenError) as caught:
        segment(slide, plan_of(slide), Network(redness), scratch=tmp_path)
    assert caught.value is fault
    assert not list(tmp_path.iterdir())


def test_a_time_out_of_the_file_system_is_not_taken_for_a_hang() -> None:
    fault = TimeoutError("share")
    slide = ActingSlide(at(3, fault))
    with pytest.raises(TimeoutError) as caught:
        segment(slide, plan_of(slide), Network(redness))
    assert caught.value is fault


@pytest.mark.parametrize("lanes", [1, 3])
def test_an_error_of_the_network_is_raised_as_it_is(lanes: int, tmp_path: Path) -> None:
    fault = MemoryError("device")

    def fail(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        raise fault

    slide = ActingSlide(nothing)
    with pytest.raises(MemoryError) as caught:
        segment(slide, plan_of(slide), Network(fail), FlowSettings(lanes=lanes), scratch=tmp_path)
    assert caught.value is fault
    assert not list(tmp_path.iterdir())


def test_ctrl_c_leaves_no_thread_and_no_file(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    slide = ActingSlide(lambda _: time.sleep(0.005))
    with pytest.raises(KeyboardInterrupt):
        segment(slide, plan_of(slide), Network(redness), scratch=tmp_path, progress=interrupt)
    assert not threads_left()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals a thread")
def test_ctrl_c_while_waiting_for_a_tile_is_answered_at_once(tmp_path: Path) -> None:
    def act(read: int) -> None:
        if read == 5:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.2)

    slide = ActingSlide(act)
    with pytest.raises(KeyboardInterrupt):
        segment(slide, plan_of(slide), Network(redness), scratch=tmp_path)
    assert not threads_left()
    assert not list(tmp_path.iterdir())


def test_a_hung_read_is_given_up_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("histo.inference.reader._LAST_CALL_S", 0.05)
    hang = threading.Event()
    slide = ActingSlide(lambda read: hang.wait(20) if read == 4 else None)
    started = time.monotonic()
    with pytest.raises(SlideError, match=r"longer than 0\.2 s") as caught:
        segment(slide, plan_of(slide), Network(redness), FlowSettings(timeout_s=0.2))
    assert time.monotonic() - started < 5
    assert caught.value.slide == "noise"
    assert len(threads_left()) == 1  # the hung one: a daemon, so the process can end
    hang.set()
    for thread in threading.enumerate():
        if thread.name.startswith("histo-"):
            thread.join(5)


def test_reading_predicting_and_painting_go_on_side_by_side() -> None:
    """The network waits, in each call, for the next batch to be begun and an old one painted."""
    slide = ActingSlide(nothing)
    plan, flow = plan_of(slide), FlowSettings(batch=4, threads=1)
    sizes = [len(batch.tiles) for batch in read_batches(NoiseSlide(500, 700), plan, flow)]
    calls, painted = [0], [0]

    def patient(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        call, calls[0] = calls[0], calls[0] + 1
        begun = min(sum(sizes[: call + 1]) + 1, len(plan))
        until = time.monotonic() + 10
        while slide.reads < begun or painted[0] < sum(sizes[: max(call - 1, 0)]):
            assert time.monotonic() < until, "a stage waits for another"
            time.sleep(0.001)
        return redness(pictures)

    def progress(done: int, total: int) -> None:
        painted[0] = done

    segment(slide, plan, Network(patient), flow, progress=progress)
    assert calls[0] == len(sizes)


@pytest.mark.parametrize("bad", [{"batch": 0}, {"threads": 0}, {"lanes": 0}, {"timeout_s": 0}])
def test_settings_that_cannot_work_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        FlowSettings(**bad)


def test_items_pass_a_stage_in_order_and_never_more_than_allowed_are_in_flight() -> None:
    begun, ended = [], []

    def start(item: int) -> Callable[[], int]:
        begun.append(item)
        assert len(begun) - len(ended) <= 3

        def wait() -> int:
            ended.append(item)
            return -item

        return wait

    assert list(in_order(start, range(10), ahead=2)) == [-item for item in range(10)]


def test_stopped_workers_drop_what_was_not_begun() -> None:
    gate, done = threading.Event(), []
    workers = Workers(1, "test")
    workers.submit(lambda: gate.wait(5))
    later = workers.submit(lambda: done.append(1))
    threading.Timer(0.05, gate.set).start()
    workers.stop()
    assert later.cancelled()
    assert not done
