"""A few out of many, spread evenly."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["spread_evenly"]

_Item = TypeVar("_Item")


def spread_evenly(items: Sequence[_Item], count: int) -> Iterator[_Item]:
    """Yield at most that many items, every n-th from the middle of the first stretch on.

    Systematic sampling: every part of the list is equally likely to be looked at.

    Examples
    --------
    >>> list(spread_evenly("abcdefghij", 3))
    ['b', 'f', 'i']
    """
    step = max(1.0, len(items) / count) if count else 1.0
    for number in range(min(count, len(items))):
        yield items[int((number + 0.5) * step)]
