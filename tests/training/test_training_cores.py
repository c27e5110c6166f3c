"""A manifest becomes cores; a fault in it is one sentence with the row's number."""

import numpy as np
import pytest
from PIL import Image
from skimage.filters import threshold_otsu
from training_fakes import COLUMNS, GLASS, STUDY, drawn_core, write_manifest

from histo.errors import ConfigError
from histo.training.config import LabelConfig
from histo.training.shg.cores import otsu_threshold, read_cores

GOOD_ROW = "a,breast,a_he.png,a_shg.png,2.0"


@pytest.fixture
def folder(tmp_path):
    """One sound core, and files that are not."""
    rgb, shg = drawn_core(0)
    Image.fromarray(rgb).save(tmp_path / "a_he.png")
    Image.fromarray(shg).save(tmp_path / "a_shg.png")
    Image.fromarray(shg[:50]).save(tmp_path / "short.png")
    Image.fromarray(shg.astype(np.uint16) * 100).save(tmp_path / "deep.png")
    Image.fromarray(np.full_like(rgb, GLASS)).save(tmp_path / "glass.png")
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    whole = (tmp_path / "a_he.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def test_cores_come_in_the_order_of_the_manifest(cores):
    assert {core.name: core.organ for core in cores} == STUDY
    for core in cores:
        assert core.rgb.shape == (96, 104, 3)
        assert core.um_per_px == 2.0
        for plane in (core.shg, core.target, core.weight, core.tissue):
            assert plane.shape == (96, 104)


def test_what_is_learnt_lies_in_tissue(cores):
    for core in cores:
        assert 0 <= core.target.min() < 0.3
        assert 0.7 < core.target.max() <= 1
        assert core.target[~core.tissue].max() == 0
        assert 0.5 < core.tissue.mean() < 0.85


def test_glass_teaches_a_little_and_black_frames_nothing(folder):
    rgb, _ = drawn_core(0)
    rgb[:4] = 0
    Image.fromarray(rgb).save(folder / "a_he.png")
    (core,) = read_cores(
        write_manifest(folder, [GOOD_ROW]), folder, LabelConfig(background_weight=0.2)
    )
    assert core.weight[:4].max() == 0
    assert core.weight[core.tissue].min() == 1
    assert core.weight[90:, :5] == pytest.approx(0.2)


def test_gamma_undoes_the_square(folder):
    manifest = write_manifest(folder, [GOOD_ROW])
    (plain,) = read_cores(manifest, folder, LabelConfig(smooth_px=0, gamma=1))
    (root,) = read_cores(manifest, folder, LabelConfig(smooth_px=0, gamma=0.5))
    np.testing.assert_allclose(plain.target[plain.tissue], plain.shg[plain.tissue])
    np.testing.assert_allclose(root.target**2, plain.target, atol=1e-6)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("b,breast,b_he.png,a_shg.png,2.0", "b_he.png is not in the data folder."),
        ("b,breast,a_he.png,none.png,2.0", "none.png is not in the data folder."),
        ("b,breast,text.png,a_shg.png,2.0", "text.png cannot be read as an image."),
        ("b,breast,half.png,a_shg.png,2.0", "half.png cannot be read as an image."),
        ("b,breast,.,a_shg.png,2.0", ". cannot be read as an image."),
        ("b,breast,a_he.png,short.png,2.0", "image is (96, 104) px, its label (50, 104)."),
        ("b,breast,a_he.png,deep.png,2.0", "deep.png has more than 8 bits a channel; save it"),
        ("b,breast,a_he.png,a_shg.png,two", "um_per_px is a number above 0, found 'two'."),
        ("b,breast,a_he.png,a_shg.png,0", "um_per_px is a number above 0, found '0'."),
        ("b,breast,a_he.png,a_shg.png,nan", "um_per_px is a number above 0, found 'nan'."),
        ("b,breast,a_he.png", "label is empty."),
        ("b,,a_he.png,a_shg.png,2.0", "organ is empty."),
        (",breast,a_he.png,a_shg.png,2.0", "core is empty."),
        ("b,breast,glass.png,a_shg.png,2.0", "The slide is empty glass all over"),
        ("a,kidney,a_he.png,a_shg.png,2.0", "core a stands in row 2 already."),
    ],
)
def test_a_fault_is_one_sentence_with_the_row(folder, row, fault):
    manifest = write_manifest(folder, [GOOD_ROW, row])
    with pytest.raises(ConfigError) as caught:
        read_cores(manifest, folder, LabelConfig())
    assert str(caught.value).startswith(f"study.csv row 3: {fault}")
    assert str(folder) not in str(caught.value)


def test_a_missing_column_is_named(folder):
    manifest = write_manifest(folder, [GOOD_ROW], columns=COLUMNS.replace("organ", "tissue"))
    with pytest.raises(ConfigError, match=r"^study\.csv lacks the column organ\.$"):
        read_cores(manifest, folder, LabelConfig())


def test_a_manifest_of_no_core_is_refused(folder):
    with pytest.raises(ConfigError, match=r"study\.csv lists no core\."):
        read_cores(write_manifest(folder, []), folder, LabelConfig())


def test_a_manifest_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"^the manifest none\.csv cannot be read: No such file"):
        read_cores(tmp_path / "none.csv", tmp_path, LabelConfig())
    (tmp_path / "sheet.csv").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1")
    with pytest.raises(ConfigError, match=r"sheet\.csv cannot be read: it is no UTF-8 CSV file\."):
        read_cores(tmp_path / "sheet.csv", tmp_path, LabelConfig())


@pytest.mark.parametrize("seed", range(5))
def test_otsu_agrees_with_scikit_image_within_a_bin(seed):
    draw = np.random.default_rng(seed)
    values = np.concatenate([draw.beta(2, 8, 3000), draw.beta(8, 3, 1500), [0.0, 1.0]])
    assert otsu_threshold(values) == pytest.approx(threshold_otsu(values), abs=1 / 256)


def test_otsu_of_two_values_lies_between_them():
    values = np.array([0.2] * 30 + [0.7] * 10, np.float32)
    assert 0.2 < otsu_threshold(values) < 0.7


def test_otsu_does_not_mind_the_order():
    values = np.random.default_rng(0).random(500)
    assert otsu_threshold(values) == otsu_threshold(values[::-1].reshape(20, 25))
