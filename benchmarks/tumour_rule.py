"""Tumour by a simple rule, and by networks that never saw the row, side by side.

The rule is haematoxylin density smoothed over 8 µm, above its Otsu threshold in each image.
Held-out figures come from a training's ``cross_validation.json``::

    python benchmarks/tumour_rule.py
    python benchmarks/tumour_rule.py --training runs/he-tumour-training
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from skimage.filters import threshold_otsu

from histo.annotations.class_map import ClassMap
from histo.annotations.labels import open_labels
from histo.assets import config_path
from histo.geometry import Box
from histo.slides import native_spacing
from histo.training.config import SlideData, TrainingConfig
from histo.training.evaluation import Judged, evaluate
from histo.training.manifests.labels import open_row, row_labels
from histo.training.manifests.manifest import Manifest
from histo.training.slides.judging import row_planes
from histo.training.slides.rounds import manifest_of
from histo.training.slides.rules import haematoxylin_map
from histo.vocabulary import Component

BENIGN = ClassMap.parse(
    {
        "components": ["tumour"],
        "classes": {
            "/#0[0-9a-f][89a-f][0-9a-f]0[0-9a-f]/": "tumour",
            "#000000": "background",
            "/#.*/": "ignore",
        },
    },
    "benign glands",
)
"""The masks' benign glands under the name of tumour: what is called so is wrong."""

FIGURES = ("balanced accuracy", "Dice", "AUROC")


def main() -> None:
    """Print a table of rows, then the colon's rows together."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--training", type=Path, help="folder with cross_validation.json")
    parser.add_argument("--um-per-px", type=float, help="of the configuration if unset")
    options = parser.parse_args()
    config = TrainingConfig.from_yaml(config_path("he-tumour"))
    if not isinstance(config.data, SlideData):
        raise SystemExit("the configuration he-tumour does not learn from slides")
    manifest = manifest_of(config, config.data)
    um_per_px = options.um_per_px or config.card.um_per_px
    ruled = [by_rule(manifest, index, um_per_px) for index in range(len(manifest.rows))]
    learnt = held_out(options.training) if options.training else {}
    columns = "balanced accuracy | Dice | AUROC"
    print(f"| row | rule: {columns} | held out: {columns} |")
    print("|---|---|---|---|---|---|---|")
    for one in ruled:
        group = evaluate([one], {Component.TUMOUR: 0.5}).overall(Component.TUMOUR)
        rule = [group.figures[name].value for name in FIGURES]
        net = [learnt.get(one.name, {}).get(name) for name in FIGURES]
        print(f"| {one.patient} | {' | '.join(map(cell, rule + net))} |")
    if options.training:
        for name, figures in at_own_otsu(ruled, options.training).items():
            print(f"\n{name}, cut at the map's own Otsu threshold as the rule is: {figures}")
        share = benign_called_tumour(manifest, options.training, um_per_px)
        print(
            f"\nof benign glands, {share:.1%} of the area is called tumour by the held-out networks"
        )
    colon = [one for one in ruled if one.organ == "colon" and one.present.any()]
    pooled = evaluate(colon, {Component.TUMOUR: 0.5}).overall(Component.TUMOUR)
    dice = [learnt[one.name]["Dice"] for one in colon if one.name in learnt]
    mean = f", held out mean {np.mean(dice):.3f}" if dice else ""
    rule = pooled.figures["Dice"].value
    print(f"\nmalignant glands, {len(colon)} images: rule Dice {rule:.3f}{mean}")


def by_rule(manifest: Manifest, index: int, um_per_px: float) -> Judged:
    """Return what the rule makes of a row."""
    row = manifest.rows[index]
    with open_row(row, manifest.root) as slide:
        grid = native_spacing(slide, um_per_px)
        shape = slide.frame_shape(grid)
        found = haematoxylin_map(slide.read(Box(0, 0, *shape), grid), grid, slide.glass)
        labels = row_labels(row, manifest.root, slide)
        if labels is None:
            raise SystemExit(f"row {manifest.numbers[index]} is not annotated")
        present, known = row_planes(labels, (Component.TUMOUR,), shape, grid)
    name = f"row {manifest.numbers[index]}"
    tumour = (Component.TUMOUR,)
    return Judged(name, row.patient, row.site, row.organ, grid, tumour, found[None], present, known)


def at_own_otsu(ruled: list[Judged], folder: Path) -> dict[str, str]:
    """Return figures of the breast regions' held-out maps, each cut at its own Otsu threshold."""
    found = {}
    with np.load(folder / "held_out.npz") as maps:
        for one in (one for one in ruled if one.organ == "breast"):
            levels = maps[one.name]
            cut = np.where(levels > threshold_otsu(levels), np.uint8(255), np.uint8(0))
            group = evaluate([replace(one, probability=cut)], {Component.TUMOUR: 0.5})
            figures = group.overall(Component.TUMOUR).figures
            found[one.patient] = ", ".join(
                f"{name} {figures[name].value:.3f}" for name in FIGURES[:2]
            )
    return found


def held_out(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the figures of each row by its name."""
    rounds = json.loads((folder / "cross_validation.json").read_text(encoding="utf-8"))
    return {row["row"]: row for one in rounds for row in one["rows"]}


def benign_called_tumour(manifest: Manifest, folder: Path, um_per_px: float) -> float:
    """Return how much of the area of benign glands the networks that never saw it call tumour."""
    rounds = json.loads((folder / "cross_validation.json").read_text(encoding="utf-8"))
    cut = {row["row"]: one["thresholds"]["tumour"] for one in rounds for row in one["rows"]}
    called = benign = 0
    with np.load(folder / "held_out.npz") as maps:
        for row, number in zip(manifest.rows, manifest.numbers, strict=True):
            if row.organ != "colon":
                continue
            name = f"row {number}"
            with open_row(row, manifest.root) as slide:
                grid = native_spacing(slide, um_per_px)
                shape = slide.frame_shape(grid)
                labels = open_labels(
                    manifest.root / row.annotation, BENIGN, slide.shape, slide.spacing
                )
                (glands,), _ = row_planes(labels, (Component.TUMOUR,), shape, grid)
            called += int((maps[name][0] >= 255 * cut[name])[glands].sum())
            benign += int(glands.sum())
    return called / benign


def cell(value: float | None) -> str:
    """Write a figure; a dash for none."""
    return "-" if value is None or value != value else f"{value:.3f}"


if __name__ == "__main__":
    main()
