"""Checking a manifest: files, µm/px, crossings, balance and licences, each in a sentence."""

import numpy as np
import pytest
from PIL import Image

from histo.errors import AnnotationError, ConfigError
from histo.training.manifests.check import check_manifest
from histo.training.manifests.labels import row_class_map
from histo.training.manifests.manifest import Manifest, ManifestRow

MAP = "{classes: {1: tumour, 2: background, 3: necrosis}}"
MASK = np.repeat(np.array([1, 2, 2, 0], np.uint8), 50)[None].repeat(200, axis=0)


@pytest.fixture
def folder(tmp_path):
    rgb = np.random.default_rng(0).integers(100, 240, (200, 200, 3)).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    Image.fromarray(rgb).save(tmp_path / "b.png")
    Image.fromarray(MASK).save(tmp_path / "mask.png")
    (tmp_path / "map.yaml").write_text(MAP, encoding="utf-8")
    return tmp_path


def row(**changes) -> ManifestRow:
    values = {
        "slide": "a.png",
        "annotation": "mask.png",
        "class_map": "map.yaml",
        "patient": "p1",
        "stain": "H&E",
        "mpp": 0.5,
        "split": "train",
        "licence": "CC0",
    }
    return ManifestRow(**(values | changes))


def check(folder, *rows: ManifestRow):
    numbers = tuple(range(2, 2 + len(rows)))
    return check_manifest(Manifest(folder / "set.csv", rows, numbers))


def test_areas_are_counted_for_each_split_and_component(folder):
    other = row(slide="b.png", patient="p2", split="val", known_components=("tumour",))
    found = check(folder, row(), other)
    assert not found.faults
    areas = {(b.split, b.component): (b.present_mm2, b.known_mm2) for b in found.balance}
    whole = 0.01  # 200 px of 0.5 µm, squared
    assert areas == {
        ("train", "tumour"): pytest.approx((whole / 4, whole * 3 / 4)),
        ("train", "necrosis"): pytest.approx((0, whole * 3 / 4)),
        ("val", "tumour"): pytest.approx((whole / 4, whole * 3 / 4)),
    }
    assert [b.patients for b in found.balance] == [1, 1, 1]
    assert found.warnings == ["necrosis in train is nowhere present; there is nothing to learn or "
                              "to measure."]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"slide": "none.png"}, "row 2, slide: none.png"),
        ({"slide": "map.yaml"}, "row 2, slide: map.yaml is no slide"),
        ({"annotation": "none.xml"}, "row 2, annotation: none.xml cannot be read"),
        ({"annotation": "map.yaml"}, "row 2, annotation: map.yaml is not valid JSON"),
        ({"annotation": "class:9"}, "row 2, annotation: the annotation has the class '9'"),
        ({"mpp": None}, "row 2, mpp: a.png has no µm/px"),
        ({"class_map": "none.yaml"}, "row 2, class_map: none.yaml cannot be read"),
        ({"class_map": "mask.png"}, "row 2, class_map: no recipe 'mask.png'"),
        (
            {"class_map": "puma"},
            "row 2, class_map: no class map 'puma'; the recipe has puma/t",
        ),
        ({"known_components": ("muscle",)}, "row 2, class_map: no known component"),
    ],
)
def test_every_fault_names_row_and_column(folder, changes, told):
    found = check(folder, row(**changes))
    (fault,) = map(str, found.faults)
    assert fault.startswith(told)
    assert "\n" not in fault
    assert str(folder) not in fault


def test_a_class_the_map_does_not_name_is_a_fault(folder):
    (folder / "map.yaml").write_text("{classes: {1: tumour}}", encoding="utf-8")
    (fault,) = check(folder, row()).faults
    assert "mask.png has the class '2', which the class map does not name" in str(fault)


def test_a_patient_or_a_slide_in_two_splits_is_a_fault_where_it_crosses(folder):
    rows = row(), row(slide="b.png", split="test"), row(patient="p3", split="val")
    found = [str(fault) for fault in check(folder, *rows).faults]
    assert "row 3, patient: 'p1' is in test here and in train in row 2" in found[0]
    assert "row 4, slide: 'a.png' is in val here and in train in row 2" in found[1]
    assert len(found) == 2


def test_licences_add_up_and_an_unstated_one_is_noted(folder):
    rows = row(licence="CC BY-SA"), row(slide="b.png", licence="CC BY-NC 4.0")
    found = check(folder, *rows)
    assert found.licence == "CC-BY-NC-SA"
    assert found.licences == {"CC-BY-SA": 1, "CC-BY-NC": 1}
    found = check(folder, row(licence="check"))
    assert found.licence == "unstated"
    assert any("1 of 1 rows state no known licence" in w for w in found.warnings)


def test_what_may_be_intended_is_only_noted(folder):
    rows = (
        row(annotation="", class_map="", split="", site="x"),
        row(slide="b.png", site="x"),
        row(slide="b.png", annotation="class:1", patient="p9", split="val", site="x"),
    )
    found = check(folder, rows[0], rows[1])
    assert not found.faults
    assert found.warnings[:2] == [
        "1 of 2 rows have no split; run histo data split.",
        "1 of 2 rows have no annotation and teach nothing yet.",
    ]
    warned = " ".join(check(folder, *rows).warnings)
    assert "1 of 1 sites are in several splits" in warned
    assert "tumour in val is nowhere known to be absent" in warned


def test_progress_is_told(folder):
    seen = []
    manifest = Manifest(folder / "set.csv", (row(), row(slide="b.png")), (2, 3))
    check_manifest(manifest, tell=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 2), (1, 2)]


def test_a_class_map_is_found_in_a_file_or_a_recipe(folder):
    assert row_class_map(row(), folder).components == ("tumour", "necrosis")
    assert row_class_map(row(class_map="bcss"), folder).rule("20").to == ("tumour",)
    nuclei = row_class_map(row(class_map="puma/nuclei"), folder)
    assert nuclei.components == ("macrophage",)
    narrow = row_class_map(row(class_map="bcss", known_components=("necrosis",)), folder)
    assert narrow.components == ("necrosis",)
    with pytest.raises(AnnotationError, match="it leads to tumour, necrosis"):
        row_class_map(row(class_map="bcss", known_components=("muscle",)), folder)
    with pytest.raises(ConfigError, match="the recipe has none"):
        row_class_map(row(class_map="anhir"), folder)
