"""A bundle on disk: weights, exported graph, card, reference and a README, each with its digest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from histo.assets import bundle_path
from histo.errors import BundleError
from histo.nn.card import Card
from histo.provenance import file_sha256

__all__ = ["CARD", "GRAPH", "MAX_BYTES", "REFERENCE", "WEIGHTS", "Bundle", "load_bundle"]

CARD, WEIGHTS, GRAPH = "card.yaml", "weights.safetensors", "graph.onnx"
REFERENCE = "reference.safetensors"
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Bundle:
    """A trained network with its card, in a folder.

    Examples
    --------
    >>> bundle = load_bundle("he-collagen")  # doctest: +SKIP
    >>> bundle.card.um_per_px  # doctest: +SKIP
    2.0
    """

    folder: Path
    card: Card

    def file(self, name: str) -> Path:
        """Return a file of the bundle after checking its digest.

        Raises
        ------
        BundleError
            If the file is missing or its SHA-256 is not the card's.
        """
        path = self.folder / name
        if not path.is_file():
            raise BundleError(f"bundle {self.card.name} lacks {name}; copy the whole folder again.")
        if file_sha256(path) != self._digest(name):
            raise BundleError(
                f"{name} of bundle {self.card.name} is not the file its card was written for "
                "(SHA-256 differs); copy the whole folder again."
            )
        return path

    @property
    def sha256(self) -> str:
        """Digest of the weights: the identity of the bundle in records of runs."""
        return self._digest(WEIGHTS)

    def _digest(self, name: str) -> str:
        if name not in self.card.sha256:
            raise BundleError(f"the card of bundle {self.card.name} has no SHA-256 for {name}.")
        return self.card.sha256[name]

    def reference(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return the reference input (N, H, W, 3) and its probabilities (N, C, H, W)."""
        from safetensors.numpy import load_file

        values = load_file(self.file(REFERENCE))
        return values["input"], values["output"].astype(np.float32)


def load_bundle(name_or_path: str | Path) -> Bundle:
    """Load a bundle by shipped name or folder.

    Raises
    ------
    BundleError
        If there is none, or its card is at fault; in one sentence.
    """
    folder = bundle_path(name_or_path)
    return Bundle(folder, Card.from_yaml(folder / CARD, error=BundleError))
