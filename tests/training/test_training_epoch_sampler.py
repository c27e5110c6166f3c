"""Numbers count on over epochs, are shared out, and go on where they were left."""

from itertools import chain

import pytest

pytest.importorskip("torch")

from histo.training.samples.epoch_sampler import EpochSampler


def test_epochs_count_on():
    order = EpochSampler(4)
    assert list(order) == [0, 1, 2, 3]
    order.set_epoch(2)
    assert list(order) == [8, 9, 10, 11]


def test_processes_share_an_epoch_and_steps_cover_the_same_numbers():
    parts = [list(EpochSampler(12, rank=rank, world_size=3)) for rank in range(3)]
    assert sorted(chain.from_iterable(parts)) == list(range(12))
    batch = 2
    for step in range(2):
        chosen = [number for part in parts for number in part[step * batch : (step + 1) * batch]]
        assert sorted(chosen) == list(range(step * 6, step * 6 + 6))


def test_what_does_not_divide_is_left_out_so_that_no_process_waits():
    parts = [EpochSampler(11, rank=rank, world_size=3) for rank in range(3)]
    assert [len(part) for part in parts] == [3, 3, 3]
    assert [len(list(part)) for part in parts] == [3, 3, 3]


@pytest.mark.parametrize("done", [0, 4, 8, 12])
def test_resumed_equals_uninterrupted(done):
    for rank in range(2):
        whole = EpochSampler(12, rank=rank, world_size=2)
        whole.set_epoch(3)
        resumed = EpochSampler(12, rank=rank, world_size=2)
        resumed.resume(3, done)
        resumed.set_epoch(3)  # a loop says so at the start of the epoch it resumes
        assert list(whole)[done // 2 :] == list(resumed)
        assert len(resumed) == len(list(resumed))
        whole.set_epoch(4)
        resumed.set_epoch(4)
        assert list(whole) == list(resumed)


def test_impossible_shares_are_refused():
    with pytest.raises(ValueError, match="shared out"):
        EpochSampler(2, rank=0, world_size=3)
    with pytest.raises(ValueError, match="no place to go on from"):
        EpochSampler(12, rank=0, world_size=2).resume(0, 5)
