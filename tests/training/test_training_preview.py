"""A sheet shows what samples are, where their labels lie and where nothing is known."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("albumentations")

import sample_fakes as fakes

from histo.errors import OutputError
from histo.training.samples.preview import (
    known_components,
    outlined,
    preview_samples,
    preview_sheet,
    write_sheet,
)
from histo.training.samples.slide_samples import SampleSettings
from histo.vocabulary import COLOURS, Component

TUMOUR = (Component.TUMOUR,)


def test_an_outline_runs_inside_what_is_present_and_not_along_the_tile():
    tile = np.full((20, 30, 3), 200, np.uint8)
    target = np.zeros((1, 20, 30), np.float32)
    target[0, :10, :12] = 1
    drawn = outlined(tile, target, np.ones_like(target), TUMOUR)
    is_line = (drawn == COLOURS[Component.TUMOUR]).all(axis=2)
    expected = np.zeros((20, 30), bool)
    expected[8:10, :12] = expected[:10, 10:12] = True
    assert (is_line == expected).all()
    assert (drawn[~is_line] == 200).all()
    assert (tile == 200).all()


def test_only_what_nothing_is_known_of_is_hatched():
    tile = np.full((40, 40, 3), 200, np.uint8)
    weight = np.zeros((2, 40, 40), np.float32)
    weight[1, :, :20] = 1
    both = (Component.TUMOUR, Component.COLLAGEN)
    drawn = outlined(tile, np.zeros_like(weight), weight, both)
    assert (drawn[:, :20] == 200).all()
    assert 0.05 < (drawn[:, 20:] != 200).mean() < 0.12


def test_the_sheet_of_a_manifest_shows_what_its_rows_know(tmp_path):
    manifest = fakes.write_set(tmp_path / "slides")
    assert known_components(manifest) == (
        Component.TUMOUR,
        Component.COLLAGEN,
        Component.MACROPHAGE,
    )
    samples = preview_samples(manifest, SampleSettings(2.0, 64, count=16), augmented=False)
    sheet = preview_sheet(samples, 16)
    assert sheet.shape == (2 * 70 + 34, 8 * 70 - 6, 3)
    drawn = (sheet[:140] == COLOURS[Component.TUMOUR]).all(axis=2).sum()
    assert drawn > 50
    full = [number for number in range(8) if samples[number][1][0].all()]
    assert full  # of tumour from edge to edge: no outline, but a square in the corner
    assert (sheet[3:13, 3 + 70 * full[0] : 13 + 70 * full[0]] == COLOURS[Component.TUMOUR]).all()
    write_sheet(tmp_path / "sheet.png", sheet)
    assert (np.asarray(Image.open(tmp_path / "sheet.png")) == sheet).all()
    with pytest.raises(OutputError, match=r"sheet\.png cannot be written"):
        write_sheet(tmp_path / "nowhere" / "sheet.png", sheet)
