"""Who learns and who is tested: by core (within organs) or by organ."""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from histo.errors import ConfigError

__all__ = ["core_folds", "organ_folds"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def organ(self) -> str: ...


_Sample = TypeVar("_Sample", bound=_Named)


def core_folds(
    cores: Sequence[_Sample], folds: int, seed: int
) -> Iterator[tuple[str, list[_Sample], list[_Sample]]]:
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


def organ_folds(cores: Sequence[_Sample]) -> Iterator[tuple[str, list[_Sample], list[_Sample]]]:
    """Yield (organ, learning, held out): no core of the organ is learnt from."""
    for organ in sorted({core.organ for core in cores}):
        held = [core for core in cores if core.organ == organ]
        yield organ, [core for core in cores if core.organ != organ], held
