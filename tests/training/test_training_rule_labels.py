"""Labels by colour: drawn Masson and picrosirius sections become present, absent and unknown."""

import pickle

import numpy as np
import pytest
from PIL import Image

from histo.errors import AnnotationError, ConfigError
from histo.geometry import Box, Spacing
from histo.slides import open_slide
from histo.stains import rgb_from_density
from histo.stains.collagen_rule import collagen_label
from histo.training.manifests import rule_labels
from histo.training.manifests.check import check_manifest
from histo.training.manifests.labels import row_class_map, row_labels
from histo.training.manifests.manifest import ManifestRow, inspect_manifest, read_manifest
from histo.vocabulary import Component, Stain

GLASS = np.array((242, 241, 238))
UM = Spacing(1.0, 1.0)
COLOURS = {  # optical densities of muscle, of collagen
    Stain.PSR: ((0.08, 0.22, 0.65), (0.12, 0.95, 0.55)),
    Stain.MASSON: ((0.08, 0.62, 0.55), (0.50, 0.38, 0.08)),
}
HEADER = "slide,annotation,patient,stain,mpp,class_map\n"


def section(stain, seed=0, side=320):
    """A field of muscle on glass with a band of collagen; the band's mask beside it."""
    draw = np.random.default_rng(seed)
    muscle, collagen = (np.array(od) for od in COLOURS[stain])
    rows, cols = np.mgrid[:side, :side]
    band = (np.abs(rows - side / 2) < 30) & (cols >= 80)
    strength = np.exp(draw.normal(0, 0.1, (side, side, 1)))
    od = np.where(band[..., None], collagen, muscle) * strength
    od[:, :80] = draw.normal(0, 0.003, (side, 80, 3))
    return rgb_from_density(od, GLASS), band


@pytest.fixture
def folder(tmp_path):
    for stain in COLOURS:
        Image.fromarray(section(stain)[0]).save(tmp_path / f"{stain}.png")
    return tmp_path


def labels_of(folder, stain, mpp=1.0):
    row = ManifestRow(
        slide=f"{stain}.png", annotation="rule:collagen", patient="a", stain=stain, mpp=mpp
    )
    with open_slide(folder / row.slide, mpp=mpp) as slide:
        return row_labels(row, folder, slide)


@pytest.mark.parametrize("stain", COLOURS)
def test_a_band_of_collagen_is_present_muscle_and_glass_absent(folder, stain):
    planes = labels_of(folder, stain).planes(Box(0, 0, 320, 320), UM)
    _, band = section(stain)
    assert planes.components == (Component.COLLAGEN,)
    known, present = planes.known[0], planes.present[0]
    assert known.mean() > 0.9
    assert (present[known] != band[known]).mean() < 1e-3, "but for the band's end on glass"
    assert not present[~known].any()
    assert known[:, :70].all(), "glass is known"


def test_where_the_rule_is_unsure_nothing_is_known(folder):
    planes = labels_of(folder, Stain.PSR).planes(Box(0, 0, 320, 320), UM)
    with open_slide(folder / "PSR.png", mpp=1.0) as slide:
        label = collagen_label(section(Stain.PSR)[0], Stain.PSR, slide.glass)
    np.testing.assert_array_equal(planes.known[0], label.known)
    assert not planes.known.all()


def test_boxes_put_together_are_the_whole(folder):
    labels = labels_of(folder, Stain.PSR)
    whole = labels.planes(Box(0, 0, 160, 160), Spacing(2.0, 2.0))
    for box in (Box(0, 0, 50, 160), Box(50, 0, 110, 70), Box(50, 70, 110, 90)):
        part = labels.planes(box, Spacing(2.0, 2.0))
        np.testing.assert_array_equal(part.present[0], whole.present[0][box.slices])
        np.testing.assert_array_equal(part.known[0], whole.known[0][box.slices])


def test_beyond_the_slide_nothing_is_known(folder):
    planes = labels_of(folder, Stain.PSR).planes(Box(-20, 300, 40, 60), UM)
    assert not planes.known[0, :20].any()
    assert not planes.known[0, :, 20:].any()
    assert planes.known[0, 20:, :20].any()


def test_a_fine_slide_is_labelled_at_about_a_micrometre(folder):
    labels = labels_of(folder, Stain.PSR, mpp=0.25)
    coarse = labels.planes(Box(0, 0, 80, 80), UM)
    assert coarse.present[0, 40, 40]
    assert coarse.known[0, 10, 40]
    assert not coarse.present[0, 10, 40]
    assert labels.planes(Box(0, 0, 320, 320), Spacing(0.25, 0.25)).present[0, 160, 160]


def test_labels_go_to_other_processes(folder):
    labels = labels_of(folder, Stain.MASSON)
    again = pickle.loads(pickle.dumps(labels))
    box = Box(100, 100, 64, 64)
    np.testing.assert_array_equal(
        again.planes(box, UM).present, labels.planes(box, UM).present, strict=True
    )


def test_a_slide_too_large_for_the_rule_is_refused_in_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(rule_labels, "_MOST_PX", 100_000)
    with pytest.raises(AnnotationError, match=r"PSR has 0 Mpx at 1.00 µm/px .* cut regions"):
        labels_of(folder, Stain.PSR)


def test_colours_of_another_stain_are_refused_in_a_sentence(folder):
    (folder / "Masson.png").rename(folder / "PSR.png")
    with pytest.raises(AnnotationError, match=r"do not look like PSR.* correct the stain"):
        labels_of(folder, Stain.PSR)


def test_a_manifest_of_rules_is_checked_and_measured(folder):
    path = folder / "m.csv"
    path.write_text(HEADER + "PSR.png,rule:collagen,a,PSR,1,\nMasson.png,rule:collagen,b,PSR,1,\n")
    check = check_manifest(read_manifest(path))
    (fault,) = check.faults
    assert str(fault).startswith("row 3, annotation: the colours of Masson do not look like PSR")
    (balance,) = check.balance
    assert balance.present_mm2 == pytest.approx(60 * 240 / 1e6, rel=0.05)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("rule:fat,a,PSR,1,", "row 2, annotation: 'rule:fat' is no rule; there is rule:collagen."),
        ("rule:collagen,a,H&E,1,", "row 2, stain: H&E shows no collagen to a rule of colour"),
        ("rule:collagen,a,PSR,1,map.yaml", "row 2, class_map: is not needed by a rule"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_a_fault_of_its_row(tmp_path, cells, said):
    path = tmp_path / "m.csv"
    path.write_text(f"{HEADER}x.png,{cells}\n")
    _, (fault,) = inspect_manifest(path)
    assert str(fault).startswith(said)


def test_a_rule_knows_collagen_and_nothing_else(tmp_path):
    row = ManifestRow(slide="x", annotation="rule:collagen", patient="a", stain=Stain.PSR)
    assert row_class_map(row, tmp_path).components == (Component.COLLAGEN,)
    other = row.model_copy(update={"known_components": (Component.TUMOUR,)})
    with pytest.raises((ConfigError, AnnotationError)):
        row_class_map(other, tmp_path)
