"""What a slide is, and what would be refused."""

import pytest
from cli_fakes import write_png


def test_a_slide_is_described(histo_, slide, drawn, monkeypatch):
    done = histo_("info", slide, "--json")
    assert done.code == 0, done.err
    facts = done.json
    assert facts["file"] == slide.name
    assert facts["size_px"] == [2000, 1500]
    assert facts["size_mm"] == pytest.approx([1.0, 0.75], rel=1e-4)
    assert facts["um_per_px"] == pytest.approx({"x": 0.5, "y": 0.5}, rel=1e-4)
    assert facts["levels"][0] == {"size_px": [2000, 1500], "downsample": 1.0}
    assert [level["downsample"] for level in facts["levels"]] == [1.0, 4.0]
    assert facts["stain"] == "H&E"
    assert facts["stain_confidence"] > 0.8
    assert facts["tissue_mm2"] == pytest.approx(drawn[1].tissue_mm2, rel=0.02)
    assert facts["refused"] == []


def test_a_person_reads_lines(histo_, slide):
    done = histo_("info", slide)
    assert done.code == 0
    for words in ("2000 x 1500 px, 1.00 x 0.75 mm", "0.5 x 0.5 µm/px (from ", "stain", "H&E"):
        assert words in done.out
    assert done.out.splitlines()[-1].split() == ["refused", "no"]


def test_without_spacing_the_refusal_says_how_to_go_on(histo_, tmp_path):
    picture = write_png(tmp_path / "picture.png", (220, 150, 190))
    done = histo_("info", picture, "--json")
    assert done.code == 0
    assert done.json["um_per_px"] is None
    (refused,) = done.json["refused"]
    assert "has no µm/px. Pass --mpp" in refused
    assert "spacing          not known" in histo_("info", picture).out


def test_the_users_spacing_is_taken(histo_, tmp_path):
    picture = write_png(tmp_path / "white.png", 245)
    facts = histo_("info", picture, "--mpp", "0.5", "--json").json
    assert facts["um_per_px"] == {"x": 0.5, "y": 0.5}
    assert facts["um_per_px_source"] == "user"
    assert len(facts["refused"]) == 1
    assert "no tissue" in facts["refused"][0]
    assert histo_("info", picture, "--mpp", "5").code == 2


def test_a_file_that_is_no_slide_fails(histo_, tmp_path):
    (tmp_path / "notes.svs").write_text("no slide at all", encoding="utf-8")
    for words in ([], ["--json"]):
        done = histo_("info", tmp_path / "notes.svs", *words)
        assert done.code == 1
        assert done.says("notes.svs is no slide")
        assert not done.out
