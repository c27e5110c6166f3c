"""Small slides of pink tissue on glass with GeoJSON annotations, and their manifest."""

import json
from pathlib import Path

import numpy as np
import shapely
from PIL import Image

from histo.training.manifests.manifest import Manifest, ManifestRow, read_manifest, write_manifest

SIDE_PX = 1024  # at 1 µm/px
GLASS = (242, 240, 244)
CLASS_MAP = """
classes: {Tumour: tumour, Stroma: background, Collagen: collagen, Macrophage: macrophage}
border_um: 2
"""
TISSUE = (slice(160, 864), slice(224, 800))  # rows, columns


def write_slide(path: Path, seed: int, glass: tuple[int, int, int] = GLASS) -> None:
    """Write a slide with a rectangle of rough pink tissue in the middle."""
    draw = np.random.default_rng(seed)
    rgb = np.full((SIDE_PX, SIDE_PX, 3), glass, np.float64)
    shape = rgb[TISSUE].shape[:2]
    rgb[TISSUE] = np.array((196, 130, 175)) + draw.normal(0, 14, (*shape, 1))
    rgb += draw.normal(0, 0.6, rgb.shape)
    Image.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(path)


def write_regions(path: Path, regions: list[tuple[str, shapely.Geometry]]) -> None:
    """Write (class, geometry) pairs, (x, y), as QuPath does."""
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(shapely.to_geojson(geometry)),
            "properties": {"classification": {"name": name}},
        }
        for name, geometry in regions
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def row(name: str, patient: str, known: tuple[str, ...] = (), **more: str) -> ManifestRow:
    """Return the row of a slide written here."""
    return ManifestRow(
        slide=f"{name}.png",
        annotation=f"{name}.geojson",
        patient=patient,
        stain="H&E",
        mpp=1.0,
        split="train",
        known_components=known,
        class_map="classes.yaml",
        **more,
    )


def write_set(folder: Path) -> Manifest:
    """Write four slides of three patients.

    ``wide`` and ``more`` are of a patient with much tumour, ``small`` of one with little; they
    know tumour only. ``cells`` knows collagen and macrophages.
    """
    folder.mkdir(exist_ok=True)
    (folder / "classes.yaml").write_text(CLASS_MAP)
    box = shapely.box
    regions = {
        "wide": [("Stroma", box(224, 160, 800, 864)), ("Tumour", box(260, 200, 700, 800))],
        "more": [("Tumour", box(100, 100, 900, 900))],  # drawn over glass as well
        "small": [("Stroma", box(300, 300, 700, 700)), ("Tumour", box(400, 400, 440, 440))],
        "cells": [
            ("Stroma", box(300, 300, 700, 700)),
            ("Collagen", box(310, 310, 400, 400)),
            *[("Macrophage", shapely.Point(450 + 60 * n, 600)) for n in range(4)],
        ],
    }
    for seed, (name, drawn) in enumerate(regions.items()):
        write_slide(folder / f"{name}.png", seed)
        write_regions(folder / f"{name}.geojson", drawn)
    rows = [
        row("wide", "much", ("tumour",)),
        row("more", "much", ("tumour",)),
        row("small", "little", ("tumour",)),
        row("cells", "other", ("collagen", "macrophage")),
    ]
    write_manifest(folder / "set.csv", rows)
    return read_manifest(folder / "set.csv")
