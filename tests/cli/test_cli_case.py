"""Putting the slides of one patient together from the command line."""

import json

import pytest

from histo.slides.phantom import PhantomSpec, write_phantom
from histo.vocabulary import Marker, Stain


def folder(path, stain, marker=None, **values):
    """Write the part of a result folder that a case reads."""
    path.mkdir()
    scores = [
        {
            "name": name,
            "value": value,
            "unit": "1",
            "numerator": "what",
            "denominator": "of what",
            "note": "" if value is not None else "undefined: no tumour found",
            "interval": None,
        }
        for name, value in values.items()
    ]
    slide = {"fingerprint": path.name * 3, "stain": {"name": stain}, "marker": marker}
    text = json.dumps({"slide": slide, "scores": scores})
    (path / "scores.json").write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def patient(tmp_path):
    return [
        folder(tmp_path / "Doe_a", Stain.HDAB, Marker.ASMA, asma_fraction_of_stroma=0.06),
        folder(tmp_path / "Doe_t", Stain.MASSON, collagen_fraction_of_stroma=0.3),
        folder(tmp_path / "Doe_m", Stain.HDAB, Marker.CD68, tam_density_stroma_per_mm2=None),
    ]


def test_a_case_says_what_comes_from_which_slide(histo_, patient):
    done = histo_("case", *patient, "--json")
    assert done.code == 0
    scores = {one["name"]: one for one in json.loads(done.out)["scores"]}
    assert scores["activated_stroma_index"]["value"] == pytest.approx(0.2)
    assert "unregistered sections" in scores["activated_stroma_index"]["note"]
    assert [s["stain"] for s in scores["activated_stroma_index"]["slides"]] == ["H-DAB", "Masson"]
    assert scores["tam_density_stroma_per_mm2"]["value"] is None


def test_a_case_is_written_whole(histo_, patient, tmp_path):
    assert histo_("case", *patient, "--out", tmp_path / "out", "--name", "P1").code == 0
    assert {file.name for file in (tmp_path / "out" / "P1").iterdir()} == {"case.json", "case.csv"}
    table = (tmp_path / "out" / "P1" / "case.csv").read_text(encoding="utf-8")
    assert "activated_stroma_index,0.2" in table
    assert "aSMA + Masson" in table
    again = histo_("case", *patient, "--out", tmp_path / "out", "--name", "P1")
    assert again.code == 1


def test_two_slides_of_one_stain_are_not_averaged(histo_, patient, tmp_path):
    patient.append(folder(tmp_path / "u", Stain.PSR, collagen_fraction_of_stroma=0.5))
    document = json.loads(histo_("case", *patient, "--json").out)
    values = [s["value"] for s in document["scores"] if s["name"] == "collagen_fraction_of_stroma"]
    assert values == [0.3, 0.5]
    spread = {one["name"]: one for one in document["several_slides"]}
    assert spread["collagen_fraction_of_stroma"]["high"] == 0.5


@pytest.mark.parametrize("words", [["nothing"], ["Doe_a", "Doe_a"]])
def test_a_fault_is_one_sentence(histo_, patient, tmp_path, words):
    assert patient
    done = histo_("case", *[tmp_path / word for word in words])
    assert done.code == 1
    assert "; give" in done.err
    assert "Traceback" not in done.err


def test_slides_of_one_patient_are_scored_and_put_together(infer, slide, out, tmp_path):
    other = tmp_path / "other.tif"
    write_phantom(other, PhantomSpec(seed=2, width_mm=1.0, height_mm=0.75))
    done = infer(slide, other, "--fibres", "0", "--case", "P1", "--out", out)
    assert done.code == 0, done.err
    document = json.loads((out / "P1" / "case.json").read_text(encoding="utf-8"))
    spread = {one["name"]: one for one in document["several_slides"]}
    assert spread["collagen_mm2"]["slides"] == 2
    assert "Case: " in done.out


def test_a_case_lacks_no_slide(infer, slide, out, tmp_path):
    broken = tmp_path / "broken.svs"
    broken.write_bytes(b"")
    done = infer(slide, broken, "--fibres", "0", "--case", "P1", "--out", out)
    assert done.code == 1
    assert "The case was not put together" in done.err
    assert not (out / "P1").exists()
