"""Run a bundle's weights with torch on CPU, CUDA or MPS."""

import logging
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from histo.errors import BackendError
from histo.nn.bundle import WEIGHTS, Bundle
from histo.nn.network import StromaNetwork, load_weights

__all__ = ["TorchPredictor"]

_LOG = logging.getLogger(__name__)


class TorchPredictor:
    """Probabilities from torch: channels_last, autocast, optional compile.

    A batch the device has no memory for is halved and tried again; the smaller size is kept.

    Parameters
    ----------
    device
        "cpu", "cuda", "cuda:1" or "mps".
    precision
        "f32", "bf16", or "auto": f32, so that every machine gives the same numbers.
    """

    lanes = 1

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str,
        reduction: int = 1,
        precision: str = "auto",
        compiled: bool = False,
    ) -> None:
        card = bundle.card
        self.outputs = tuple(str(component) for component in card.components)
        self.reduction = reduction
        self.stride = card.network.stride_px
        self.device = _device(device)
        self.precision = "bf16" if precision == "bf16" else "f32"
        self.name = f"torch {self.device} {self.precision}" + (" compiled" if compiled else "")
        network = StromaNetwork(card.network, len(card.components))
        load_weights(network, bundle.file(WEIGHTS))
        network = network.to(self.device).eval()
        network = network.to(memory_format=torch.channels_last)
        self._network = torch.compile(network) if compiled else network
        self._batch_limit: int | None = None

    def prepare(self, height: int, width: int) -> None:
        """Do nothing: torch takes tiles as they come."""

    def release_memory(self) -> None:
        """Give back what torch keeps for the next call on a GPU."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (N, C, H // k, W // k) of RGB tiles (N, H, W, 3)."""
        size = min(len(tiles), self._batch_limit or len(tiles))
        results: list[NDArray[np.float32]] = []
        start = 0
        while start < len(tiles):
            try:
                results.append(self._forward(tiles[start : start + size]))
                start += size
            except torch.OutOfMemoryError as fault:
                if size == 1:
                    raise BackendError(
                        f"{self.device} has no memory left for one tile of "
                        f"{tiles.shape[1]} px; use a smaller --tile or --device cpu."
                    ) from fault
                size = self._batch_limit = size // 2
                torch.cuda.empty_cache()
                _LOG.warning("out of memory on %s: batch reduced to %d", self.device, size)
        return np.concatenate(results)

    @torch.inference_mode()
    def _forward(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        batch = torch.from_numpy(np.ascontiguousarray(tiles))
        if self.device.type == "cuda":
            batch = batch.pin_memory()
        batch = batch.to(self.device, non_blocking=True)
        with self._autocast():
            chance = torch.sigmoid(self._network(batch).float())
        return np.asarray(self._reduced(chance).cpu().numpy(), dtype=np.float32)

    def _reduced(self, chance: Tensor) -> Tensor:
        return functional.avg_pool2d(chance, self.reduction) if self.reduction > 1 else chance

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "f32":
            return nullcontext()
        context: AbstractContextManager[object] = torch.autocast(self.device.type, torch.bfloat16)
        return context


def _device(name: str) -> torch.device:
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise BackendError("no CUDA device is visible to torch; use --device cpu.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise BackendError("no Apple GPU is visible to torch; use --device cpu.")
    return torch.device(name)
