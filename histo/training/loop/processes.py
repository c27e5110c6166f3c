"""Which process of a training this is, as torchrun says in the environment."""

import os

__all__ = ["local_world_size", "rank", "world_size"]


def world_size() -> int:
    """Return how many processes train together; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def rank() -> int:
    """Return the number of this process; 0 is the one that writes."""
    return int(os.environ.get("RANK", 0))


def local_world_size() -> int:
    """Return how many of the processes are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", world_size()))
