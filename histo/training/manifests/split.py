"""Train, validation and test: by patient or by site, balanced over organs, from a seed."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from histo.errors import ConfigError
from histo.training.manifests.manifest import ManifestRow

__all__ = ["Shares", "split_rows"]

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Shares:
    """How much of the rows each split gets; they need not add up to one."""

    train: float = 0.7
    val: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        if min(self.train, self.val, self.test) < 0 or self.train <= 0:
            raise ValueError("shares are not negative, and train gets one")

    @property
    def wanted(self) -> dict[Split, float]:
        """The splits that get a share, which adds up to one."""
        named: dict[Split, float] = {"train": self.train, "val": self.val, "test": self.test}
        total = sum(named.values())
        return {name: share / total for name, share in named.items() if share > 0}


def split_rows(
    rows: tuple[ManifestRow, ...],
    shares: Shares = Shares(),
    *,
    by: Literal["patient", "site"] = "patient",
    seed: int = 0,
    again: bool = False,
) -> list[ManifestRow]:
    """Give every row a split; rows of one patient, or of one slide, stay together.

    Groups are dealt out from the largest to the smallest, each to the split that lacks most of
    its organs, ties in an order drawn from the seed.

    Parameters
    ----------
    rows
        Those with a split keep it, and so does whoever belongs to them, unless ``again``.
    shares
        How much each split gets.
    by
        "site" also keeps all patients of a site together, so that the test asks for a new site.
    seed
        Another seed, another split; the order of the rows plays no part.
    again
        Forget the splits that are there.

    Returns
    -------
    list of ManifestRow
        In the order given.

    Raises
    ------
    ConfigError
        If there are fewer groups than splits, or rows of a group have different splits already.
    """
    if by == "site" and not all(row.site for row in rows):
        raise ConfigError("splitting by site needs a site in every row; fill in the column site.")
    groups = _groups(rows, by)
    wanted = shares.wanted
    if len(groups) < len(wanted):
        raise ConfigError(
            f"{len(groups)} groups by {by} cannot be parted into {len(wanted)} splits; "
            "add data, or give a split the share 0."
        )
    fixed = [None if again else _split_of(group, rows) for group in groups]
    dealt = _dealt(groups, fixed, rows, wanted, seed)
    split = {index: name for group, name in zip(groups, dealt, strict=True) for index in group}
    return [row.model_copy(update={"split": split[index]}) for index, row in enumerate(rows)]


def _groups(rows: tuple[ManifestRow, ...], by: str) -> list[list[int]]:
    """Return the rows that belong together, sorted so that the rows' order plays no part."""
    joined = list(range(len(rows)))

    def root(index: int) -> int:
        while joined[index] != index:
            joined[index] = joined[joined[index]]
            index = joined[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        keys = [("patient", row.patient), ("slide", row.slide)]
        if by == "site":
            keys.append(("site", row.site))
        for key in keys:
            joined[root(index)] = root(first.setdefault(key, index))
    groups: dict[int, list[int]] = {}
    for index in range(len(rows)):
        groups.setdefault(root(index), []).append(index)
    return sorted(groups.values(), key=lambda group: min(rows[i].patient for i in group))


def _split_of(group: list[int], rows: tuple[ManifestRow, ...]) -> Split | None:
    """Return the split some rows of a group have, or None."""
    names: list[Split] = sorted({name for i in group if (name := rows[i].split)})
    if len(names) > 1:
        patients = ", ".join(sorted({rows[i].patient for i in group})[:3])
        raise ConfigError(
            f"patient {patients} stands in {' and '.join(names)} already; split all again."
        )
    return names[0] if names else None


def _dealt(
    groups: list[list[int]],
    fixed: list[Split | None],
    rows: tuple[ManifestRow, ...],
    wanted: dict[Split, float],
    seed: int,
) -> list[Split]:
    organs = [Counter(rows[i].organ for i in group) for group in groups]
    total: Counter[str] = Counter()
    have: dict[Split, Counter[str]] = {"train": Counter(), "val": Counter(), "test": Counter()}
    for organ, given in zip(organs, fixed, strict=True):
        total += organ
        if given:
            have[given] += organ
    drawn = np.random.default_rng(seed).permutation(len(groups))
    order = sorted(range(len(groups)), key=lambda g: (-len(groups[g]), drawn[g]))
    dealt = list(fixed)
    for group in order:
        if dealt[group] is None:
            lack = {s: _lack(organs[group], total, have[s], share) for s, share in wanted.items()}
            name = max(lack, key=lambda s: lack[s])
            dealt[group] = name
            have[name] += organs[group]
    return [name for name in dealt if name is not None]


def _lack(
    organs: Counter[str], total: Counter[str], have: Counter[str], share: float
) -> tuple[float, float]:
    """How much a split lacks of some organs, then of all rows, relative to its share."""
    wanted = sum(share * total[organ] for organ in organs)
    of_organs = (wanted - sum(have[organ] for organ in organs)) / wanted
    return of_organs, 1 - have.total() / (share * total.total())
