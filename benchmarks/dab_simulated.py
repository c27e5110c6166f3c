"""How well painted immunostain is read: a bundle beside a fixed threshold, in one table.

    python -m benchmarks.dab_simulated dab --config configs/dab.yaml

Tissue of the test split, of which the bundle saw nothing, painted with stains it did not see. The
fixed threshold is unmixed DAB at an optical density of 0.2, told the colour of glass; its cells
are the blobs of 25 µm² and more, parted where they are broadest. Cells are matched within 7.5 µm.
"false on brown" is the share of detected cells that match none and lie on pigment or a stained
edge; "as taught" is what training drew from, "beyond" it never did.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from histo.assets import shipped
from histo.config import InferenceSettings
from histo.geometry import Spacing
from histo.nn import Bundle, load_bundle, load_predictor
from histo.stains.simulate import Scene, SimulationSpec
from histo.training.config import TrainingConfig
from histo.training.painted.backgrounds import Piece, read_backgrounds
from histo.training.painted.figures import Reading, reading
from histo.training.painted.judge import Tally, tally_network, tally_rule
from histo.training.painted.paintings import Painting
from histo.training.painted.run import judged_paintings, judged_pieces
from histo.training.parts import data_root

HEAD = (
    "| painted | patches | area Dice | (rule) | cells | cell F1 | (rule) | precision | recall "
    "| false on brown | (rule) | muscle Dice |\n" + "|---" * 12 + "|"
)


@dataclass(frozen=True)
class Reader:
    """A bundle and what it needs to read a painting."""

    read: Reading
    bundle: Bundle

    def row(self, name: str, paintings: list[Painting]) -> str:
        """One row of the table."""
        card = self.bundle.card
        spacing = Spacing(card.um_per_px, card.um_per_px)
        found, rule = Tally(), Tally()
        for painting in paintings:
            chance = self.read(painting.rgb)
            found += tally_network(painting, chance, card.components, card.thresholds, spacing)
            rule += tally_rule(painting, card.components, spacing)
        numbers = (
            *(found.positive.dice, rule.positive.dice, found.cells.true),
            *(found.cells.f1, rule.cells.f1, found.cells.precision, found.cells.recall),
            *(found.distractor_share, rule.distractor_share, found.muscle.dice),
        )
        cells = [str(n) if isinstance(n, int) else f"{n:.3f}" for n in numbers]
        return f"| {name} | {len(paintings)} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("--config", type=Path, default=Path("configs/dab.yaml"))
    parser.add_argument("--patches", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="as taught only")
    parser.add_argument("--precision", default="f32")
    wanted = parser.parse_args()
    config = TrainingConfig.from_yaml(wanted.config)
    data = config.data.model_copy(update={"judged": wanted.patches})
    config = config.model_copy(update={"data": data, "seed": wanted.seed})
    reader = open_reader(wanted.bundle, wanted.precision)
    backgrounds = read_backgrounds(
        shipped("data_manifests") / config.data.manifest, data_root(config)
    )
    pieces = judged_pieces(backgrounds, config, "test")
    print(HEAD)
    for name, spec in conditions(data.simulation).items():
        paintings = judged_paintings(pieces, config, spec)
        print(reader.row(name, paintings), flush=True)
        if name == "as taught":
            for label, group in grouped(paintings, pieces).items():
                print(reader.row(label, group), flush=True)
            if wanted.short:
                return


def open_reader(name: str, precision: str) -> Reader:
    """Load a bundle for the CPU."""
    bundle = load_bundle(name)
    settings = InferenceSettings.model_validate({"device": "cpu", "precision": precision})
    predictor = load_predictor(bundle, settings)
    return Reader(reading(predictor, predictor.stride), bundle)


def grouped(paintings: list[Painting], pieces: list[Piece]) -> Mapping[str, list[Painting]]:
    """Paintings by scene and by organ of the tissue."""
    groups: dict[str, list[Painting]] = {}
    for scene in Scene:
        groups[f"- scene {scene}"] = [p for p in paintings if p.scene is scene]
    for organ in sorted({piece.organ for piece in pieces}):
        groups[f"- on {organ}"] = [p for p in paintings if p.organ == organ]
    return {name: group for name, group in groups.items() if group}


def conditions(spec: SimulationSpec) -> Mapping[str, SimulationSpec]:
    """Return what may be painted: as taught, one difficulty in every patch, and beyond."""
    dab = spec.chromogen
    weak = (dab.strength_od[0], 0.42)
    return {
        "as taught": spec,
        "none of it": replace(spec, distractor_chance=0.0, edge_chance=0.0, defocus_chance=0.0),
        "out of focus": replace(spec, defocus_chance=1.0),
        "pigment": replace(spec, distractor_chance=1.0),
        "stained edges": replace(spec, edge_chance=1.0),
        "weak stain": replace(spec, chromogen=replace(dab, strength_od=weak)),
        "strong background": replace(spec, background_od=(0.06, 0.09)),
        "redder brown (beyond)": replace(spec, chromogen=replace(dab, od=(0.25, 0.62, 0.74))),
        "greyer brown (beyond)": replace(spec, chromogen=replace(dab, od=(0.38, 0.57, 0.73))),
        "more background (beyond)": replace(spec, background_od=(0.09, 0.14)),
    }


if __name__ == "__main__":
    main()
