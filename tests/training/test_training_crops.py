"""Crop number i depends on the seed and i alone."""

from collections import Counter

import numpy as np
import pytest

from histo.errors import ConfigError
from histo.training.config import AugmentationConfig

torch = pytest.importorskip("torch")
pytest.importorskip("albumentations")

from torch.utils.data import DataLoader  # noqa: E402

from histo.training.samples.crops import Crops  # noqa: E402


@pytest.fixture
def make(cores):
    def build(seed=3, count=8, given=None, **settings):
        return Crops(
            given or cores,
            count=count,
            crop_px=64,
            settings=AugmentationConfig(elastic_px=2.0, **settings),
            seed=seed,
        )

    return build


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_crop_is_a_tile_a_target_and_a_weight(make):
    tile, target, weight = make()[0]
    assert (tile.shape, tile.dtype) == ((64, 64, 3), torch.uint8)
    assert target.shape == weight.shape == (1, 64, 64)
    assert target.dtype == weight.dtype == torch.float32
    for plane in (target, weight):
        assert plane.min() >= 0
        assert plane.max() <= 1 + 1e-6
    assert len(make(count=8)) == 8


def test_the_same_seed_and_number_give_the_same_crop_in_any_order(make):
    one, other = make(), make()
    forwards = [one[i] for i in range(8)]
    backwards = [other[i] for i in reversed(range(8))][::-1]
    assert all(equal(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert equal(forwards[2], one[2]), "asked again, it is the same"


def test_another_seed_or_number_gives_another_crop(make):
    assert not equal(make(seed=3)[0], make(seed=4)[0])
    assert not equal(make()[0], make()[1])


def test_the_global_generators_play_no_part(make):
    torch.manual_seed(0)
    before = make()[0]
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the point is that it changes nothing
    assert equal(before, make()[0])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_give_the_same_crops(make):
    alone = list(DataLoader(make(), batch_size=3, num_workers=0))
    shared = list(DataLoader(make(), batch_size=3, num_workers=2))
    assert all(equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_image_and_target_move_together(make):
    """Fibres are drawn darker than what lies between, and the target is high on fibres."""
    crops = make(blur_px=0.0, noise=0.0)
    for index in range(8):
        tile, target, weight = crops[index]
        green = tile[..., 1].float().numpy()
        inside = weight[0].numpy() > 0.99
        assert np.corrcoef(green[inside], target[0].numpy()[inside])[0, 1] < -0.5


def test_a_small_organ_is_not_outvoted(make, bare_core):
    given = [bare_core(f"many {i}", "many", 100) for i in range(9)] + [bare_core("one", "one", 100)]
    crops = make(given=given)
    crops.transform = FakeTransform()
    drawn = Counter()
    for index in range(200):
        crops[index]
    drawn.update(crops.transform.seen)
    assert 70 < drawn[id(given[-1].rgb)] < 130
    assert len(drawn) == 10


def test_counter_examples_have_their_share(bare_core):
    cores = [bare_core(f"core {i}", "lung", 100) for i in range(3)]
    others = [bare_core("nests", "lung", 100)]
    crops = Crops(
        cores,
        others,
        count=400,
        crop_px=64,
        settings=AugmentationConfig(),
        seed=1,
        counter_share=0.25,
    )
    crops.transform = FakeTransform()
    for index in range(400):
        crops[index]
    share = crops.transform.seen.count(id(others[0].rgb)) / 400
    assert 0.2 < share < 0.3


class FakeTransform:
    """Remembers which core it was given."""

    def __init__(self):
        self.seen = []

    def set_random_seed(self, seed):
        """Nothing is random here."""

    def __call__(self, image, mask):
        self.seen.append(id(image))
        return {"image": image, "mask": mask}


def test_a_core_smaller_than_a_crop_is_refused(make, bare_core):
    with pytest.raises(ConfigError, match=r"^x is smaller than the largest crop, 85 px"):
        make(given=[bare_core("x", "lung", 84)])
    assert len(make(given=[bare_core("x", "lung", 85)])[0]) == 3
