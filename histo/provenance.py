"""The record of a run: versions, fingerprints, timings and warnings; no path, no name, no tag."""

import hashlib
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from histo import __version__

__all__ = ["RunRecord", "file_sha256", "slide_fingerprint", "versions"]

_DISTRIBUTIONS = (
    "numpy",
    "scipy",
    "scikit-image",
    "openslide-python",
    "openslide-bin",
    "tifffile",
    "imagecodecs",
    "openvino",
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
)


def versions() -> dict[str, str]:
    """Versions of histo, Python, the platform and every library that can move a number."""
    found = {"histo": __version__, "python": platform.python_version()}
    found["platform"] = f"{platform.system()} {platform.machine()}"
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a whole file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def slide_fingerprint(path: Path, *, block: int = 1 << 20) -> str:
    """Identify a slide by content without reading gigabytes: SHA-256 of size, head, middle, tail.

    The same bytes give the same fingerprint under any name, so nothing of the name is in it.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for start in (0, max(0, size // 2 - block // 2), max(0, size - block)):
            stream.seek(start)
            digest.update(stream.read(block))
    return digest.hexdigest()


@dataclass
class RunRecord:
    """What a run did, filled in as it goes and written to ``run.json``."""

    settings: dict[str, Any] = field(default_factory=dict)
    slide: dict[str, Any] = field(default_factory=dict)
    bundles: list[dict[str, Any]] = field(default_factory=list)
    timings_s: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block to ``timings_s[stage]``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - start
            self.timings_s[stage] = self.timings_s.get(stage, 0.0) + taken

    def warn(self, message: str) -> None:
        """Keep a warning once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {
            "versions": versions(),
            "settings": self.settings,
            "slide": self.slide,
            "bundles": self.bundles,
            "timings_s": {stage: round(taken, 4) for stage, taken in self.timings_s.items()},
            "warnings": self.warnings,
        }
