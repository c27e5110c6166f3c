"""Check a bundle: digests, size, licence, and that every backend gives the reference output."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from histo.config import InferenceSettings
from histo.errors import HistoError
from histo.nn.backends import available_devices, load_predictor
from histo.nn.bundle import GRAPH, MAX_BYTES, REFERENCE, WEIGHTS, Bundle

__all__ = ["Check", "verify_bundle"]

_TOLERANCE = {"f32": 2e-3, "bf16": 0.25}
"""Largest difference of a probability from the reference; bf16 keeps 8 bits of a number."""


@dataclass(frozen=True)
class Check:
    """One check and what was found."""

    name: str
    passed: bool
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def verify_bundle(bundle: Bundle) -> list[Check]:
    """Run every check that can be run on this machine; a fault is a failed check, not an error."""
    return [*_files(bundle), _licence(bundle), *_backends(bundle)]


def _files(bundle: Bundle) -> Iterator[Check]:
    for name in (WEIGHTS, GRAPH, REFERENCE):
        try:
            bundle.file(name)
            yield Check(f"sha256 of {name}", True, bundle.card.sha256[name][:16])
        except HistoError as fault:
            yield Check(f"sha256 of {name}", False, str(fault))
    size = sum(file.stat().st_size for file in bundle.folder.iterdir() if file.is_file())
    yield Check("size", size <= MAX_BYTES, f"{size / 1e6:.1f} MB of at most 16.8 MB")


def _licence(bundle: Bundle) -> Check:
    data = "; ".join(f"{source.name}: {source.licence}" for source in bundle.card.data)
    return Check("licence", bool(bundle.card.licence), f"{bundle.card.licence} (data: {data})")


def _backends(bundle: Bundle) -> Iterator[Check]:
    has_torch = find_spec("torch") and find_spec("segmentation_models_pytorch")
    devices = available_devices() + (["torch-cpu"] if has_torch else [])
    for device in devices:
        for precision in ("f32", "bf16"):
            settings = InferenceSettings.model_validate({"device": device, "precision": precision})
            try:
                yield _parity(bundle, settings)
            except HistoError as fault:
                skipped = "no bf16" in str(fault)
                yield Check(f"parity on {device} {precision}", skipped, str(fault))


def _parity(bundle: Bundle, settings: InferenceSettings) -> Check:
    predictor = load_predictor(bundle, settings)
    tiles, expected = bundle.reference()
    difference = np.abs(predictor(tiles) - expected)
    limit = _TOLERANCE[settings.precision]
    worst = float(difference.max())
    detail = f"largest difference {worst:.1e} (limit {limit:g}), mean {difference.mean():.1e}"
    return Check(f"parity of {predictor.name}", worst <= limit, detail)
