"""``histo data``: prepare, check and split, as a user would type them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def download(tmp_path):
    """A folder in the shape of NCT-CRC, three classes of two patches each."""
    folder = tmp_path / "nct"
    for part in ("NCT-CRC-HE-100K", "CRC-VAL-HE-7K"):
        for kind in ("TUM", "MUS", "STR"):
            path = folder / part / kind / f"{kind}-AAA.tif"
            path.parent.mkdir(parents=True)
            rgb = np.random.default_rng(0).integers(90, 240, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(rgb).save(path)
    return folder


def test_from_a_download_to_a_checked_manifest(histo_, download):
    done = histo_("data", "prepare", "nct-crc", download)
    assert done.code == 0
    assert done.out == "manifest.csv: 6 rows, 2 patients, licence CC BY 4.0\n"
    assert "Note: A patch has one class throughout" in done.err
    manifest = download / "manifest.csv"
    checked = histo_("data", "check", manifest)
    assert checked.code == 0
    assert "a bundle inherits CC-BY\n" in checked.out
    assert "6 rows, 0 faults" in checked.out
    found = json.loads(histo_("data", "check", manifest, "--json").out)
    assert found["licence"] == "CC-BY"
    assert {entry["component"] for entry in found["balance"]} == {"tumour", "muscle"}


def test_a_manifest_is_not_overwritten_unasked(histo_, download):
    histo_("data", "prepare", "nct-crc", download)
    done = histo_("data", "prepare", "nct-crc", download)
    assert (done.code, done.err) == (
        1,
        "Error: manifest.csv is there already; --overwrite replaces it.\n",
    )
    assert histo_("data", "prepare", "nct-crc", download, "--overwrite").code == 0


def test_faults_are_listed_one_a_line_and_the_exit_code_is_1(histo_, tmp_path):
    manifest = tmp_path / "set.csv"
    manifest.write_text("slide,patient,stain\na.svs,p,H&E\nb.svs,p,HE\n", encoding="utf-8")
    done = histo_("data", "check", manifest)
    assert done.code == 1
    first, second = [line for line in done.err.splitlines() if line.startswith("FAULT")]
    assert first.startswith("FAULT  row 2, slide: a.svs")
    assert second.startswith("FAULT  row 3, stain: found 'HE', expected one of H&E")
    assert str(tmp_path) not in done.err


def test_a_split_is_written_and_told(histo_, tmp_path):
    lines = [f"s{i}.svs,p{i},H&E" for i in range(20)]
    manifest = tmp_path / "set.csv"
    manifest.write_text("\n".join(["slide,patient,stain", *lines]) + "\n", encoding="utf-8")
    done = histo_("data", "split", manifest, "--out", tmp_path / "split.csv", "--seed", "3")
    assert done.out == (
        "test   3 rows, 3 patients\ntrain  14 rows, 14 patients\nval    3 rows, 3 patients\n"
    )
    assert "split" not in manifest.read_text(encoding="utf-8")
    outside = histo_("data", "split", manifest, "--out", tmp_path / "deep" / "x.csv")
    assert outside.code == 1
    assert "--out stays in the manifest's folder" in outside.err


def test_samples_can_be_looked_at(histo_, download, tmp_path):
    pytest.importorskip("albumentations")
    histo_("data", "prepare", "nct-crc", download)
    manifest, out = download / "manifest.csv", tmp_path / "look.png"
    asked = ("data", "preview", manifest, "--um-per-px", "0.5", "--tile", "64", "--out", out)
    done = histo_(*asked)
    assert done.out == "look.png: 64 patches; outlines of tumour, muscle\n"
    with Image.open(out) as sheet:
        assert sheet.size == (8 * 70 - 6, 8 * 70 + 34)
    assert histo_(*asked).err == "Error: look.png is there already; --overwrite replaces it.\n"


def test_recipes_are_listed(histo_):
    out = histo_("data", "recipes").out
    assert "bcss" in out
    assert "CC BY-NC-SA 4.0" in out
    assert len(json.loads(histo_("data", "recipes", "--json").out)) == 13


def test_data_commands_take_no_torch():
    code = (
        "import sys, histo.cli.data, histo.training.manifests.check, "
        "histo.training.manifests.recipes, histo.training.manifests.split, "
        "histo.training.manifests.licences; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
