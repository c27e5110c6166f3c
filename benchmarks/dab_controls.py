"""Cells counted by a bundle on real immunostains, against counts made by hand.

    python -m benchmarks.dab_controls dab
    python -m benchmarks.dab_controls dab --overlays /tmp/overlays

Four control sections (CD3, CD4, CD8b, CD19) whose positive cells were marked by eye before any
prediction was made; matched within 7.5 µm. The images have no µm/px, so three are assumed. The
fixed threshold (unmixed DAB at 0.2) stands beside. With ``--overlays`` every image of ``dab/`` is
drawn with what the bundle finds on it: red positive, blue muscle, green dots cells, and white
circles for cells counted by hand.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks.dab_simulated import Reader, open_reader
from histo.assets import shipped
from histo.geometry import Box, Spacing
from histo.scoring.macrophages.matching import MatchCounts
from histo.slides import open_slide
from histo.training.painted.controls import Control, control_counts, read_controls, rule_points
from histo.training.painted.figures import control_cells
from histo.vocabulary import Component

MANIFEST = "dab-control-counts.csv"
ASSUMED = (0.33, 0.4, 0.5)
OWN_SPACING = {"colon": 0.5, "control": 0.4, "mucosa": 0.35}  # by nuclei; none is stated
ENLARGED = 3
NONE = np.zeros((0, 2))


def main() -> None:
    """Print the table; draw the overlays if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--overlays", type=Path)
    parser.add_argument("--precision", default="f32")
    wanted = parser.parse_args()
    reader = open_reader(wanted.bundle, wanted.precision)
    card = reader.bundle.card
    find = control_cells(reader.read, card.components, card.thresholds)
    print("| assumed µm/px | image | cells | detected | precision | recall | F1 | (rule) |")
    print("|---" * 8 + "|")
    for assumed in ASSUMED:
        controls = read_controls(
            shipped("data_manifests") / MANIFEST, wanted.data, card.um_per_px, assumed=assumed
        )
        found, rule = (control_counts(controls, points) for points in (find, rule_points))
        for name in found:
            print(_row(assumed, name, found[name], rule[name]))
        print(_row(assumed, "all", *(_all(counts) for counts in (found, rule))))
    if wanted.overlays:
        wanted.overlays.mkdir(parents=True, exist_ok=True)
        for path in sorted((wanted.data / "dab").iterdir()):
            overlay(reader, path, wanted.data).save(wanted.overlays / f"{path.stem}.png")


def _all(counts: dict[str, MatchCounts]) -> MatchCounts:
    return sum(counts.values(), MatchCounts(0, 0, 0))


def _row(assumed: float, name: str, found: MatchCounts, rule: MatchCounts) -> str:
    figures = f"{found.precision:.3f} | {found.recall:.3f} | {found.f1:.3f} | {rule.f1:.3f}"
    return f"| {assumed} | {name} | {found.true} | {found.detected} | {figures} |"


def overlay(reader: Reader, path: Path, data: Path) -> Image.Image:
    """Draw what is found beside the image itself, three times as large as the network saw it."""
    card = reader.bundle.card
    um = card.um_per_px
    with open_slide(path, mpp=OWN_SPACING[path.stem.split("_")[0]]) as slide:
        rgb = slide.read(Box(0, 0, *slide.frame_shape(um)), um)
        fine = slide.read(Box(0, 0, *(ENLARGED * side for side in rgb.shape[:2])), um / ENLARGED)
    planes = dict(zip(card.components, reader.read(rgb), strict=True))
    drawn = fine.copy()
    for component, colour in ((Component.MUSCLE, (30, 60, 255)), (Component.POSITIVE, (255, 0, 0))):
        mask = planes[component] >= card.thresholds[component]
        mask = mask.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        drawn[mask & ~ndimage.binary_erosion(mask, iterations=1)] = colour
    picture = Image.fromarray(np.hstack([fine, drawn]))
    pen = ImageDraw.Draw(picture)
    control = Control(path.stem, rgb, (0, 0), 240.0, NONE, NONE, Spacing(um, um))
    points = control_cells(reader.read, card.components, card.thresholds)(control)
    _circles(pen, points, fine.shape[1], 4, (0, 255, 0))
    for counted in read_controls(shipped("data_manifests") / MANIFEST, data, um):
        if counted.name == path.stem:
            _circles(pen, counted.certain + counted.origin, fine.shape[1], 16, (255, 255, 255))
            _circles(pen, counted.uncertain + counted.origin, fine.shape[1], 16, (150, 150, 150))
    return picture


def _circles(
    pen: ImageDraw.ImageDraw,
    points: NDArray[np.float64],
    shift_px: int,
    radius: int,
    colour: tuple[int, int, int],
) -> None:
    for row, col in points * ENLARGED:
        box = (col + shift_px - radius, row - radius, col + shift_px + radius, row + radius)
        pen.ellipse(box, outline=colour, width=2)


if __name__ == "__main__":
    main()
