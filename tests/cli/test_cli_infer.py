"""Scoring slides from the command line."""

import csv
import json
import shutil

import jsonschema
import pytest
from cli_fakes import complete, left_in, write_bundle, write_png, write_roi

from histo.outputs import scores_schema


def scores(folder):
    document = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return {score["name"]: score["value"] for score in document["scores"]}


def record(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def scored(bundle, slide, tmp_path_factory):
    """Results of the phantom slide; not to be altered."""
    from typer.testing import CliRunner

    from histo.cli.app import app

    out = tmp_path_factory.mktemp("scored")
    words = ["infer", slide, "--out", out, "--bundle", bundle, "--fibres", "1"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return out / slide.stem, done


def test_a_slide_gets_a_complete_folder(scored):
    folder, done = scored
    assert complete(folder)
    assert done.stderr == ""


def test_a_person_is_told_scores_warnings_and_where_to_look(scored):
    folder, done = scored
    for words in (
        "collagen_fraction_of_tissue",
        "Not measured: tumour",
        "Warning: only 0.",
        f"Results: {folder}",
        "Research use only. Not for diagnostic procedures.",
    ):
        assert words in done.stdout


def test_scores_are_valid_and_true(scored, drawn):
    folder, _ = scored
    document = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, scores_schema())
    assert scores(folder)["tissue_mm2"] == pytest.approx(drawn[1].tissue_mm2, rel=0.02)
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["name"] for row in csv.DictReader(stream)} >= set(scores(folder))


def test_the_run_is_on_record(scored):
    run = record(scored[0])
    assert {"tissue", "load network", "segment", "scores"} <= set(run["timings_s"])
    assert run["bundles"][0]["name"] == "formula"
    assert len(run["bundles"][0]["sha256"]) == len(run["slide"]["fingerprint"]) == 64
    assert run["settings"]["formula"]["canvas_um_per_px"] == [2.0, 2.0]
    assert run["settings"]["device"] == "auto"


def test_one_slide_fails_and_the_others_are_scored(infer, slide, out, tmp_path):
    (tmp_path / "empty.svs").touch()
    done = infer(tmp_path / "empty.svs", slide, tmp_path / "none.svs", "--out", out)
    assert done.code == 1
    assert done.err.splitlines() == [
        "Error: empty.svs is empty (0 bytes).",
        "Error: none.svs does not exist.",
    ]
    assert "1 of 3 slides scored." in done.out
    assert left_in(out) == {slide.stem}
    assert complete(out / slide.stem)


def test_slides_of_one_name_get_a_folder_each(infer, slide, out, tmp_path):
    names = ("a/s.tif", "b/S.tif", "s-2.tif")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(slide, tmp_path / name)
    done = infer(*(tmp_path / name for name in names), "--out", out)
    assert done.code == 0, done.err
    assert left_in(out) == {"s", "S-2", "s-2-2"}
    assert "3 of 3 slides scored." in done.out


def test_existing_results_stay_unless_told(infer, slide, out):
    old = out / slide.stem
    old.mkdir(parents=True)
    (old / "scores.json").write_text("old", encoding="utf-8")
    done = infer(slide, "--out", out)
    assert done.code == 1
    assert done.says(slide.stem, "exists", "--overwrite")
    assert (old / "scores.json").read_text(encoding="utf-8") == "old"

    done = infer(slide, "--out", out, "--overwrite")
    assert done.code == 0, done.err
    assert complete(old)
    assert scores(old)


def test_a_failed_overwrite_keeps_the_old_results(infer, out, tmp_path):
    white = write_png(tmp_path / "white.png", 250)
    old = out / "white"
    old.mkdir(parents=True)
    (old / "scores.json").write_text("old", encoding="utf-8")
    assert infer(white, "--mpp", "0.5", "--out", out, "--overwrite").code == 1
    assert left_in(out) == {"white"}
    assert (old / "scores.json").read_text(encoding="utf-8") == "old"


def test_json_is_all_there_is_on_standard_output(infer, slide, out, tmp_path):
    done = infer(slide, tmp_path / "none.svs", "--out", out, "--json")
    assert done.code == 1
    fine, failed = done.json
    assert fine["slide"] == slide.stem
    assert fine["scores"] == pytest.approx(scores(out / slide.stem), nan_ok=True)
    assert fine["warnings"]
    assert failed == {"slide": "none", "error": "none.svs does not exist."}
    assert done.err == ""


def test_only_tissue_inside_the_regions_is_scored(infer, slide, scored, out, tmp_path):
    roi = write_roi(tmp_path / "roi.geojson", 600, 500, 1400, 1000)
    assert infer(slide, "--roi", roi, "--out", out).code == 0
    inside, whole = scores(out / slide.stem), scores(scored[0])
    assert inside["tissue_mm2"] == pytest.approx(0.4 * 0.25, rel=0.02)
    assert inside["tissue_mm2"] < whole["tissue_mm2"]
    assert 0 < inside["collagen_mm2"] < whole["collagen_mm2"]
    assert record(out / slide.stem)["settings"]["roi"] is True


@pytest.mark.parametrize(
    ("corners", "told"),
    [((5000, 5000, 6000, 6000), "outside the slide"), ((0, 0, 20, 20), "no tissue")],
)
def test_regions_without_tissue_are_refused(infer, slide, out, tmp_path, corners, told):
    done = infer(slide, "--roi", write_roi(tmp_path / "roi.geojson", *corners), "--out", out)
    assert done.code == 1
    assert done.says("roi.geojson", told)
    assert not left_in(out)


def test_a_region_file_that_is_none_is_refused(infer, slide, out, tmp_path):
    roi = tmp_path / "roi.geojson"
    roi.write_text("{", encoding="utf-8")
    done = infer(slide, "--roi", roi, "--out", out)
    assert done.code == 1
    assert done.says("roi.geojson", "JSON")


def test_a_stain_that_clashes_is_refused_unless_forced(infer, slide, out):
    done = infer(slide, "--stain", "Masson", "--out", out)
    assert done.code == 1
    assert done.says("looks like H&E", "--stain says Masson", "--force")
    assert not left_in(out)

    done = infer(slide, "--stain", "masson", "--force", "--out", out)
    assert done.code == 0, done.err
    run = record(out / slide.stem)
    assert run["settings"]["force"] is True
    assert run["settings"]["stain"] == "Masson"
    forced = [warning for warning in run["warnings"] if warning.startswith("Forced: ")]
    assert len(forced) == 2  # the word against the pixels, and the bundle against the word
    assert "Warning: Forced: the slide looks like H&E" in done.out


def test_a_bundle_of_another_stain_is_refused_unless_forced(histo_, slide, out, tmp_path):
    pytest.importorskip("onnx")
    red = write_bundle(tmp_path / "red", name="red", stains=["PSR", "Masson"])
    done = histo_("infer", slide, "--bundle", red, "--out", out)
    assert done.code == 1
    assert done.says("red learnt PSR and Masson", "H&E", "--force")
    assert histo_("infer", slide, "--bundle", red, "--force", "--out", out).code == 0


def test_brown_of_an_unknown_marker_is_refused_with_what_to_say(histo_, slide, out):
    done = histo_("infer", slide, "--stain", "H-DAB", "--force", "--out", out)
    assert done.code == 1
    assert done.says("H-DAB", "what its brown stands for", "--marker (CD68, CD163, CD204, aSMA)")


def test_a_stain_no_bundle_of_the_panel_learnt_is_refused(histo_, slide, out, tmp_path):
    panel = tmp_path / "mine.yaml"
    panel.write_text("{name: mine, entries: [{stain: PSR, bundles: [x]}]}", encoding="utf-8")
    done = histo_("infer", slide, "--panel", panel, "--out", out)
    assert done.code == 1
    assert done.says("panel 'mine'", "answers for H&E", "it has: PSR", "--bundle")


def test_a_marker_is_for_immunostains(infer, slide, out):
    done = infer(slide, "--marker", "CD68", "--out", out)
    assert done.code == 1
    assert done.says("--marker CD68 is for H-DAB slides", "H&E", "leave --marker out")


def test_a_panel_file_is_taken_and_only_its_name_recorded(histo_, bundle, slide, out, tmp_path):
    panel = tmp_path / "mine.yaml"
    entry = f"{{stain: 'H&E', bundles: ['{bundle.as_posix()}']}}"
    panel.write_text(f"name: mine\nentries: [{entry}]\n", encoding="utf-8")
    assert histo_("infer", slide, "--panel", panel, "--out", out).code == 0
    text = (out / slide.stem / "run.json").read_text(encoding="utf-8")
    assert json.loads(text)["settings"]["panel"] == "mine"
    assert str(tmp_path) not in text


def test_a_panel_that_is_none_is_refused(histo_, slide, out):
    done = histo_("infer", slide, "--panel", "he-collagen", "--out", out)
    assert done.code == 1
    assert done.says("he-collagen.yaml", "entries: is missing")


def test_the_users_spacing_counts_and_is_recorded(infer, slide, scored, out):
    done = infer(slide, "--mpp", "0.25", "--out", out)
    assert done.code == 0, done.err
    assert scores(out / slide.stem)["tissue_mm2"] == pytest.approx(
        scores(scored[0])["tissue_mm2"] / 4, rel=0.05
    )
    run = record(out / slide.stem)
    assert run["settings"]["mpp"] == 0.25
    assert run["slide"]["um_per_px"] == [0.25, 0.25]
    assert run["slide"]["um_per_px_source"] == "user"
    assert any("--mpp 0.25 replaces" in warning for warning in run["warnings"])


@pytest.mark.parametrize("words", [("--tile", "128"), ("--batch", "1", "--threads", "1")])
def test_scores_do_not_hang_on_how_the_work_is_cut(infer, slide, scored, out, words):
    assert infer(slide, *words, "--precision", "f32", "--out", out).code == 0
    whole, cut = scores(scored[0]), scores(out / slide.stem)
    undefined = {name for name, value in whole.items() if value is None}
    assert undefined == {name for name, value in cut.items() if value is None}
    for name in set(whole) - undefined:
        assert cut[name] == pytest.approx(whole[name], rel=2e-3, abs=1e-9), name


def test_a_tile_smaller_than_its_context_is_refused(histo_, slide, out, tmp_path):
    pytest.importorskip("onnx")
    wide = write_bundle(tmp_path / "wide", context_px=64)
    done = histo_("infer", slide, "--bundle", wide, "--tile", "128", "--out", out)
    assert done.code == 1
    assert done.says("tiles of 128 px", "expected at least")


def test_two_bundles_share_a_canvas(histo_, bundle, slide, out, tmp_path):
    other = write_bundle(
        tmp_path / "other",
        name="other",
        components=["tumour"],
        thresholds={"tumour": 0.5},
        um_per_px=2.0,
    )
    done = histo_("infer", slide, "--bundle", bundle, "--bundle", other, "--out", out)
    assert done.code == 0, done.err
    found = scores(out / slide.stem)
    assert found["collagen_mm2"] > 0
    assert found["tumour_mm2"] == pytest.approx(found["collagen_mm2"], rel=0.2)
    assert len(record(out / slide.stem)["bundles"]) == 2


def test_bundles_that_do_not_go_together_are_refused_before_any_runs(
    histo_, bundle, slide, out, tmp_path, monkeypatch
):
    monkeypatch.setattr("histo.pipeline.segmentation.segment", None)
    done = histo_("infer", slide, "--bundle", bundle, "--bundle", bundle, "--out", out)
    assert done.code == 1
    assert done.says("two bundles give collagen")
    other = write_bundle(
        tmp_path / "other", components=["tumour"], thresholds={"tumour": 0.5}, canvas_um_per_px=4.0
    )
    done = histo_("infer", slide, "--bundle", bundle, "--bundle", other, "--out", out)
    assert done.code == 1
    assert done.says("canvases of different µm/px")


def test_torch_is_asked_for_by_name(infer, slide, out, monkeypatch):
    monkeypatch.setattr("histo.nn.backends.find_spec", lambda _: None)
    done = infer(slide, "--device", "cuda", "--out", out)
    assert done.code == 1
    assert done.says("--device cuda needs torch", "pip install 'histo-stroma[gpu]'")
    assert not left_in(out)


def test_an_asma_immunostain_gets_its_h_score(histo_, slide, out, tmp_path):
    pytest.importorskip("onnx")
    bundles = []
    for name in ("myofibroblast", "tumour"):
        changes = {"name": name, "components": [name], "thresholds": {name: 0.5}}
        changes |= {"stains": ["H-DAB"], "um_per_px": 2.0, "context_px": 8}
        bundles += ["--bundle", write_bundle(tmp_path / name, **changes)]
    words = ("--stain", "H-DAB", "--force", "--marker", "aSMA", *bundles)
    done = histo_("infer", slide, *words, "--out", out)
    assert done.code == 0, done.err
    found = scores(out / slide.stem)
    assert "asma_h_score" in found
    assert found["asma_h_score"] is None or 0 <= found["asma_h_score"] <= 300
    assert "asma_fraction_of_stroma" in found
