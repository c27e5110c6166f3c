"""A bundle against the annotations of a manifest: figures by hand, files, and one sentence."""

from pathlib import Path

import numpy as np
import pytest
from cli_fakes import left_in, write_bundle
from PIL import Image

from histo.config import InferenceSettings
from histo.nn import load_bundle
from histo.pipeline.evaluation import evaluate_bundle
from histo.pipeline.judging import Judge
from histo.pipeline.naming import Naming
from histo.training.manifests.manifest import ManifestRow
from histo.vocabulary import Component

FILES = {"cases.png", "evaluation.json", "evaluation.md", "reliability.png"}
HEAD = "slide,annotation,patient,site,stain,marker,organ,mpp,split,class_map"
MAP = "classes: {Region: collagen}\noutside: background\n"
WHO = "Smith_1954"
SIDE = 240


def write_slide(path: Path, green_until: int) -> None:
    """A picture that the formula calls collagen to the left of a column."""
    pixels = np.full((SIDE, SIDE, 3), 210, np.uint8)
    pixels[:, :green_until, 1] = 90
    Image.fromarray(pixels).save(path)


@pytest.fixture
def study(tmp_path: Path):
    """Write a manifest: each row is (found until, drawn until, split, more columns)."""

    def make(*rows: tuple[int, int, str], **changed: str) -> Path:
        (tmp_path / "map.yaml").write_text(MAP, encoding="utf-8")
        lines = [HEAD]
        for number, (found, drawn, split) in enumerate(rows):
            name = f"{WHO}_{number}"
            write_slide(tmp_path / f"{name}.png", found)
            box = f"class,xmin,ymin,xmax,ymax\nRegion,0,0,{drawn},{SIDE}\n"
            (tmp_path / f"{name}.csv").write_text(box, encoding="utf-8")
            cells = {
                "slide": f"{name}.png",
                "annotation": f"{name}.csv",
                "patient": f"{WHO}_{number % 4}",
                "site": f"site{number % 2}",
                "stain": "H&E",
                "marker": "",
                "organ": "breast",
                "mpp": "1.0",
                "split": split,
                "class_map": "map.yaml",
                **changed,
            }
            lines.append(",".join(cells[column] for column in HEAD.split(",")))
        path = tmp_path / "study.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return make


@pytest.fixture
def evaluate(histo_, bundle):
    """Type ``histo evaluate`` with the bundle of one formula."""

    def type_in(*words: str | Path):
        return histo_("evaluate", bundle, *words)

    return type_in


def test_figures_are_those_worked_out_by_hand(evaluate, study):
    # Row 2: found 120 of 160 drawn columns. Row 3: just right. Dice 2 x 240 / (240 + 280).
    done = evaluate(study((120, 160, "test"), (120, 120, "test"), (240, 0, "train")), "--json")
    assert done.code == 0, done.err
    found = done.json["components"]["collagen"]
    figures = {name: one["value"] for name, one in found["groups"][0]["figures"].items()}
    assert figures["Dice"] == pytest.approx(2 * 240 / (240 + 280), abs=1e-3)
    assert figures["IoU"] == pytest.approx(240 / 280, abs=1e-3)
    sensitivity, specificity = 240 / 280, 1.0
    assert figures["balanced accuracy"] == pytest.approx((sensitivity + specificity) / 2, abs=1e-3)
    assert figures["AUROC"] == pytest.approx((240 / 280) + (40 / 280) / 2, abs=1e-2)
    assert found["groups"][0]["known_mm2"] == pytest.approx(2 * 0.24 * 0.24)
    assert [row["name"] for row in done.json["rows"]] == ["row 2", "row 3"]
    assert done.json["rows"][0]["components"]["collagen"]["labelled_share"] == pytest.approx(2 / 3)


def test_the_page_and_its_pictures_are_written_and_name_nobody(evaluate, study, out):
    rows = [(120, 100 + 10 * number, "test") for number in range(4)]
    done = evaluate(study(*rows), "--out", out)
    assert done.code == 0, done.err
    folder = out / "evaluation"
    assert {path.name for path in folder.iterdir()} == FILES
    page = (folder / "evaluation.md").read_text(encoding="utf-8")
    for words in ("# formula 1", "| Dice |", "![Cases](cases.png)", "by site", "ICC", "4 patients"):
        assert words in page
    assert str(folder / "evaluation.md") in done.out
    for file in FILES:
        assert WHO.encode() not in (folder / file).read_bytes()  # a patient, or a file
    assert "patient 1" in (folder / "evaluation.json").read_text(encoding="utf-8")
    with Image.open(folder / "cases.png") as cases, Image.open(folder / "reliability.png") as curve:
        assert cases.width > 1000 < cases.height
        assert not cases.info
        assert curve.width > 400


def test_a_result_is_complete_or_absent(evaluate, study, out, monkeypatch):
    path = study((120, 100, "test"))
    assert evaluate(path, "--out", out).code == 0
    again = evaluate(path, "--out", out)
    assert again.code == 1
    assert again.says("exists", "--overwrite")
    monkeypatch.setattr("histo.outputs.evaluation_files.write_cases", _full_disk)
    assert evaluate(path, "--out", out, "--overwrite").code == 1
    assert left_in(out) == {"evaluation"}
    assert {file.name for file in (out / "evaluation").iterdir()} == FILES


def _full_disk(*_given: object) -> None:
    raise OSError(28, "No space left on device")


def test_thresholds_come_from_other_rows_than_those_judged(evaluate, study):
    path = study((120, 120, "val"), (120, 120, "test"))
    done = evaluate(path, "--threshold-from", "val", "--json")
    assert done.code == 0, done.err
    assert done.json["thresholds_from"] == "split val"
    assert done.json["components"]["collagen"]["temperature"] > 0
    for split in ("val", "all"):
        refused = evaluate(path, "--threshold-from", "val", "--split", split)
        assert refused.code == 1
        assert refused.says("flatter", "different splits")


def test_rows_that_taught_the_network_are_warned_of(evaluate, study):
    done = evaluate(study((120, 120, "train")), "--split", "all")
    assert done.code == 0, done.err
    assert "taught the network" in done.out
    assert "No intervals: they need 3 patients, and there are 1." in done.out


def test_rows_that_do_not_fit_are_left_out_in_a_sentence(evaluate, study):
    path = study((120, 120, "test"), (120, 120, "test"), (120, 120, "test"))
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace("H&E", "PSR")
    lines[3] = lines[3].replace(f"{WHO}_2.csv", "")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = evaluate(path, "--json")
    assert done.code == 0, done.err
    assert [row["name"] for row in done.json["rows"]] == ["row 2"]
    assert done.json["warnings"] == [
        "1 test row left out: the stain is PSR, and formula learnt H&E.",
        "1 test row left out: nothing is annotated.",
    ]


def test_where_no_row_fits_one_sentence_says_why(evaluate, study):
    done = evaluate(study((120, 120, "test"), stain="PSR"))
    assert done.code == 1
    assert done.says("no test row can be compared", "formula learnt H&E")
    done = evaluate(study((120, 120, "")))
    assert done.code == 1
    assert done.says("study.csv has no row of split test", "--split all")


def test_annotations_of_other_components_know_nothing(evaluate, study, tmp_path):
    path = study((120, 120, "test"))
    (tmp_path / "map.yaml").write_text("classes: {Region: tumour}\n", encoding="utf-8")
    done = evaluate(path)
    assert done.code == 1
    assert done.says("Row 2 left out: its annotation knows nothing of collagen")


def test_cases_rank_rows_it_is_on_and_show_where_it_is_wrongly_found(bundle, study):
    path = study(*((120, drawn, "test") for drawn in (120, 60, 90, 20)), (50, 0, "test"))
    (path.parent / f"{WHO}_4.csv").write_text(f"class,x,y\nNothing,{SIDE},{SIDE}\n")
    (path.parent / "map.yaml").write_text(
        MAP.replace("collagen}", "collagen, Nothing: background}"), encoding="utf-8"
    )
    cases = evaluate_bundle(bundle, path).cases
    assert [(case.rank, case.name, case.quality) for case in cases] == [
        ("best", "row 2", "Dice 1.00"),
        ("median", "row 3", "Dice 0.67"),
        ("worst", "row 5", "Dice 0.29"),
        ("where there is none", "row 6", "found on 20.8% of the area"),
    ]


def test_a_row_with_a_fault_is_named(evaluate, study, tmp_path):
    path = study((120, 120, "test"), (120, 120, "test"))
    (tmp_path / f"{WHO}_1.csv").write_text("x,y\nhere,there\n")
    done = evaluate(path)
    assert done.code == 1
    assert done.says("row 3: ")


def test_only_what_is_known_is_looked_at(evaluate, study, tmp_path):
    path = study((120, 60, "test"))
    (tmp_path / "map.yaml").write_text("classes: {Region: collagen}\n", encoding="utf-8")
    done = evaluate(path, "--json")
    assert done.code == 0, done.err
    row = done.json["rows"][0]["components"]["collagen"]
    assert row["known_mm2"] == pytest.approx(0.06 * 0.24)
    assert row["Dice"] == 1
    assert row["AUROC"] is None


def test_images_may_lie_elsewhere_than_the_manifest(evaluate, study, tmp_path):
    path = study((120, 120, "test"))
    lists = tmp_path / "lists"
    lists.mkdir()
    moved = path.rename(lists / path.name)
    (tmp_path / "map.yaml").rename(lists / "map.yaml")
    assert evaluate(moved).code == 1
    done = evaluate(moved, "--data", tmp_path)
    assert done.code == 0, done.err


def test_annotated_cells_are_matched_with_those_found(histo_, tmp_path):
    """Of three dark dots two are annotated, and one annotated cell is not there."""
    bundle = write_bundle(
        tmp_path / "cells", components=["cell"], thresholds={"cell": 0.3}, canvas_um_per_px=1.0
    )
    pixels = np.full((SIDE, SIDE, 3), 220, np.uint8)
    for row, col in ((50, 50), (100, 180), (200, 40)):
        pixels[row - 3 : row + 4, col - 3 : col + 4] = 40
    Image.fromarray(pixels).save(tmp_path / "dots.png")
    points = "x,y,class\n50.5,50.5,Cell\n182.5,102.5,Cell\n120,120,Cell\n"
    (tmp_path / "dots.csv").write_text(points, encoding="utf-8")
    (tmp_path / "map.yaml").write_text("classes: {Cell: cell}\noutside: background\n")
    line = "dots.png,dots.csv,p,,H&E,,,1.0,test,map.yaml"
    (tmp_path / "study.csv").write_text(f"{HEAD}\n{line}\n", encoding="utf-8")
    done = histo_("evaluate", bundle, tmp_path / "study.csv", "--json")
    assert done.code == 0, done.err
    figures = done.json["components"]["cell"]["groups"][0]["figures"]
    assert figures["cell F1 within 7.5 µm"]["value"] == pytest.approx(2 * 2 / 6)


def test_the_map_is_the_one_infer_writes(infer, bundle, slide, tmp_path, out):
    import tifffile

    (tmp_path / "map.yaml").write_text("classes: {all: collagen}\n", encoding="utf-8")
    row = ManifestRow(
        slide=str(slide), annotation="class:all", patient="p", stain="H&E", class_map="map.yaml"
    )
    judge = Judge(load_bundle(bundle), tmp_path, InferenceSettings(), tmp_path, lambda *_: None)
    judged, _ = judge.judge(row, 2)
    assert infer(slide, "--out", out, "--fibres", 0).code == 0
    written = tifffile.imread(out / slide.stem / "components.ome.tif").reshape(375, 500)
    looked_at = written > 0  # infer passes glass over
    assert looked_at.mean() > 0.3
    assert (judged.probability[0] == written)[looked_at].all()


def test_no_torch_is_needed(finish, bundle, study):
    done = finish(
        *("evaluate", str(bundle), str(study((120, 120, "test")))),
        before="import sys; sys.modules['torch'] = None",
    )
    assert done.code == 0, done.err
    assert "Dice" in done.out


def test_a_bundle_that_is_not_there_is_said_so(histo_, study):
    done = histo_("evaluate", "no-such-bundle", study((120, 120, "test")))
    assert done.code == 1
    assert done.says("no bundle 'no-such-bundle'", "he-collagen")


@pytest.mark.shared_data
def test_cells_outlined_in_imagescope_are_counted_on_a_real_slide(histo_, shared_data, tmp_path):
    cut = {"macrophage": 0.5}
    bundle = write_bundle(tmp_path / "formula", components=["macrophage"], thresholds=cut)
    line = "monusac_A9K0_1.svs,monusac_A9K0_1.xml,p,,H&E,,,,test,monusac"
    (tmp_path / "study.csv").write_text(f"{HEAD}\n{line}\n", encoding="utf-8")
    done = histo_(
        *("evaluate", bundle, tmp_path / "study.csv", "--data", shared_data / "slides", "--json")
    )
    assert done.code == 0, done.err
    (row,) = done.json["rows"]
    assert 0 <= row["components"]["macrophage"]["cell F1 within 10 µm"] < 1


def test_labels_may_be_called_what_the_panel_calls_an_output(histo_, study, tmp_path, monkeypatch):
    """What is positive on an immunostain of CD68 is macrophage."""
    brown = Naming({Component.POSITIVE: Component.MACROPHAGE})
    monkeypatch.setattr("histo.pipeline.judging.naming_for", lambda *_: brown)
    bundle = write_bundle(
        tmp_path / "brown",
        stains=["H-DAB"],
        components=["positive"],
        thresholds={"positive": 0.5},
    )
    path = study((120, 120, "test"), stain="H-DAB", marker="CD68")
    (tmp_path / "map.yaml").write_text(MAP.replace("collagen", "macrophage"), encoding="utf-8")
    done = histo_("evaluate", bundle, path, "--json")
    assert done.code == 0, done.err
    (component,) = done.json["components"]
    assert component == "macrophage"
    assert done.json["rows"][0]["components"]["macrophage"]["Dice"] == 1
