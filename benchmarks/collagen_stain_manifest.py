"""Write what `collagen-psr` and `collagen-masson` learn from: tiles that colour can label.

    python benchmarks/collagen_stain_manifest.py [--data ../shared/data] [--out FOLDER]

The tiles lie in folders sorted by a colour rule that erred, so the stain is the one that was read
by eye (``data_manifests/stain_identity.csv``). Left out are overviews (8 µm/px), tiles on which the
eye was not sure, tiles whose colours `identify_stain` takes for another stain, and tiles of which
`collagen_label` knows less than a quarter.

Nothing says who the patients were, nor the µm/px. Tiles on which the rule found the same pair of
dyes (mean distance of unit vectors up to 0.1) are taken for one patient, so that the held-out
ones show colours that were never learnt from. 1 µm/px is nominal: muscle fibres are 25 to 300 px
wide, so the true value lies between about 0.2 and 2.
"""

import argparse
import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from histo.errors import TissueError
from histo.geometry import Box, Spacing
from histo.slides import open_slide
from histo.stains import identify_stain
from histo.stains.collagen_rule import collagen_label
from histo.stains.identity import CLASH_CONFIDENCE
from histo.tissue import tissue_map
from histo.training.manifests.manifest import ManifestRow, write_manifest
from histo.training.manifests.rule_labels import COLLAGEN_RULE
from histo.training.manifests.split import Shares, split_rows
from histo.vocabulary import Stain

HERE = Path(__file__).parents[1]
UM_PER_PX = 1.0
LEAST_KNOWN = 0.25
ALIKE = 0.1
SHARES = Shares(train=0.6, val=0.15, test=0.25)


class Tile(NamedTuple):
    """A tile that labels itself, with the unit vectors of its two dyes one after the other."""

    file: str
    stain: Stain
    dyes: NDArray[np.float64]  # (6,)


def main() -> None:
    """Write a manifest a stain; print what was left out and what was split how."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = os.environ.get("HISTO_DATA", HERE.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--out", type=Path, default=HERE / "data_manifests")
    options = parser.parse_args()
    tiles, reasons = chosen_tiles(options.data)
    for stain in (Stain.MASSON, Stain.PSR):
        mine = [tile for tile in tiles if tile.stain is stain]
        looks = fcluster(linkage(np.array([t.dyes for t in mine]), "average"), ALIKE, "distance")
        found = [row_of(tile, int(look)) for tile, look in zip(mine, looks, strict=True)]
        rows = split_rows(tuple(found), SHARES)
        for split in ("train", "val", "test"):
            part = [row for row in rows if row.split == split]
            print(f"{stain} {split}: {len(part)} tiles, {len({r.patient for r in part})} looks")
        path = options.out / f"collagen-{stain.lower()}.csv"
        write_manifest(path, sorted(rows, key=lambda row: row.slide))
    for reason in sorted(set(reasons)):
        print(f"left out, {reason}: {reasons.count(reason)}")


def chosen_tiles(data: Path) -> tuple[list[Tile], list[str]]:
    """Return the tiles to learn from, and why each of the others is not among them."""
    tiles, reasons = [], []
    with (HERE / "data_manifests" / "stain_identity.csv").open(encoding="utf-8") as stream:
        entries = [entry for entry in csv.DictReader(stream) if "fibrotrack" in entry["source"]]
    for entry in entries:
        tile = chosen(data, entry)
        if isinstance(tile, Tile):
            tiles.append(tile)
        else:
            reasons.append(tile)
    return tiles, reasons


def chosen(data: Path, entry: dict[str, str]) -> Tile | str:
    """Return a tile, or why it is left out."""
    if float(entry["um_per_px"]) > 2 * UM_PER_PX:
        return "an overview"
    if entry["use"] != "fit":
        return "the eye is not sure of the stain"
    stain = Stain(entry["stain"])
    with open_slide(data / entry["file"], mpp=UM_PER_PX) as slide:
        rgb, glass = slide.read_level(0, Box(0, 0, *slide.shape)), slide.glass
    guess = identify_stain(rgb, tissue_of(rgb), glass)
    if guess.stain is not stain and guess.confidence >= CLASH_CONFIDENCE:
        return f"taken for {guess.stain}"
    label = collagen_label(rgb, stain, glass)
    dyes = np.concatenate([label.collagen_od, label.other_od])
    if label.known.mean() < LEAST_KNOWN or np.isnan(dyes).any():
        return f"the rule knows little of this {stain}"
    return Tile(entry["file"], stain, dyes)


def tissue_of(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return what is tissue; all of a tile on which no glass is seen."""
    try:
        return tissue_map(rgb, Spacing(UM_PER_PX, UM_PER_PX)).measurable
    except TissueError:
        return np.ones(rgb.shape[:2], np.bool_)


def row_of(tile: Tile, look: int) -> ManifestRow:
    """Return a tile's row, not yet in a split."""
    return ManifestRow(
        slide=tile.file,
        annotation=COLLAGEN_RULE,
        patient=f"look-{tile.stain.lower()}-{look:02d}",
        site="FibroTrack",
        stain=tile.stain,
        organ="muscle",
        mpp=UM_PER_PX,
        licence="MIT",
        source="Anas-Odeh/FibroTrack",
    )


if __name__ == "__main__":
    main()
