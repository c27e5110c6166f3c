"""Who learns and who is tested: by core (within organs) or by organ."""

from collections.abc import Iterator, Sequence

import numpy as np

from histo.errors import ConfigError
from histo.training.cores import Core

__all__ = ["core_folds", "organ_folds"]


def core_folds(
    cores: Sequence[Core], folds: int, seed: int
) -> Iterator[tuple[str, list[Core], list[Core]]]:
    """Yield (name, learning, held out): every core is held out once, organs spread over folds.

    Raises
    ------
    ConfigError
        If there are fewer cores than folds.
    """
    if len(cores) < folds:
        raise ConfigError(f"{len(cores)} cores cannot make {folds} folds; use a smaller folds.")
    draw = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    start = 0
    for organ in sorted({core.organ for core in cores}):
        names = sorted(core.name for core in cores if core.organ == organ)
        draw.shuffle(names)
        fold_of |= {name: (start + i) % folds for i, name in enumerate(names)}
        start += len(names)
    for fold in range(folds):
        held = [core for core in cores if fold_of[core.name] == fold]
        yield f"fold {fold}", [core for core in cores if fold_of[core.name] != fold], held


def organ_folds(cores: Sequence[Core]) -> Iterator[tuple[str, list[Core], list[Core]]]:
    """Yield (organ, learning, held out): no core of the organ is learnt from."""
    for organ in sorted({core.organ for core in cores}):
        held = [core for core in cores if core.organ == organ]
        yield organ, [core for core in cores if core.organ != organ], held
