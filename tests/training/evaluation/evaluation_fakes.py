"""Rows drawn from a seed, and the pixels of many rows in one heap."""

import numpy as np

from histo.geometry import Spacing
from histo.training.evaluation import Judged
from histo.vocabulary import Component

TUMOUR = Component.TUMOUR
UM2 = Spacing(2.0, 2.0)


def drawn_row(
    seed: int, patient: str = "", shape: tuple[int, int] = (24, 30), shift: float = 0.3
) -> Judged:
    """A row on which a map is right more often than not; a tenth of it is unknown."""
    draw = np.random.default_rng(seed)
    present = draw.random((1, *shape)) < 0.4
    chance = np.clip(draw.normal(0.35 + shift * present, 0.2), 0, 1)
    return Judged(
        name=f"row {seed + 2}",
        patient=patient or f"p{seed}",
        site=f"s{seed % 2}",
        organ=("breast", "colon")[seed % 2],
        spacing=UM2,
        components=(TUMOUR,),
        probability=np.rint(chance * 255).astype(np.uint8),
        present=present,
        known=draw.random((1, *shape)) < 0.9,
    )


def heap(rows: list[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probability of every known pixel."""
    truth = np.concatenate([row.present[row.known] for row in rows])
    chance = np.concatenate([row.probability[row.known] for row in rows]) / 255
    return truth, chance
