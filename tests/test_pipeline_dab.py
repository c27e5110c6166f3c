"""The density of DAB is read from the slide, haematoxylin taken off."""

import numpy as np
import pytest

from histo.geometry import Spacing
from histo.pipeline.dab import dab_density
from histo.slides import ArraySlide
from histo.stains import Dye, rgb_from_density, stain_matrix
from histo.tissue import TissueMap

WHITE = np.array([243, 240, 238], np.uint8)
ONE_UM, EIGHT_UM = Spacing(1.0, 1.0), Spacing(8.0, 8.0)


@pytest.fixture
def slide():
    """Columns of DAB at OD 0, 0.2, 0.4 and 3 over haematoxylin at 0.3; the lower part is glass."""
    dab = np.repeat([0.0, 0.2, 0.4, 3.0], 32)[None, :].repeat(1200, axis=0)
    amounts = np.dstack([np.full_like(dab, 0.3), dab])
    od = amounts @ stain_matrix(Dye.HAEMATOXYLIN, Dye.DAB)
    od[640:] = 0
    return ArraySlide(rgb_from_density(od, WHITE), ONE_UM)


@pytest.fixture
def tissue():
    mask = np.zeros((150, 16), bool)
    mask[:80] = True
    return TissueMap(mask, np.zeros(mask.shape, np.uint8), EIGHT_UM, WHITE)


def test_columns_read_their_density(slide, tissue):
    density = dab_density(slide, tissue, ONE_UM, (1200, 128))
    assert density.shape == (1200, 128)
    means = density[:600].reshape(600, 4, 32).mean(axis=(0, 2))
    np.testing.assert_allclose(means[:3], [0.0, 0.2, 0.4], atol=0.01)
    assert 1.4 < means[3] <= 2.0, "what is darker than a scanner sees is clipped"


def test_strips_without_tissue_are_not_read(slide, tissue):
    read = []
    plain = slide.read
    slide.read = lambda box, spacing: (read.append(box), plain(box, spacing))[1]
    density = dab_density(slide, tissue, ONE_UM, (1200, 128))
    assert [box.row for box in read] == [0, 512]
    assert not density[1024:].any()
