"""The demo draws a slide, scores it with what ships, and shows truth beside result."""

import json

import pytest
from cli_fakes import complete, left_in

from histo.assets import bundle_names


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    if "he-collagen" not in bundle_names():
        pytest.skip("no bundle is here yet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_truth_stands_beside_the_result(histo_, in_folder):
    done = histo_("demo", "--width", "1")
    assert done.code == 0, done.err
    words = done.out.split()
    for title in ("score", "truth", "found", "difference", "collagen_fraction_of_tissue"):
        assert title in words
    assert "Research use only" in done.out
    assert done.err.startswith("Drawing a slide with known truth")

    folder = in_folder / "histo-demo"
    assert left_in(folder) == {"phantom-0", "phantom-0.tif"}
    assert complete(folder / "phantom-0")
    assert "Open histo-demo" in done.out
    assert "overview.png" in done.out

    again = histo_("demo", "--width", "1", "--json")  # over the first
    assert again.code == 0, again.err
    assert again.err == ""
    tissue = again.json["scores"]["tissue_mm2"]
    assert tissue["found"] == pytest.approx(tissue["truth"], rel=0.02)
    fraction = again.json["scores"]["collagen_fraction_of_tissue"]
    assert 0 < fraction["found"] < 1
    bundles = json.loads((folder / "phantom-0" / "run.json").read_text(encoding="utf-8"))["bundles"]
    assert bundles[0]["name"] == "he-collagen"


def test_a_place_that_cannot_be_used(histo_, in_folder):
    (in_folder / "file").touch()
    done = histo_("demo", "--out", "file", "--json")
    assert done.code == 1
    assert done.says("file is a file; --out expects a folder")
    done = histo_("demo", "--out", "file/below", "--json")
    assert done.code == 1
    assert done.says("cannot be made")


@pytest.mark.parametrize("words", [("--width", "0"), ("--width", "1000"), ("--seed", "-1")])
def test_sizes_have_limits(histo_, words):
    assert histo_("demo", *words).code == 2
