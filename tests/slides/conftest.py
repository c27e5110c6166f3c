"""Small slides written from a seed, as real files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.uint8]
Writer = Callable[..., Path]


def smooth_tissue(height: int, width: int, seed: int = 0) -> Image:
    """Pink blobs on near-white glass, smooth enough to survive JPEG."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3))
    smooth = ndimage.gaussian_filter(noise, (6, 6, 0))
    smooth /= np.abs(smooth).max()
    tissue = np.clip(np.array([205, 120, 170]) + 90 * smooth, 0, 255)
    inside = np.zeros((height, width, 1), bool)
    inside[height // 5 : -height // 5, width // 5 : -width // 5] = True
    return np.where(inside, tissue, np.array([243, 241, 244])).astype(np.uint8)


def halved(rgb: Image, factor: int) -> Image:
    """Box mean of whole blocks; odd last rows are dropped, as scanners do."""
    high, wide = rgb.shape[0] // factor, rgb.shape[1] // factor
    blocks = rgb[: high * factor, : wide * factor].reshape(high, factor, wide, factor, 3)
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)


@pytest.fixture
def tissue() -> Image:
    return smooth_tissue(611, 803)


@pytest.fixture
def write_svs(tmp_path: Path) -> Writer:
    """Write an Aperio-like file: level, thumbnail, further levels, label, macro."""

    def write(
        rgb: Image,
        *,
        name: str = "slide.svs",
        factors: tuple[int, ...] = (1, 4),
        fields: str = "|AppMag = 20|MPP = 0.4990",
        **options: object,
    ) -> Path:
        path = tmp_path / name
        tiles = {"tile": (240, 240), "compression": "jpeg", "photometric": "rgb"} | options
        side = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
        first = f"Aperio Image Library v11.2.1\r\n803x611 [0,0 803x611] (240x240) JPEG Q=90{fields}"
        with tifffile.TiffWriter(path) as tiff:
            for index, factor in enumerate(factors):
                level = rgb if factor == 1 else halved(rgb, factor)
                text = first if index == 0 else first.split("|")[0]
                tiff.write(level, description=text, metadata=None, **tiles)
                if index == 0:
                    tiff.write(halved(rgb, 5), description="Aperio\r\nthumbnail", **side)
            for kind in ("label", "macro"):
                pixels = smooth_tissue(96, 120, seed=7)
                tiff.write(pixels, description=f"Aperio\r\n{kind} 120x96", subfiletype=1, **side)
        return path

    return write


@pytest.fixture
def write_tiff(tmp_path: Path) -> Writer:
    """Write one page with tifffile's own options."""

    def write(pixels: NDArray[np.generic], *, name: str = "plain.tif", **options: object) -> Path:
        path = tmp_path / name
        tifffile.imwrite(path, pixels, **options)
        return path

    return write
