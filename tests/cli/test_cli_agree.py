"""Comparing tables of scores from the command line."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from histo.outputs.agreement_files import COLUMNS
from histo.outputs.scores_csv import COLUMNS as LONG
from histo.scoring.agreement import icc

WHO = "Doe_John"


def wide(path, columns, separator=","):
    """Write one row a slide."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter=separator)
        table.writerow(columns)
        table.writerows(zip(*columns.values(), strict=True))
    return path


def long(path, slides, unit="mm2", version="0.1.0", **scores):
    """Write ``scores.csv`` as histo does."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, LONG, restval="")
        table.writeheader()
        for name, values in scores.items():
            for slide, value in zip(slides, values, strict=True):
                row = {"slide": slide, "name": name, "value": value, "unit": unit}
                table.writerow({**row, "histo_version": version})
    return path


@pytest.fixture
def values():
    """What three readers say of 24 slides: areas in mm²."""
    rng = np.random.default_rng(0)
    return np.exp(rng.normal(1, 0.6, (24, 1)) + 0.15 * rng.normal(size=(24, 3)))


@pytest.fixture
def slides():
    return [f"{WHO}_{number}" for number in range(24)]


@pytest.fixture
def tables(tmp_path, values, slides):
    """A table of histo and two of readers, of which the last knows two slides more."""
    patients = [f"{WHO}{number // 2}" for number in range(24)]
    return (
        long(tmp_path / "scores.csv", slides, collagen_mm2=values[:, 0], pen_mm2=[0.0] * 24),
        wide(
            tmp_path / "reader.csv",
            {
                "slide": slides,
                "patient": patients,
                "collagen_mm2": values[:, 1],
                "pen_mm2": [0] * 24,
            },
        ),
        wide(
            tmp_path / "other.csv",
            {
                "slide": [*slides[::-1], "x", "y"],
                "collagen_mm2": [*values[::-1, 2], 1, 2],
                "pen_mm2": [0] * 26,
            },
        ),
    )


# --- what comes out


def test_figures_are_those_of_the_slides_in_common(histo_, tables, values):
    done = histo_("agree", tables[0], tables[2], "--json")
    assert done.code == 0, done.err
    [score] = done.json["scores"]
    [pair] = score["pairs"]
    assert (score["name"], score["unit"], score["scale"]) == ("collagen_mm2", "mm2", "log")
    assert done.json["slides_in_common"] == score["slides"] == 24
    assert pair["icc"]["value"] == pytest.approx(icc(np.log(values[:, [0, 2]])).value)
    assert pair["bland_altman"]["difference"] == "ratio"
    assert done.err == ""


def test_a_person_sees_figures_warnings_and_what_to_do_next(histo_, tables):
    done = histo_("agree", *tables[:2])
    assert done.code == 0, done.err
    for words in (
        f"A is {tables[0]}",
        "collagen_mm2 (mm²): 24 slides, log scale",
        "ICC(2,1)",
        "ratio",
        "Warning: pen_mm2 is not compared: it is 0 everywhere.",
        "Nothing was written",
        "Research use only",
    ):
        assert words in done.out


def test_files_are_written_complete(histo_, tables, out):
    done = histo_("agree", *tables, "--out", out)
    assert done.code == 0, done.err
    folder = out / "agreement"
    found = {path.name for path in folder.iterdir()}
    assert found == {"agreement.json", "agreement.csv", "collagen_mm2.png"}
    document = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    with (folder / "agreement.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    letters = [(row["first"], row["second"], row["comparison"]) for row in rows]
    assert letters == [
        ("A", "B", "first against others"),
        ("A", "C", "first against others"),
        ("B", "C", "others among themselves"),
    ]
    pairs = document["scores"][0]["pairs"]
    assert [float(row["icc"]) for row in rows] == [pair["icc"]["value"] for pair in pairs]
    with Image.open(folder / "collagen_mm2.png") as picture:
        assert not getattr(picture, "text", {})
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20
    again = histo_("agree", *tables, "--out", out)
    assert again.code == 1
    assert again.says("agreement exists", "--overwrite")
    assert histo_("agree", *tables, "--out", out, "--overwrite").code == 0


def test_no_slide_patient_or_file_is_named_in_any_output(histo_, tables, out):
    words = ("agree", *tables, "--patient", "patient", "--out", out)
    assert histo_(*words).code == 0
    for file in (out / "agreement").iterdir():
        content = file.read_bytes()
        for name in (WHO, "scores.csv", "reader", str(tables[0].parent)):
            assert name.encode() not in content


def test_readers_are_the_baseline(histo_, tables):
    [score] = histo_("agree", *tables, "--json").json["scores"]
    base, pairs = score["baseline"], score["pairs"]
    mean = (pairs[0]["icc"]["value"] + pairs[1]["icc"]["value"]) / 2
    assert base["first_against_others"]["value"] == pytest.approx(mean)
    assert base["others_among_themselves"]["value"] == pytest.approx(pairs[2]["icc"]["value"])
    assert base["difference"]["low"] < base["difference"]["high"]
    assert "Mean ICC: A against the others" in histo_("agree", *tables).out


def test_intervals_are_by_patient_when_told(histo_, tables):
    words = ("agree", *tables[:2], "--patient", "patient", "--json")
    found = histo_(*words, "--seed", "3").json
    assert found["scores"][0]["patients"] == 12
    assert found["intervals"] == "patient bootstrap, 2000 resamples, seed 3"
    assert found == histo_(*words, "--seed", "3").json
    assert found != histo_(*words, "--seed", "4").json


def test_grades_get_a_weighted_kappa(histo_, tmp_path):
    one = wide(tmp_path / "a.csv", {"slide": "abcde", "grade": [0, 1, 2, 2, 1]})
    two = wide(tmp_path / "b.csv", {"slide": "abcde", "grade": [0, 1, 2, 1, 1]})
    [score] = histo_("agree", one, two, "--grade", "grade", "--json").json["scores"]
    assert score["pairs"][0]["kappa"]["value"] == pytest.approx(0.8)
    assert "weighted κ" in histo_("agree", one, two, "--grade", "grade").out


@pytest.mark.parametrize("separator", [";", "\t"])
def test_spreadsheets_of_other_countries_are_read(histo_, tmp_path, separator):
    columns = {"Slide": "abcd", "f": [0.1, 0.2, 0.4, 0.3], "comment": ["", "a, b", "", ""]}
    one = wide(tmp_path / "a.csv", columns, separator)
    one.write_bytes(b"\xef\xbb\xbf" + one.read_bytes())  # as Excel begins a file
    done = histo_("agree", one, one, "--json")
    assert [score["name"] for score in done.json["scores"]] == ["f"]


@pytest.mark.parametrize(
    ("words", "scale", "left"),
    [((), "root", 24), (("--scale", "log"), "log", 23), (("--scale", "raw"), "raw", 24)],
)
def test_zeros_take_the_root_scale_unless_asked(
    histo_, tmp_path, values, slides, words, scale, left
):
    values[3, 0] = 0
    one = long(tmp_path / "a.csv", slides, collagen_mm2=values[:, 0])
    two = long(tmp_path / "b.csv", slides, collagen_mm2=values[:, 1])
    found = histo_("agree", one, two, *words, "--json").json
    [score] = found["scores"]
    assert (score["scale"], score["slides"], score["left_out"]) == (scale, left, 24 - left)
    assert any("1 slides have no value" in w for w in found["warnings"]) == (left == 23)


def test_a_missing_value_leaves_its_slide_out(histo_, tables, tmp_path, values, slides):
    held = ["" if number < 3 else value for number, value in enumerate(values[:, 1])]
    two = wide(tmp_path / "two.csv", {"slide": slides, "collagen_mm2": held})
    [score] = histo_("agree", tables[0], two, "--json").json["scores"]
    assert (score["slides"], score["left_out"]) == (21, 3)


# --- one sentence for each fault

ABC = {"slide": "abc", "f": [1, 2, 4]}


@pytest.mark.parametrize(
    ("columns", "words", "told"),
    [
        ({"id": "abc", "f": [1, 2, 3]}, (), ("b.csv", "no column 'slide'", "id, f")),
        ({"slide": "xyz", "f": [1, 2, 3]}, (), ("no slide in common", "fingerprint")),
        ({"slide": "abz", "f": [1, 2, 3]}, (), ("2 slides in common", "needs 3")),
        ({"slide": "abca", "f": [1, 2, 3, 4]}, (), ("b.csv, line 5", "already on line 2")),
        ({"slide": "abc", "f": [1, "many", 3]}, (), ("b.csv, line 3", "'many'", "no finite")),
        ({"slide": "abc", "f": [1, "inf", 3]}, (), ("b.csv, line 3", "no finite number")),
        ({"slide": "abc", "f": [1, 2, ""]}, ("--score", "f"), ("2 slides have it", "needs 3")),
        ({"slide": "abc", "f": [1, 2, ""]}, (), ("no score can be compared", "needs 3")),
        ({"slide": "abc", "g": [1, 2, 3]}, (), ("no score in common", "b.csv has g")),
        ({"slide": "abc", "g": [1, 2, 3]}, ("--score", "f"), ("b.csv has no score f", "has g")),
        ({"slide": "abc", "f": [1, 2, 3]}, ("--patient", "who"), ("no table has a column 'who'",)),
        ({**ABC, "who": ["p", "", "q"]}, ("--patient", "who"), ("b.csv", "who is empty for 1")),
        ({"slide": "abc", "f": [1, 2, 2.5]}, ("--grade", "f"), ("f is no grade",)),
        ({"slide": "abc", "f": [1, 0, 2]}, ("--scale", "log"), ("log scale", "2 slides can")),
        ({"slide": ["a", "", "c"], "f": [1, 2, 3]}, (), ("b.csv, line 3", "slide is empty")),
        ({"slide": [], "f": []}, (), ("b.csv", "no rows")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) and value else "",
)
def test_each_fault_is_one_sentence(histo_, tmp_path, columns, words, told, out):
    one = wide(tmp_path / "a.csv", ABC)
    two = wide(tmp_path / "b.csv", columns)
    done = histo_("agree", one, two, "--out", out, *words)
    assert done.code == 1
    assert done.says(*told)
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no column 'slide'; its first line holds nothing"),
        (b"slide,f\na,0,45\n", "line 2 has 3 cells, its header 2"),
        (b"slide,f,f\na,1,2\n", "two columns 'f'"),
        ("slide,f\nä,1\n".encode("latin-1"), "no UTF-8 text"),
    ],
)
def test_a_file_that_is_no_table_is_refused(histo_, tmp_path, content, told):
    broken = tmp_path / "b.csv"
    broken.write_bytes(content)
    done = histo_("agree", wide(tmp_path / "a.csv", ABC), broken)
    assert done.code == 1
    assert done.says("b.csv", told)


def test_a_file_that_is_not_there_is_one_sentence(histo_, tmp_path):
    done = histo_("agree", wide(tmp_path / "a.csv", ABC), tmp_path / "none.csv")
    assert done.code == 1
    assert done.says("none.csv cannot be read")


def test_a_slide_and_score_twice_in_a_long_table_is_refused(histo_, tables, tmp_path, slides):
    two = long(tmp_path / "two.csv", [*slides, slides[0]], collagen_mm2=range(25))
    done = histo_("agree", tables[0], two)
    assert done.says("two.csv, line 26", "slide and collagen_mm2", "line 2")


def test_units_that_differ_are_refused_even_when_forced(histo_, tables, tmp_path, slides):
    two = long(tmp_path / "two.csv", slides, unit="um2", collagen_mm2=range(24))
    for words in ((), ("--force",)):
        done = histo_("agree", tables[0], two, *words)
        assert done.says("collagen_mm2 is in mm2 in scores.csv and in um2 in two.csv")


def test_versions_that_differ_are_refused_unless_forced(histo_, tables, tmp_path, slides):
    two = long(tmp_path / "two.csv", slides, version="0.2.0", collagen_mm2=range(24))
    done = histo_("agree", tables[0], two)
    assert done.says("different versions", "histo_version 0.1.0 and 0.2.0", "--force")
    done = histo_("agree", tables[0], two, "--force", "--json")
    assert done.code == 0
    assert any(words.startswith("Forced: ") for words in done.json["warnings"])


def test_bundles_that_differ_are_refused(histo_, tmp_path):
    one = wide(tmp_path / "a.csv", {**ABC, "bundle": ["he 1"] * 3})
    two = wide(tmp_path / "b.csv", {**ABC, "bundle": ["he 2"] * 3})
    assert histo_("agree", one, two).says("bundle he 1 and he 2")


def test_too_few_patients_are_said(histo_, tmp_path):
    one = wide(tmp_path / "a.csv", {**ABC, "who": "pqr"})
    two = wide(tmp_path / "b.csv", {"slide": "abc", "f": [1, 3, 4]})
    found = histo_("agree", one, two, "--patient", "who", "--json").json
    assert "No intervals: fewer than 10 patients." in found["warnings"]
    assert found["scores"][0]["pairs"][0]["icc"]["low"] is None


def test_patients_must_be_the_same_everywhere(histo_, tmp_path):
    one = wide(tmp_path / "a.csv", {**ABC, "who": "pqr"})
    two = wide(tmp_path / "b.csv", {**ABC, "who": "pqq"})
    assert histo_("agree", one, two, "--patient", "who").says("who differs", "a.csv", "b.csv")


def test_one_table_is_wrong_usage(histo_, tmp_path):
    assert histo_("agree", wide(tmp_path / "a.csv", ABC)).code == 2
    assert histo_("agree").code == 2


def test_tables_that_agree_exactly_say_why_there_is_no_interval(histo_, tmp_path, out):
    one = wide(tmp_path / "a.csv", ABC)
    found = histo_("agree", one, one, "--json", "--out", out)
    pair = found.json["scores"][0]["pairs"][0]
    assert pair["icc"]["value"] == 1
    assert "agree exactly" in pair["icc"]["note"]
    assert (out / "agreement" / "f.png").stat().st_size > 1000


@pytest.mark.parametrize("decades", [0.001, 12])
def test_a_picture_of_any_range_is_drawn(histo_, tmp_path, out, decades):
    values = 10 ** np.random.default_rng(0).uniform(0, decades, (12, 2))
    one, two = (
        wide(tmp_path / name, {"slide": "abcdefghijkl", "x_mm2": column})
        for name, column in zip(("a.csv", "b.csv"), values.T, strict=True)
    )
    done = histo_("agree", one, two, "--out", out)
    assert done.code == 0, done.err
    assert (out / "agreement" / "x_mm2.png").stat().st_size > 1000


@pytest.mark.parametrize("name", ["a/b:c?.csv", "CON"])
def test_names_of_scores_become_names_of_files(histo_, tmp_path, out, name):
    one = wide(tmp_path / "a.csv", {"slide": "abc", name: [1, 2, 4]})
    assert histo_("agree", one, one, "--out", out).code == 0
    assert len(list((out / "agreement").glob("*.png"))) == 1


def test_help_and_figures_on_the_terminal_need_no_matplotlib(finish, tmp_path):
    ban = "import sys; sys.modules['matplotlib'] = None"
    assert finish("--help", before=ban).code == 0
    one = wide(tmp_path / "a.csv", ABC)
    assert finish("agree", one, one, before=ban).code == 0
