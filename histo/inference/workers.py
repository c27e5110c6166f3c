"""Threads that do jobs in order, and the flow of items through stages of them."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["Workers", "in_order"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Workers:
    """A few threads that take jobs first come, first served.

    Unlike ``ThreadPoolExecutor`` the threads are daemons: a read that hangs in a network share
    cannot be stopped, and must not keep the process from ending either.

    Parameters
    ----------
    count
        Number of threads.
    name
        What they do, for a debugger.
    """

    def __init__(self, count: int, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"histo-{name}-{index}", daemon=True)
            for index in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], _Result]) -> Future[_Result]:
        """Queue a job; its result, or what it raised, comes through the future."""
        future: Future[_Result] = Future()
        self._jobs.put((future, job))
        return future

    def stop(self, wait_s: float | None = None) -> None:
        """Drop the jobs not begun and wait for those under way, at most ``wait_s`` in all."""
        with suppress(Empty):
            while True:
                if queued := self._jobs.get_nowait():
                    queued[0].cancel()
        for _ in self._threads:
            self._jobs.put(None)
        until = None if wait_s is None else time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _work(self) -> None:
        while queued := self._jobs.get():
            future, job = queued
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except BaseException as fault:
                future.set_exception(fault)
            del queued, future, job  # an idle thread holds no pixels


def in_order(
    start: Callable[[_Item], Callable[[], _Result]], items: Iterable[_Item], ahead: int
) -> Iterator[_Result]:
    """Run items through a stage: up to ``ahead`` more are started while one is waited for.

    Parameters
    ----------
    start
        Begins the work on an item and returns a function that waits for its result.
    items
        Taken one at a time, never more than are in flight: that is the back-pressure.
    ahead
        How many items may be in flight beside the one waited for.

    Yields
    ------
    result
        In the order of the items.
    """
    flying: deque[Callable[[], _Result]] = deque()
    for item in items:
        flying.append(start(item))
        del item  # a batch of pixels, not to be held while waiting for the next
        if len(flying) > ahead:
            yield flying.popleft()()
    while flying:
        yield flying.popleft()()
