"""The order of samples: numbers that count on over epochs, shared out between processes."""

from collections.abc import Iterator

from torch.utils.data import Sampler

__all__ = ["EpochSampler"]


class EpochSampler(Sampler[int]):
    """Sample numbers ``epoch * count + i``, of which every process takes its part.

    A number says the epoch, so workers that live on over epochs need not be told. Step ``s`` of
    ``world_size`` processes with batches of B covers the same numbers as step ``s`` of one process
    with batches of ``B * world_size``.

    Parameters
    ----------
    count
        Samples an epoch, over all processes; what does not divide evenly among them is left out.
    rank, world_size
        This process and how many there are.

    Raises
    ------
    ValueError
        If a process would have no sample, or there is no such process.
    """

    def __init__(self, count: int, *, rank: int = 0, world_size: int = 1) -> None:
        if not 0 <= rank < world_size or count < world_size:
            raise ValueError(f"{count} samples cannot be shared out to {rank} of {world_size}")
        self.count, self.rank, self.world_size = count, rank, world_size
        self.epoch, self._done, self._resumed = 0, 0, -1

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch; a training loop calls it before each."""
        self.epoch = epoch

    def resume(self, epoch: int, done: int) -> None:
        """Go on within an epoch after ``done`` samples, counted over all processes.

        Raises
        ------
        ValueError
            If that is no whole number of samples for each process.
        """
        if done % self.world_size or not 0 <= done <= self.count:
            raise ValueError(f"{done} of {self.count} samples is no place to go on from")
        self.epoch, self._done, self._resumed = epoch, done, epoch

    def __len__(self) -> int:
        return (self.count - self._start) // self.world_size

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.count + self._start + self.rank
        return iter(range(first, first + len(self) * self.world_size, self.world_size))

    @property
    def _start(self) -> int:
        return self._done if self.epoch == self._resumed else 0
