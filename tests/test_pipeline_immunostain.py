"""A panel says what brown stands for: outputs get its names, cells are counted by their centres."""

import json
from dataclasses import replace
from pathlib import Path
from threading import current_thread, main_thread

import numpy as np
import pytest
import tifffile

from histo.config import PanelEntry
from histo.errors import ConfigError, StainError
from histo.nn import Bundle, Card
from histo.pipeline import ScoreOptions, answering, choose_bundles, networks, recipe
from histo.pipeline.naming import Naming
from histo.pipeline.recipe import score_slide
from histo.stains import StainGuess
from histo.vocabulary import Component, Marker, Stain

BROWN, BLUE, GROUND, GLASS = (120, 70, 40), (60, 50, 120), (215, 210, 225), (244, 244, 244)
RADIUS_UM, SIDE_UM, MARGIN_UM = 7.0, 700, 60
SEEN = StainGuess(Stain.HDAB, 0.95, {Stain.HDAB: 0.95})

PANEL = """
name: brown
entries:
  - {stain: H-DAB, marker: CD68, bundles: [brown], rename: {positive: macrophage, muscle: null}}
  - {stain: H-DAB, marker: aSMA, bundles: [brown], rename: {positive: myofibroblast, cell: null}}
"""


def card(name="brown", components=("positive", "cell", "muscle"), **changes):
    """A bundle that is a card only, of three outputs with thresholds of their own."""
    values = {
        "name": name,
        "version": "1",
        "summary": "s",
        "licence": "CC0-1.0",
        "stains": ["H-DAB"],
        "markers": ["CD68", "aSMA"],
        "components": list(components),
        "thresholds": dict(zip(components, (0.4, 0.5, 0.6), strict=False)),
        "um_per_px": 1.0,
        "canvas_um_per_px": 1.0,
        "tile_px": 128,
        "context_px": 8,
        "network": {"arguments": {"encoder_depth": 3}},
        "data": [{"name": "none", "source": "none", "licence": "CC0-1.0", "samples": 0}],
        "intended_use": "tests",
        "failure_modes": ["all"],
        "sha256": {"weights.safetensors": "0" * 64},
    }
    return Bundle(Path(name), Card.model_validate({**values, **changes}))


class Paint:
    """A network that knows the paints: all paint is positive, blue is a centre, no muscle."""

    name, stride, reduction, lanes = "paint", 8, 1, 1
    outputs = ("positive", "cell", "muscle")

    def prepare(self, height, width):
        pass

    def release_memory(self):
        pass

    def __call__(self, tiles):
        values = tiles.astype(int)
        centre = np.abs(values - BLUE).sum(axis=-1) < 60
        brown = np.abs(values - BROWN).sum(axis=-1) < 60
        planes = [brown | centre, centre, np.zeros_like(centre)]
        return np.stack(planes, axis=1).astype(np.float32)


@pytest.fixture(autouse=True)
def bundles(monkeypatch):
    """The bundles that can be named, by name."""
    known = {"brown": card()}
    monkeypatch.setattr(answering, "load_bundle", known.__getitem__)
    monkeypatch.setattr(networks, "load_predictor", lambda *_, **__: Paint())
    plain = recipe.survey_slide
    monkeypatch.setattr(recipe, "survey_slide", lambda *a: replace(plain(*a), stain=SEEN))
    return known


@pytest.fixture
def panel(tmp_path):
    path = tmp_path / "brown.yaml"
    path.write_text(PANEL, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A slide of tissue with brown discs that touch in pairs, and their centres in µm."""
    draw = np.random.default_rng(3)
    rgb = np.full((SIDE_UM, SIDE_UM, 3), GLASS, np.uint8)
    inner = slice(MARGIN_UM, SIDE_UM - MARGIN_UM)
    side = SIDE_UM - 2 * MARGIN_UM
    noise = draw.integers(-12, 13, (side, side, 1))
    rgb[inner, inner] = (np.array(GROUND) + noise).clip(0, 255)
    lattice = np.arange(MARGIN_UM + 40, SIDE_UM - MARGIN_UM - 40, 60)
    first = np.stack(np.meshgrid(lattice, lattice, indexing="ij"), axis=-1).reshape(-1, 2)
    centres = np.concatenate([first, first + np.array([0, 12])]).astype(float)
    rows, cols = np.mgrid[:SIDE_UM, :SIDE_UM]
    for reach, colour in ((RADIUS_UM, BROWN), (2.0, BLUE)):
        for row, col in centres:
            rgb[np.hypot(rows - row, cols - col) <= reach] = colour
    path = tmp_path_factory.mktemp("slides") / "P1_CD68.tif"
    tifffile.imwrite(
        path, rgb, photometric="rgb", resolution=(1e4, 1e4), resolutionunit="CENTIMETER"
    )
    return path, centres


def test_touching_macrophages_are_counted_by_their_centres(painted, panel, tmp_path):
    path, centres = painted
    scored = score_slide(path, tmp_path / "out", ScoreOptions(panel=panel))
    values = {score.name: score.value for score in scored.scores}
    assert values["tam_count_tissue"] == len(centres)
    area_mm2 = values["macrophage_mm2"]
    assert values["tam_profile_size_tissue_um2"] == pytest.approx(area_mm2 * 1e6 / len(centres))
    assert not {name for name in values if name.startswith(("cell_", "positive_", "muscle_"))}
    missing = {entry.component for entry in scored.not_measured}
    assert missing == set(Component) - {
        Component.MACROPHAGE,
        Component.POSITIVE,
        Component.CELL,
    }
    assert "The file's name says CD68; give --marker if it is another." in scored.warnings


def test_the_results_speak_of_macrophages(painted, panel, tmp_path):
    path, centres = painted
    folder = score_slide(path, tmp_path / "out", ScoreOptions(panel=panel)).folder
    features = json.loads((folder / "regions.geojson").read_text(encoding="utf-8"))["features"]
    found = {feature["properties"]["name"]: feature for feature in features}
    assert set(found) == {"tissue", "macrophage", "macrophage: cells counted"}
    points = found["macrophage: cells counted"]["geometry"]
    assert points["type"] == "MultiPoint"
    cols_rows = np.array(sorted(points["coordinates"]))
    np.testing.assert_allclose(
        cols_rows[:, ::-1], sorted(centres.tolist(), key=lambda p: p[::-1]), atol=1
    )
    with tifffile.TiffFile(folder / "components.ome.tif") as tiff:
        assert 'Name="macrophage"' in tiff.ome_metadata
        assert tiff.series[0].shape[0] == 2, "muscle is dropped before it is stored"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    outputs = record["settings"]["brown"]["outputs"]
    assert outputs == {"positive": "macrophage", "cell": "cell", "muscle": None}
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert scores["analysis"]["thresholds"] == {"macrophage": 0.4, "cell": 0.5}


def test_another_marker_makes_something_else_of_the_same_brown(painted, panel, tmp_path):
    options = ScoreOptions(panel=panel, marker=Marker.ASMA)
    scored = score_slide(painted[0], tmp_path / "out", options)
    names = {score.name for score in scored.scores}
    assert {"myofibroblast_mm2", "muscle_mm2", "asma_h_score"} <= names
    assert not {name for name in names if name.startswith(("tam_", "cell_", "positive_"))}


def test_brown_of_which_nothing_is_known_is_refused(panel):
    told = "nothing says what its brown stands for; say it with --marker (CD68, aSMA)"
    with pytest.raises(StainError) as caught:
        choose_bundles(SEEN, ScoreOptions(panel=panel))
    assert told in str(caught.value)
    with pytest.raises(StainError, match="bundle brown finds what is brown and cannot tell"):
        choose_bundles(SEEN, ScoreOptions(panel=panel, bundles=("brown",)))
    with pytest.raises(StainError, match="brown learnt CD68 and aSMA, but --marker says CD163"):
        choose_bundles(SEEN, ScoreOptions(marker=Marker.CD163, bundles=("brown",)))


def test_brown_of_which_nothing_is_known_is_positive_if_forced(painted, panel, tmp_path):
    path = tmp_path / "unnamed.tif"
    path.write_bytes(painted[0].read_bytes())
    options = ScoreOptions(panel=panel, bundles=("brown",), force=True)
    scored = score_slide(path, tmp_path / "out", options)
    names = {score.name for score in scored.scores}
    assert "positive_fraction_of_tissue" in names
    assert not {name for name in names if name.startswith(("tam_", "cell_", "macrophage_"))}


def test_a_bundle_given_by_name_is_called_what_the_panel_says(bundles, panel):
    bundles["own"] = card("own", components=["macrophage"])
    options = ScoreOptions(panel=panel, marker=Marker.CD68, bundles=("own",))
    assert choose_bundles(SEEN, options)[0] == [bundles["own"]]
    both = replace(options, bundles=("own", "brown"))
    with pytest.raises(ConfigError, match="two bundles give macrophage"):
        choose_bundles(SEEN, both)


def test_a_bundle_that_would_say_nothing_is_refused(bundles, panel):
    bundles["walls"] = card("walls", components=["muscle"])
    with pytest.raises(ConfigError, match="the panel drops every output of bundle walls"):
        choose_bundles(SEEN, ScoreOptions(panel=panel, marker=Marker.CD68, bundles=("walls",)))


def test_names_that_do_not_change_leave_the_network_alone():
    predict = Paint()
    assert Naming().apply(predict) is predict
    assert Naming({Component.COLLAGEN: None}).apply(predict) is predict


def test_a_network_that_answers_in_pieces_is_renamed_piece_by_piece():
    class Pieces(Paint):
        def __call__(self, tiles):
            yield from (Paint.__call__(self, tiles[[number]]) for number in range(len(tiles)))

    renamed = Naming({Component.POSITIVE: Component.MACROPHAGE, Component.CELL: None})
    tiles = np.full((2, 8, 8, 3), BROWN, np.uint8)
    predict = renamed.apply(Pieces())
    assert predict.outputs == ("macrophage", "muscle")
    pieces = list(predict(tiles))
    assert [piece.shape for piece in pieces] == [(1, 2, 8, 8)] * 2
    assert pieces[0][0, 0].min() == 1.0
    assert pieces[0][0, 1].max() == 0.0


@pytest.mark.parametrize("rename", [{"cell": "macrophage"}, {"positive": "cell"}])
def test_centres_are_no_area(rename):
    with pytest.raises(ConfigError, match=r"entry: rename: \w+ cannot be called"):
        PanelEntry.parse({"stain": "H-DAB", "bundles": ["b"], "rename": rename}, "entry")


def test_an_output_nobody_knows_is_a_fault_of_the_panel():
    with pytest.raises(ConfigError, match="entry: rename"):
        PanelEntry.parse({"stain": "H&E", "bundles": ["b"], "rename": {"fat": "muscle"}}, "entry")


@pytest.mark.parametrize("options", [{}, {"marker": Marker.CD68}, {"stain": Stain.HDAB}])
def test_the_network_of_a_marker_is_loaded_while_the_slide_is_surveyed(
    painted, panel, tmp_path, monkeypatch, options
):
    loaded = []

    def load(bundle, *_, **__):
        loaded.append(current_thread() is main_thread())
        return Paint()

    monkeypatch.setattr(networks, "load_predictor", load)
    score_slide(painted[0], tmp_path / "out", ScoreOptions(panel=panel, **options))
    assert loaded == [False]
