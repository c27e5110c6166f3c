"""Bytes of a file and decoded tiles, for many threads at once."""

import os
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

__all__ = ["FileBytes", "TileCache"]

_STRIPES = 64


class FileBytes:
    """Reads ranges of a file from any thread.

    ``pread`` where there is one, else a locked seek. Not a memory map: a file that shrinks or a
    network drive that drops out would then end the process (SIGBUS) instead of raising OSError.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._lock = Lock()
        # A slide that is merely dropped closes its file too, as OpenSlide's handle does.
        weakref.finalize(self, self._file.close)
        self.size = os.fstat(self._file.fileno()).st_size

    def read(self, offset: int, count: int) -> bytes:
        """Return the bytes ``offset`` to ``offset + count``.

        Raises
        ------
        EOFError
            If the file ends before.
        """
        data = self._read_some(offset, count)
        while len(data) < count:
            more = self._read_some(offset + len(data), count - len(data))
            if not more:
                raise EOFError(f"the file ends at byte {offset + len(data)}")
            data += more
        return data

    def _read_some(self, offset: int, count: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), count, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(count) or b""

    @property
    def closed(self) -> bool:
        """Whether the file was closed."""
        return self._file.closed

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TileCache:
    """Keeps the decoded tiles used last, up to a number of bytes.

    A tile that two threads want at once is decoded once: keys share a few locks by hash.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity = capacity_bytes
        self._held = 0
        self._tiles: OrderedDict[Hashable, NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()
        self._making = tuple(Lock() for _ in range(_STRIPES))

    def get(self, key: Hashable, make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return the tile of that key, making it where it is not held."""
        tile = self._find(key)
        if tile is not None:
            return tile
        with self._making[hash(key) % _STRIPES]:
            tile = self._find(key)
            if tile is None:
                tile = make()
                self._keep(key, tile)
        return tile

    def clear(self) -> None:
        """Forget all tiles."""
        with self._lock:
            self._tiles.clear()
            self._held = 0

    def _find(self, key: Hashable) -> NDArray[np.uint8] | None:
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def _keep(self, key: Hashable, tile: NDArray[np.uint8]) -> None:
        with self._lock:
            self._tiles[key] = tile
            self._held += tile.nbytes
            # The newest stays even if it is over the limit alone, or strips would be decoded anew
            # for every row of tiles.
            while self._held > self._capacity and len(self._tiles) > 1:
                _, oldest = self._tiles.popitem(last=False)
                self._held -= oldest.nbytes
