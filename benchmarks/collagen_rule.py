"""How the colour rule for collagen agrees with an independent mask, and what it makes of each tile.

python benchmarks/collagen_rule.py ../shared/data [--out overlays.png]
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, stats

from histo.stains.collagen_rule import CollagenLabel, collagen_label
from histo.tissue import white_point
from histo.vocabulary import Stain

FOLDERS = {"psr": Stain.PSR, "masson": Stain.MASSON}


def main() -> None:
    """Print agreement and shares; draw the outlines of some tiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--every", type=int, default=9)
    options = parser.parse_args()
    folder = options.data / "collagen_special"
    rgb = np.asarray(Image.open(folder / "liver_psr_1um.jpg").convert("RGB"))
    mask = np.asarray(Image.open(folder / "liver_psr_1um_mask.jpg").convert("L")) > 127
    agreement(collagen_label(rgb, Stain.PSR, white_point(rgb)), mask)
    rows = []
    for name, stain in FOLDERS.items():
        row = []
        for path in sorted((folder / name).iterdir())[:: options.every]:
            tile = np.asarray(Image.open(path).convert("RGB"))
            label = collagen_label(tile, stain, white_point(tile))
            called = label.known & (label.probability > 0.5)
            print(
                f"{path.name}: known {label.known.mean():.2f}, collagen {called.mean():.3f}, "
                f"cut {label.cut:.2f}, vector {label.collagen_od.round(2).tolist()}"
            )
            row.append(np.vstack([tile, outlined(tile, label)]))
        rows.append(np.hstack(row[:12]))
    if options.out:
        Image.fromarray(np.vstack(rows)[::2, ::2]).save(options.out)


def agreement(label: CollagenLabel, mask: NDArray[np.bool_]) -> None:
    """Print Dice, Dice where the label is known, AUROC."""
    called = label.probability > 0.5
    known = label.known
    rank = stats.rankdata(label.probability[::3, ::3].ravel())
    truth = mask[::3, ::3].ravel()
    positives = np.count_nonzero(truth)
    auroc = (rank[truth].mean() - (positives + 1) / 2) / (len(truth) - positives)
    print(
        f"liver_psr_1um: Dice {dice(called, mask):.3f}, where known "
        f"{dice(called & known, mask & known):.3f} ({known.mean():.2f} known), AUROC {auroc:.3f}, "
        f"cut {label.cut:.2f}, areas {called.mean():.3f} and {mask.mean():.3f}"
    )


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Twice the overlap over the sum."""
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def outlined(rgb: NDArray[np.uint8], label: CollagenLabel) -> NDArray[np.uint8]:
    """Collagen in green, unknown in white."""
    drawn = rgb // 2
    called = label.known & (label.probability > 0.5)
    drawn[called] = (0, 220, 0)
    drawn[ndimage.binary_opening(~label.known)] = 255
    return drawn


if __name__ == "__main__":
    main()
