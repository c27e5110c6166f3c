"""Counter-examples know only where the component is absent."""

import numpy as np
import pytest
from PIL import Image
from training_fakes import write_counter_study

from histo.errors import ConfigError
from histo.training.shg.counter_examples import read_counter_examples


@pytest.fixture
def manifest(tmp_path):
    return write_counter_study(tmp_path)


def test_images_come_at_the_spacing_asked_for(manifest):
    nests, glands = read_counter_examples(manifest, manifest.parent, 2.0)
    assert (nests.name, nests.organ, glands.organ) == ("nests", "breast", "kidney")
    assert nests.rgb.shape == (96, 104, 3)
    assert nests.target.shape == nests.weight.shape == (96, 104)


def test_a_pixel_is_absent_if_all_it_is_made_of_is(manifest):
    nests = read_counter_examples(manifest, manifest.parent, 2.0)[0]
    assert nests.absent[:, :50].all()
    assert not nests.absent[:, 50:].any(), "column 50 is half unknown"
    assert not nests.target.any()


def test_an_image_that_does_not_divide_is_cut(manifest):
    nests = read_counter_examples(manifest, manifest.parent, 5.0)[0]
    assert nests.rgb.shape == (38, 41, 3)
    assert nests.weight.shape == (38, 41)


def test_a_mask_of_another_size_is_refused(manifest):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(manifest.parent / "nests_mask.png")
    with pytest.raises(ConfigError, match=r"^counter\.csv row 2: image is \(192, 208\) px"):
        read_counter_examples(manifest, manifest.parent, 2.0)
