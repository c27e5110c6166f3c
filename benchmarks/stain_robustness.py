"""Collagen on Masson and picrosirius red under changed light, stain, focus and file.

    python benchmarks/stain_robustness.py [--data FOLDER] [--out FOLDER]

Three answers side by side, on the picrosirius liver (against its automatic mask) and on the test
tiles of the manifests collagen-psr and collagen-masson (against the label the colour rule gives the
tile as it is, where it is sure), under the changes of ``benchmarks/perturbations.py``:

network     the stain's bundle, at its card's threshold
rule        `collagen_label`, which finds dyes and cut anew in every image
fixed rule  unmixing with one pair of dyes a stain (the median of the training tiles) and one share
            of collagen above which a pixel is collagen (the best on the validation tiles)

On an unchanged tile the rule is its own truth, so its 1.000 there means nothing. Dice is of all
pixels of a set taken together.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from perturbations import PERTURBATIONS
from PIL import Image

from histo.config import InferenceSettings
from histo.geometry import Box
from histo.nn import load_bundle, load_predictor
from histo.slides import ArraySlide
from histo.slides.relit import as_learnt, look_of
from histo.stains import optical_density, unmix
from histo.stains.collagen_rule import CollagenLabel, collagen_label
from histo.training.manifests.manifest import Manifest, read_manifest
from histo.vocabulary import Component, Stain

HERE = Path(__file__).parents[1]
LIVER = "collagen_special/liver_psr_1um"
STAINS = (Stain.PSR, Stain.MASSON)
UM_PER_PX = 1.0
LEAST_OD = 0.1  # decades along both dyes together, below which the fixed rule sees glass

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Answer = Callable[[Rgb], Mask]


class Case(NamedTuple):
    """An image with what is true of it, and where that is known."""

    group: str
    rgb: Rgb
    truth: Mask
    known: Mask


def main() -> None:
    """Print a table a set of images; with --out also write pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = os.environ.get("HISTO_DATA", HERE.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--out", type=Path, help="folder for a picture of each set")
    parser.add_argument("--models", type=Path, default=HERE / "models")
    parser.add_argument("--stain", choices=STAINS, help="one stain only")
    parser.add_argument("--every", type=int, default=1, help="take every n-th test tile only")
    parser.add_argument("--only", choices=("network", "rules"), help="one kind of answer")
    wanted = parser.parse_args()
    for stain in STAINS if wanted.stain is None else (Stain(wanted.stain),):
        report(stain, wanted)


def report(stain: Stain, wanted: argparse.Namespace) -> None:
    """Print the tables of one stain."""
    name = f"collagen-{stain.lower()}"
    manifest = read_manifest(HERE / "data_manifests" / f"{name}.csv", folder=wanted.data)
    answers: dict[str, Answer] = {}
    if wanted.only != "rules":
        answers["network"] = network_answer(wanted.models / name)
    if wanted.only != "network":
        answers["rule"] = lambda rgb: label_of(rgb, stain).probability > 0.5
        answers["fixed rule"] = fixed_answer(manifest, stain)
    cases = [
        *(liver(wanted.data) if stain is Stain.PSR else ()),
        *tiles(manifest, "test", wanted.every),
    ]
    for group in dict.fromkeys(case.group for case in cases):
        mine = [case for case in cases if case.group == group]
        table = {name: changed(mine, answer) for name, answer in answers.items()}
        show(f"{group} ({len(mine)} images)", table)
        if wanted.out:
            wanted.out.mkdir(parents=True, exist_ok=True)
            draw(mine[0], answers, wanted.out / f"{group.split(',')[0]}.png")


def network_answer(folder: Path) -> Answer:
    """Return what a bundle calls collagen, of the whole image at once."""
    bundle = load_bundle(folder)
    predict = load_predictor(bundle, InferenceSettings(), reduction=1)
    threshold = bundle.card.thresholds[Component.COLLAGEN]

    def answer(rgb: Rgb) -> Mask:
        slide = ArraySlide(rgb, UM_PER_PX)
        height, width = rgb.shape[:2]
        seen = as_learnt(slide, slide.glass, look_of(bundle.card))
        rgb = seen.read(Box(0, 0, height, width), slide.spacing)
        room = ((0, -height % predict.stride), (0, -width % predict.stride), (0, 0))
        probability = predict(np.pad(rgb, room, "reflect")[None])[0, 0, :height, :width]
        return np.asarray(probability > threshold)

    return answer


def fixed_answer(manifest: Manifest, stain: Stain) -> Answer:
    """Return unmixing with fixed dyes and a fixed share; print what it is."""
    labels = [label_of(case.rgb, stain) for case in tiles(manifest, "train")]
    dyes = np.median([[label.collagen_od, label.other_od] for label in labels], axis=0)
    judged = list(tiles(manifest, "val"))
    maps = [share_of_collagen(case.rgb, dyes) for case in judged]
    grid = np.linspace(0.05, 0.95, 37)
    best = int(np.argmax([pooled(judged, [m > share for m in maps]) for share in grid]))
    vectors = ", ".join(str(dye.round(2).tolist()) for dye in dyes)
    print(f"\nfixed rule for {stain}: dyes {vectors}, share above {grid[best]:.2f}")
    return lambda rgb: share_of_collagen(rgb, dyes) > grid[best]


def share_of_collagen(rgb: Rgb, dyes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the collagen dye's share of both; 0 on glass."""
    amounts = np.maximum(unmix(optical_density(rgb, ArraySlide(rgb, UM_PER_PX).glass), dyes), 0.0)
    total = amounts.sum(axis=-1)
    share: NDArray[np.float32] = np.where(total > LEAST_OD, amounts[..., 0] / (total + 1e-6), 0.0)
    return share


def label_of(rgb: Rgb, stain: Stain) -> CollagenLabel:
    """Return the colour rule's label of an image against its own glass."""
    return collagen_label(rgb, stain, ArraySlide(rgb, UM_PER_PX).glass)


def tiles(manifest: Manifest, split: str, every: int = 1) -> Iterator[Case]:
    """Read the tiles of a split, with the rule's label of each."""
    rows = [row for row in manifest.rows if row.split == split]
    for row in rows[::every]:
        rgb = np.asarray(Image.open(manifest.root / row.slide).convert("RGB"))
        label = label_of(rgb, row.stain)
        truth = label.probability > 0.5
        yield Case(f"{row.stain}, {split} tiles", rgb, truth, label.known)


def liver(data: Path) -> tuple[Case]:
    """Read the liver and its mask, which is known everywhere."""
    rgb = np.asarray(Image.open(data / f"{LIVER}.jpg").convert("RGB"))
    mask = np.asarray(Image.open(data / f"{LIVER}_mask.jpg").convert("L")) > 127
    return (Case("liver_psr_1um", rgb, mask, np.ones_like(mask)),)


def changed(cases: list[Case], answer: Answer) -> dict[str, float]:
    """Return Dice of the images as they are and under each change."""
    found = {"as it is": pooled(cases, [answer(case.rgb) for case in cases])}
    for name, change in PERTURBATIONS.items():
        found[name] = pooled(cases, [answer(change(case.rgb)) for case in cases])
    return found


def pooled(cases: list[Case], called: list[Mask]) -> float:
    """Return Dice over the known pixels of all images together."""
    both = total = 0
    for case, mask in zip(cases, called, strict=True):
        truth, mine = case.truth & case.known, mask & case.known
        both += np.count_nonzero(truth & mine)
        total += np.count_nonzero(truth) + np.count_nonzero(mine)
    return 2 * both / max(total, 1)


def show(title: str, table: dict[str, dict[str, float]]) -> None:
    """Print Dice by change and answer, then the mean and the worst fall."""
    print(f"\n| {title} | {' | '.join(table)} |\n|---|{'---|' * len(table)}")
    for change in next(iter(table.values())):
        print(f"| {change} | {' | '.join(f'{found[change]:.3f}' for found in table.values())} |")
    falls = [[found["as it is"] - found[c] for c in PERTURBATIONS] for found in table.values()]
    print(f"| **mean fall** | {' | '.join(f'**{np.mean(fall):.3f}**' for fall in falls)} |")
    print(f"| worst fall | {' | '.join(f'{max(fall):.3f}' for fall in falls)} |", flush=True)


def draw(case: Case, answers: dict[str, Answer], path: Path) -> None:
    """Write the image under every change (columns) over what each answer calls collagen."""
    columns = []
    for change in (np.asarray, *PERTURBATIONS.values()):
        rgb = change(case.rgb)
        parts = [rgb] + [painted(rgb, answer(rgb)) for answer in answers.values()]
        columns.append(np.vstack([part[:640:2, :640:2] for part in parts]))
    Image.fromarray(np.hstack(columns)).save(path)


def painted(rgb: Rgb, mask: Mask) -> Rgb:
    """Collagen in green."""
    drawn = rgb // 2
    drawn[mask] = (0, 220, 0)
    return drawn


if __name__ == "__main__":
    main()
