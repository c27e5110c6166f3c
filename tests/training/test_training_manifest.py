"""Manifests: every fault by row and column; splits that no patient crosses."""

from collections import Counter, defaultdict

import pytest

from histo.errors import ConfigError
from histo.training.manifests.manifest import (
    COLUMNS,
    ManifestRow,
    inspect_manifest,
    read_manifest,
    write_manifest,
)
from histo.training.manifests.split import Shares, split_rows

HEAD = "slide,annotation,patient,stain,mpp,split,known components,class_map,licence"
GOOD = "a.svs,a.xml,p1,H&E,0.25,train,tumour;necrosis,bcss,CC0"


def write(tmp_path, *lines: str, head: str = HEAD):
    file = tmp_path / "set.csv"
    file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return file


def faults(tmp_path, *lines: str, head: str = HEAD) -> list[str]:
    return [str(fault) for fault in inspect_manifest(write(tmp_path, *lines, head=head))[1]]


def test_a_good_row_is_read_with_what_it_leaves_out(tmp_path):
    manifest = read_manifest(write(tmp_path, GOOD, "", "b.svs,,p1,H-DAB,,,,,"))
    first, second = manifest.rows
    assert first.known_components == ("tumour", "necrosis")
    assert (first.mpp, first.split, first.organ, first.marker) == (0.25, "train", "", None)
    assert (second.mpp, second.split, second.annotation) == (None, "", "")
    assert manifest.numbers == (2, 4)  # as a spreadsheet counts, with the empty row
    assert manifest.root == tmp_path


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (GOOD.replace("a.svs", ""), "row 2, slide: is empty; fill it in."),
        (GOOD.replace("p1", " "), "row 2, patient: is empty"),
        (GOOD.replace("H&E", "HE"), "row 2, stain: found 'HE', expected one of H&E, H-DAB"),
        (GOOD.replace("0.25", "40x"), "row 2, mpp: found '40x', expected µm/px from 0.1 to 1.2"),
        (GOOD.replace("0.25", "250"), "row 2, mpp: found '250', expected µm/px from 0.1 to 1.2"),
        (GOOD.replace("train", "dev"), "row 2, split: found 'dev', expected train, val, test or"),
        (GOOD.replace("necrosis", "tumor"), "row 2, known_components: found 'tumor', expected"),
        (GOOD.replace("bcss", ""), "row 2, class_map: is empty; an annotation needs one"),
        (GOOD + ",more", "row 2: it has 10 cells, row 1 has 9; quote commas."),
        ("a.svs,a.xml", "row 2: it has 2 cells"),
    ],
)
def test_a_faulty_cell_is_told_with_row_column_and_remedy(tmp_path, line, told):
    (found,) = faults(tmp_path, line)
    assert told in found
    assert "\n" not in found


def test_a_missing_an_unknown_and_a_doubled_column_are_told(tmp_path):
    head = HEAD.replace("patient", "Patient ID").replace("licence", "mpp")
    found = faults(tmp_path, GOOD, head=head)
    assert "row 1, patient: this column is missing" in found[0]
    assert "row 1, mpp: this column stands twice" in found[2]
    assert "row 1, patient_id: no such column; known are slide, annotation" in found[1]


def test_a_slide_listed_twice_is_told_where(tmp_path):
    (found,) = faults(tmp_path, GOOD, GOOD)
    assert "row 3, slide: 'a.svs' with this annotation stands in row 2" in found


def test_all_faults_are_told_in_order_and_the_good_rows_kept(tmp_path):
    lines = [GOOD.replace("H&E", "?"), GOOD, GOOD.replace("0.25", "x").replace("train", "?")]
    manifest, found = inspect_manifest(write(tmp_path, *lines))
    assert [(fault.row, fault.column) for fault in found] == [
        (2, "stain"),
        (4, "mpp"),
        (4, "split"),
    ]
    assert len(manifest.rows) == 1
    with pytest.raises(ConfigError, match=r"row 2, stain: .* row 4, mpp: .* row 4, split:"):
        read_manifest(manifest.path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "row 1, slide: this column is missing"),
        (HEAD.encode(), "lists no slide"),
        (b"\xff\xfe\x00\x01", "no CSV file in UTF-8"),
        (b"slide,patient,stain\na,b,H&E\0\n", "stain: found|no CSV"),
    ],
)
def test_a_file_that_is_no_manifest_is_told(tmp_path, content, told):
    file = tmp_path / "set.csv"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        read_manifest(file)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.csv cannot be read"):
        read_manifest(tmp_path / "none.csv")


def test_what_is_written_is_read_back(tmp_path):
    rows = [row(0, "p,1", organ="breast", mpp=0.25), row(1, "p “2”", known=("tumour", "muscle"))]
    file = tmp_path / "set.csv"
    write_manifest(file, rows)
    assert list(read_manifest(file).rows) == rows
    assert file.read_text(encoding="utf-8").splitlines()[0].split(",") == list(COLUMNS)
    assert [path.name for path in tmp_path.iterdir()] == ["set.csv"]


def row(index, patient, *, site="", organ="", split="", mpp=None, known=()) -> ManifestRow:
    return ManifestRow(
        slide=f"s{index}.svs",
        patient=patient,
        site=site,
        stain="H&E",
        organ=organ,
        split=split,
        mpp=mpp,
        known_components=known,
    )


def cohort(patients: int = 60) -> tuple[ManifestRow, ...]:
    """Return 1 to 3 slides a patient, of two organs in a ratio of 3 to 1 and of ten sites."""
    rows = []
    for p in range(patients):
        organ = "breast" if p % 4 else "lung"
        for _ in range(1 + p % 3):
            rows.append(row(len(rows), f"p{p:02}", site=f"site{p % 10}", organ=organ))
    return tuple(rows)


def splits_of(rows, column) -> dict[str, set[str]]:
    found = defaultdict(set)
    for r in rows:
        found[getattr(r, column)].add(r.split)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_no_patient_is_in_two_splits_and_shares_and_organs_are_kept(seed):
    rows = split_rows(cohort(), seed=seed)
    assert [r.slide for r in rows] == [r.slide for r in cohort()]
    assert all(len(found) == 1 for found in splits_of(rows, "patient").values())
    for organ in ("breast", "lung"):
        counts = Counter(r.split for r in rows if r.organ == organ)
        for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
            assert counts[name] / counts.total() == pytest.approx(share, abs=0.05)


def test_by_site_no_site_is_in_two_splits():
    rows = split_rows(cohort(), by="site")
    assert all(len(found) == 1 for found in splits_of(rows, "site").values())
    assert {r.split for r in rows} == {"train", "val", "test"}
    with pytest.raises(ConfigError, match="needs a site in every row"):
        split_rows((row(0, "a"), row(1, "b"), row(2, "c")), by="site")


def test_a_split_follows_from_the_seed_not_from_the_order_of_rows():
    def by_slide(rows):
        return {r.slide: r.split for r in rows}

    once = by_slide(split_rows(cohort(), seed=5))
    assert once == by_slide(split_rows(cohort()[::-1], seed=5))
    assert once != by_slide(split_rows(cohort(), seed=6))


def test_a_slide_of_two_patients_keeps_them_together():
    shared = ManifestRow(slide="s0.svs", annotation="x", class_map="m", patient="b", stain="H&E")
    rows = split_rows((row(0, "a"), shared, *(row(i, f"q{i}") for i in range(1, 9))))
    assert rows[0].split == rows[1].split


def test_splits_that_are_there_stay_and_new_slides_of_a_patient_join_them():
    old = tuple(r.model_copy(update={"split": "test"}) for r in cohort(6))
    new = (*old, row(99, "p00"), *(row(100 + i, f"n{i}") for i in range(30)))
    rows = split_rows(new)
    assert all(r.split == "test" for r in rows[: len(old) + 1])
    assert Counter(r.split for r in rows[len(old) + 1 :])["train"] > 20
    assert {r.split for r in split_rows(new, again=True)[: len(old)]} != {"test"}


def test_faults_of_a_split_are_told():
    torn = (row(0, "a", split="train"), row(1, "a", split="val"), row(2, "b"), row(3, "c"))
    with pytest.raises(ConfigError, match="patient a stands in train and val"):
        split_rows(torn)
    with pytest.raises(ConfigError, match="2 groups by patient cannot be parted into 3"):
        split_rows((row(0, "a"), row(1, "b")))
    assert {r.split for r in split_rows((row(0, "a"), row(1, "b")), Shares(1, 1, 0))} == {
        "train",
        "val",
    }
    with pytest.raises(ValueError, match="not negative"):
        Shares(0, 1, 1)
