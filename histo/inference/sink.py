"""Where finished rows of a canvas go: an array in memory, or a file that is not held in it."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from histo.errors import OutputError
from histo.geometry import Box

__all__ = ["FileSink", "MemorySink", "Sink", "open_sink"]


class Sink(Protocol):
    """Takes boxes of a canvas, row by row, and gives the whole canvas in the end."""

    def write(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Keep values of shape (C, box height, box width)."""
        ...

    def close(self) -> NDArray[np.uint8]:
        """Return the canvas, shape (C, H, W); zero where nothing was written."""
        ...

    def discard(self) -> None:
        """Leave nothing behind."""
        ...


def open_sink(shape: tuple[int, int, int], scratch: Path | None) -> Sink:
    """Return a sink for a canvas of shape (C, H, W): in a folder, or in memory without one."""
    return MemorySink(shape) if scratch is None else FileSink(shape, scratch)


class MemorySink:
    """An array in memory."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._canvas = np.zeros(shape, dtype=np.uint8)

    def write(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Keep values of shape (C, box height, box width)."""
        self._canvas[:, *box.slices] = values

    def close(self) -> NDArray[np.uint8]:
        """Return the canvas."""
        return self._canvas

    def discard(self) -> None:
        """Forget nothing: the array goes when its last reader does."""


class FileSink:
    """A .npy file in a folder, written as a plain file and mapped only when it is whole.

    A mapped page counts as memory of the process until the system takes it back, and a full
    disk under a map kills the process; a plain write does neither.
    """

    def __init__(self, shape: tuple[int, int, int], folder: Path) -> None:
        self._shape = shape
        try:
            handle, name = tempfile.mkstemp(prefix="canvas-", suffix=".npy", dir=folder)
            os.close(handle)
            self._path = Path(name)
            self._offset = _lay_out(self._path, shape)
            self._stream: BinaryIO = self._path.open("r+b")
        except OSError as fault:
            raise _cannot_write(fault) from fault

    def write(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Keep values of shape (C, box height, box width)."""
        _, height, width = self._shape
        rows = np.zeros((box.height, width), dtype=np.uint8)  # whole rows: one write a channel
        try:
            for channel, plane in enumerate(values):
                rows[:, box.col : box.right] = plane
                self._stream.seek(self._offset + (channel * height + box.row) * width)
                self._stream.write(rows.data)
        except OSError as fault:
            raise _cannot_write(fault) from fault

    def close(self) -> NDArray[np.uint8]:
        """Return the canvas, mapped read-only."""
        try:
            self._stream.close()
        except OSError as fault:
            raise _cannot_write(fault) from fault
        return np.lib.format.open_memmap(self._path, mode="r")

    def discard(self) -> None:
        """Remove the file."""
        with suppress(OSError):  # a full disk: what could not be written is to go anyway
            self._stream.close()
        self._path.unlink(missing_ok=True)


def _lay_out(path: Path, shape: tuple[int, int, int]) -> int:
    """Make a .npy file of zeros, sparse where the file system can; return where data begin."""
    with path.open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        offset = stream.tell()
        stream.truncate(offset + int(np.prod(shape, dtype=np.int64)))
    return offset


def _cannot_write(fault: OSError) -> OutputError:
    return OutputError(
        f"the component map cannot be written to the scratch folder ({fault.strerror}): "
        "expected room for one byte a canvas pixel. Free some space or choose another folder."
    )
