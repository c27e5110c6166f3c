"""scores.json and scores.csv hold what was scored, and nothing that names the slide."""

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace

import jsonschema
import pytest
import tifffile

import histo.outputs
from histo.outputs import (
    result_folder,
    scores_document,
    scores_schema,
    write_results,
    write_scores_csv,
    write_scores_json,
)
from histo.scoring import Score
from histo.scoring.specification import specification
from histo.vocabulary import RESEARCH_USE

UNDEFINED = Score("collagen_fraction_of_tissue", math.nan, "1", "n", "d", "undefined: no tissue")


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(scores_schema())


def test_scores_json_obeys_the_schema_and_says_research_use(tmp_path, results) -> None:
    write_scores_json(tmp_path / "scores.json", results)
    document = read_json(tmp_path / "scores.json")
    jsonschema.validate(document, scores_schema(), jsonschema.Draft202012Validator)
    assert document["research_use"] == RESEARCH_USE
    assert document["slide"]["um_per_px"] == {"x": 0.5, "y": 0.5, "source": "slide"}
    assert document["analysis"]["um_per_px"] == {"x": 2.0, "y": 2.0}
    values = {score["name"]: score["value"] for score in document["scores"]}
    assert values == {score.name: score.value for score in results.scores}


def test_an_undefined_score_is_null_with_a_reason(tmp_path, results) -> None:
    write_scores_json(tmp_path / "s.json", replace(results, scores=[UNDEFINED]))
    document = read_json(tmp_path / "s.json")
    assert document["scores"][0]["value"] is None
    assert document["scores"][0]["note"] == "undefined: no tissue"
    jsonschema.validate(document, scores_schema())


def test_an_interval_stands_beside_its_score(tmp_path, results) -> None:
    score = Score("collagen_fraction_of_tissue", 0.4, "1", "n", "d", low=0.3, high=0.5)
    given = replace(results, scores=[score, UNDEFINED])
    document = scores_document(given)
    jsonschema.validate(document, scores_schema())
    assert [one["interval"] for one in document["scores"]] == [{"low": 0.3, "high": 0.5}, None]
    assert document["specification_version"] == specification().version
    write_scores_csv(tmp_path / "s.csv", given)
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as stream:
        first, second, *_ = csv.DictReader(stream)
    assert (first["low"], first["high"], second["low"]) == ("0.3", "0.5", "")
    assert first["specification_version"] == specification().version


def test_a_null_without_a_reason_breaks_the_schema(results) -> None:
    document = scores_document(replace(results, scores=[UNDEFINED]))
    document["scores"][0]["note"] = ""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, scores_schema())


def test_a_slide_without_components_lists_all_as_not_measured(make) -> None:
    document = scores_document(make(components=False))
    jsonschema.validate(document, scores_schema())
    assert len(document["not_measured"]) == 6
    assert document["analysis"]["um_per_px"] == {"x": 8.0, "y": 8.0}


def test_scores_csv_gives_every_number_back_exactly(tmp_path, results) -> None:
    write_scores_csv(tmp_path / "s.csv", replace(results, scores=[*results.scores, UNDEFINED]))
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        *("slide", "name", "status", "value", "unit", "numerator", "denominator", "note"),
        *("low", "high", "specification_version", "histo_version", "bundles"),
    ]
    measured = {row["name"]: float(row["value"]) for row in rows if row["status"] == "measured"}
    assert measured == {score.name: score.value for score in results.scores}
    (undefined,) = [row for row in rows if row["status"] == "undefined"]
    assert (undefined["value"], undefined["note"]) == ("", "undefined: no tissue")
    missing = [row for row in rows if row["status"] == "not measured"]
    assert [row["name"] for row in missing] == [entry.component for entry in results.not_measured]
    assert all(row["value"] == "" and row["note"].startswith("needs ") for row in missing)
    assert {row["slide"] for row in rows} == {results.slide.fingerprint}
    assert {row["bundles"] for row in rows} == {"he-collagen 0.1.0"}


def test_a_result_has_all_its_files_and_none_names_the_slide(tmp_path, results) -> None:
    secret = "Miller-1953-biopsy"
    with result_folder(tmp_path / secret, secret) as folder:
        written = write_results(folder, results)
    files = sorted((tmp_path / secret / secret).iterdir())
    assert [file.name for file in files] == sorted(file.name for file in written)
    assert [file.name for file in files] == [
        *("components.ome.tif", "overview.png", "regions.geojson"),
        *("run.json", "scores.csv", "scores.json"),
    ]
    for file in files:
        content = file.read_bytes().lower()
        for part in (secret.lower(), "miller", str(tmp_path).lower(), ".partial"):
            assert part.encode() not in content, file.name
    with tifffile.TiffFile(tmp_path / secret / secret / "components.ome.tif") as tiff:
        tags = " ".join(str(tag.value) for page in tiff.pages for tag in page.tags)
    assert "miller" not in tags.lower()


def test_without_map_and_record_their_files_are_absent(tmp_path, make) -> None:
    written = write_results(tmp_path, replace(make(components=False), run=None))
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f.name for f in written)
    assert "components.ome.tif" not in {file.name for file in written}


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = "{'shapely', 'PIL', 'tifffile', 'scipy', 'torch'}"
    code = f"import sys, histo.outputs; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_room_exports_what_it_says() -> None:
    for name in histo.outputs.__all__:
        assert hasattr(histo.outputs, name)
    with pytest.raises(AttributeError):
        _ = histo.outputs.nothing
