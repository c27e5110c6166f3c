"""Views for fitting and judging the stain identity: real ones, disturbed ones, impossible ones."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from histo.errors import TissueError
from histo.geometry import Spacing
from histo.stains import Dye, optical_density, stain_matrix, unmix
from histo.stains.chroma import stain_features
from histo.tissue import tissue_map, white_point
from histo.vocabulary import Stain

MANIFEST = Path(__file__).parents[1] / "data_manifests" / "stain_identity.csv"
SPACINGS_UM = (2.0, 8.0)
SAMPLE_PX = 4000


@dataclass(frozen=True)
class View:
    """Optical densities of a view's tissue, with what it is and where it is from."""

    name: str
    stain: Stain
    source: str
    ambiguous: bool
    tissue_px: int
    od: NDArray[np.float32]  # (N, 3)


@dataclass(frozen=True)
class Sample:
    """Features of a (disturbed) view; ``target`` spreads over stains where nobody could tell."""

    source: str
    target: NDArray[np.float64]  # (S,)
    features: NDArray[np.float64]  # (F,)


def one_hot(stain: Stain) -> NDArray[np.float64]:
    """Return certainty of one stain."""
    return (np.array(tuple(Stain)) == stain).astype(np.float64)


def read_views(folder: Path, rng: np.random.Generator) -> list[View]:
    """Return every file of the manifest at each spacing not finer than its own."""
    views = []
    with MANIFEST.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            image, native = _open(folder / row["file"]), float(row["um_per_px"])
            for um in sorted({max(um, native) for um in SPACINGS_UM}):
                rgb = _shrink(image, um / native)
                view = _view(rgb, um, rng)
                if view is not None:
                    od, count = view
                    stain = Stain(row["stain"])
                    name = f"{row['file']} @ {um:g}"
                    unsure = row["use"] != "fit"
                    views.append(View(name, stain, row["source"], unsure, count, od))
    return views


def impossible_views(folder: Path, rng: np.random.Generator) -> list[View]:
    """Return pictures that are no known stain: grey, inverted, fluorescence-like."""
    made = []
    with MANIFEST.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["use"] == "fit"][::6]
    for row in rows:
        native = float(row["um_per_px"])
        rgb = _shrink(_open(folder / row["file"]), max(2.0, native) / native)
        grey = rgb.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
        light = (255 - rgb.min(axis=2, keepdims=True)).astype(np.float64)
        glow = light * np.array([(1, 0.2, 0.1), (0.1, 1, 0.2), (0.1, 0.2, 1)])[rng.integers(3)]
        for kind, picture in (("grey", grey), ("inverted", 255 - rgb), ("glow", glow)):
            view = _view(picture.astype(np.uint8), max(2.0, native), rng)
            if view is not None:
                name = f"{row['file']} {kind}"
                made.append(View(name, Stain.OTHER, f"made-{kind}", False, view[1], view[0]))
    return made


def disturb(od: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Change stain strength, colour balance, saturation, white point and noise."""
    strength = np.exp(rng.normal(0.0, 0.3))
    balance = np.exp(rng.normal(0.0, 0.07, 3))
    saturation = rng.uniform(0.8, 1.2)
    offset = rng.normal(0.0, 0.008, 3) + rng.normal(0.0, 0.01)
    changed = od * strength * balance
    mean = changed.mean(axis=1, keepdims=True)
    changed = mean + saturation * (changed - mean) + offset
    return (changed + rng.normal(0.0, 0.01, od.shape)).astype(np.float32)


def recoloured(view: View, rng: np.random.Generator) -> list[Sample]:
    """Return the same tissue in dyes of no known stain, and in haematoxylin alone."""
    amounts = np.maximum(unmix(view.od, stain_matrix(Dye.HAEMATOXYLIN, Dye.EOSIN)), 0)
    first = _OTHER_DYES[rng.integers(len(_OTHER_DYES))]
    second = _OTHER_DYES[rng.integers(len(_OTHER_DYES))]
    samples = []
    for dyes in ((first, second), (first, first)):
        od = disturb((amounts @ np.array(dyes)).astype(np.float32), rng)
        samples.append(Sample(f"made-{view.source}", one_hot(Stain.OTHER), stain_features(od)))
    alone = amounts[:, :1] * stain_matrix(Dye.HAEMATOXYLIN)
    unsure = 0.4 * one_hot(Stain.HDAB) + 0.3 * one_hot(Stain.HE) + 0.3 * one_hot(Stain.OTHER)
    features = stain_features(disturb(alone.astype(np.float32), rng))
    samples.append(Sample(f"made-{view.source}", unsure, features))
    return samples


_OTHER_DYES = (
    (0.70, 0.62, 0.25),  # thionin, toluidine blue
    (0.75, 0.63, 0.18),  # fast blue
    (0.87, 0.46, 0.16),  # alcian blue
    (0.98, 0.14, 0.13),  # methyl green
    (0.93, 0.10, 0.35),  # light green
    (0.62, 0.35, 0.70),  # green
    (0.58, 0.58, 0.58),  # silver, melanin, ink
    (0.45, 0.55, 0.70),  # bone pigment
)


def _view(
    rgb: NDArray[np.uint8], um: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], int] | None:
    try:
        tissue = tissue_map(rgb, Spacing(um, um)).tissue
    except TissueError:
        return None
    pixels = rgb[tissue]
    chosen = rng.permutation(len(pixels))[:SAMPLE_PX]
    return optical_density(pixels[chosen], white_point(rgb)), len(pixels)


def _open(path: Path) -> Image.Image:
    if path.suffix in {".svs", ".dcm"}:
        from openslide import OpenSlide

        with OpenSlide(path) as slide:
            return slide.read_region((0, 0), 0, slide.dimensions).convert("RGB")
    image = Image.open(path).convert("RGB")
    # Some pictures were padded to a square with rows of one colour.
    real = np.flatnonzero(np.asarray(image).std(axis=1).max(axis=1) > 4)
    return image.crop((0, int(real[0]), image.width, int(real[-1]) + 1))


def _shrink(image: Image.Image, factor: float) -> NDArray[np.uint8]:
    size = [max(1, round(length / factor)) for length in image.size]
    return np.asarray(image.resize(size, Image.Resampling.BOX))
