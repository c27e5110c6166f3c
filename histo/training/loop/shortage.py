"""Say in a sentence that memory ran out, and what to make smaller."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from histo.errors import BackendError
from histo.training.config import OptimConfig

__all__ = ["shortage_said"]

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "killed by signal: killed")


@contextmanager
def shortage_said(optim: OptimConfig) -> Iterator[None]:
    """Turn running out of memory into one sentence.

    Raises
    ------
    BackendError
        Naming the settings that need less.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as fault:
        if not _is_shortage(fault):
            raise
        where = "the GPU" if isinstance(fault, torch.OutOfMemoryError) else "the machine"
        fewer = " or optim.workers" if optim.workers else ""
        raise BackendError(
            f"{where} has no memory left for batches of {optim.batch}: halve optim.batch "
            f"(and optim.lr with it), or make optim.crop_px{fewer} smaller."
        ) from fault


def _is_shortage(fault: BaseException) -> bool:
    words = str(fault).lower()
    known = isinstance(fault, MemoryError | torch.OutOfMemoryError)
    return known or any(sign in words for sign in _SIGNS)
