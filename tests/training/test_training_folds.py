"""Nobody is tested on what they learnt from."""

from collections import Counter

import pytest

from histo.errors import ConfigError
from histo.training.shg.folds import core_folds, organ_folds


@pytest.fixture
def lung_and_liver(bare_core):
    organs = ["lung"] * 7 + ["liver"] * 4 + ["skin"]
    return [bare_core(f"{organ} {i}", organ) for i, organ in enumerate(organs)]


def names(cores):
    return [core.name for core in cores]


@pytest.mark.parametrize("folds", [2, 3, 5, 12])
def test_every_core_is_held_out_once(lung_and_liver, folds):
    splits = list(core_folds(lung_and_liver, folds, seed=0))
    held = Counter(name for _, _, out in splits for name in names(out))
    assert len(splits) == folds
    assert held == Counter(names(lung_and_liver))


@pytest.mark.parametrize("split", [lambda c: core_folds(c, 3, 1), organ_folds])
def test_learning_and_held_out_are_all_and_apart(lung_and_liver, split):
    for _, learning, held in split(lung_and_liver):
        assert set(names(learning)).isdisjoint(names(held))
        assert sorted(names(learning) + names(held)) == sorted(names(lung_and_liver))


def test_folds_are_of_like_size_and_spread_organs(lung_and_liver):
    held = [out for _, _, out in core_folds(lung_and_liver, 3, seed=2)]
    assert [len(out) for out in held] == [4, 4, 4]
    lungs = [sum(core.organ == "lung" for core in out) for out in held]
    assert max(lungs) - min(lungs) <= 1


def test_no_fold_leaks_an_organ(lung_and_liver):
    splits = list(organ_folds(lung_and_liver))
    assert [organ for organ, _, _ in splits] == ["liver", "lung", "skin"]
    for organ, learning, held in splits:
        assert {core.organ for core in held} == {organ}
        assert organ not in {core.organ for core in learning}


def test_folds_depend_on_the_seed_and_not_on_the_order(lung_and_liver):
    def split(cores, seed):
        return [sorted(names(out)) for _, _, out in core_folds(cores, 3, seed)]

    assert split(lung_and_liver, 0) == split(lung_and_liver[::-1], 0)
    assert split(lung_and_liver, 0) != split(lung_and_liver, 1)


def test_more_folds_than_cores_are_refused(lung_and_liver):
    with pytest.raises(ConfigError, match=r"^2 cores cannot make 3 folds; use a smaller folds\.$"):
        next(core_folds(lung_and_liver[:2], 3, seed=0))
