"""One slide, from its path to a folder of results."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread

import numpy as np
import pytest
from PIL import Image

from histo.assets import config_path
from histo.config import InferenceSettings
from histo.errors import (
    BackendError,
    ConfigError,
    HistoError,
    SlideError,
    StainError,
    TissueError,
)
from histo.geometry import Spacing
from histo.inference import Target
from histo.nn import Bundle, Card
from histo.pipeline import (
    ScoreOptions,
    ahead,
    answering,
    choose_bundles,
    networks,
    recipe,
    score_slide,
    segmentation,
    survey_slide,
)
from histo.pipeline import options as pipeline_options
from histo.pipeline.options import Run
from histo.provenance import RunRecord
from histo.slides import ArraySlide, open_slide
from histo.slides.phantom import PhantomSpec, write_phantom
from histo.stains import StainGuess, rgb_from_density
from histo.vocabulary import Marker, Stain

CARD = {
    "version": "1",
    "summary": "s",
    "licence": "CC0-1.0",
    "um_per_px": 1.0,
    "tile_px": 128,
    "context_px": 8,
    "network": {"arguments": {"encoder_depth": 3}},
    "data": [{"name": "none", "source": "none", "licence": "CC0-1.0", "samples": 0}],
    "intended_use": "tests",
    "failure_modes": ["all"],
    "sha256": {"weights.safetensors": "0" * 64},
}


def paper_bundle(name, stains=("H&E",), components=("collagen",), **changes):
    """A bundle that is a card only."""
    values = {
        **CARD,
        "name": name,
        "stains": list(stains),
        "components": list(components),
        "thresholds": dict.fromkeys(components, 0.5),
        **changes,
    }
    return Bundle(Path(name), Card.model_validate(values))


class Half:
    """A network that answers one half everywhere."""

    name = "half"
    stride = 8
    lanes = 1

    def __init__(self, bundle, reduction):
        self.outputs = tuple(map(str, bundle.card.components))
        self.reduction = reduction

    def prepare(self, height, width):
        assert height % self.stride == width % self.stride == 0

    def release_memory(self):
        pass

    def __call__(self, tiles):
        count, height, width, _ = tiles.shape
        shape = (count, len(self.outputs), height // self.reduction, width // self.reduction)
        return np.full(shape, 0.5, np.float32)


@pytest.fixture
def bundles(monkeypatch, tmp_path_factory):
    """The bundles that can be named, by name; he-collagen is the one the default panel names."""
    known = {"he-collagen": paper_bundle("he-collagen")}
    panel = tmp_path_factory.mktemp("panel") / "default.yaml"
    panel.write_text(
        "name: default\nentries: [{stain: 'H&E', bundles: [he-collagen]}]\n", encoding="utf-8"
    )
    monkeypatch.setattr(
        pipeline_options,
        "config_path",
        lambda name: panel if name == "default" else config_path(name),
    )
    monkeypatch.setattr(answering, "load_bundle", known.__getitem__)
    monkeypatch.setattr(
        networks,
        "load_predictor",
        lambda bundle, _, *, reduction=1, **__: Half(bundle, reduction),
    )
    return known


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """A phantom slide of 1 x 0.75 mm; not to be altered."""
    path = tmp_path_factory.mktemp("slides") / "drawn.tif"
    write_phantom(path, PhantomSpec(seed=2, width_mm=1.0, height_mm=0.75))
    return path


def guess(stain, confidence):
    rest = (1 - confidence) / (len(Stain) - 1)
    return StainGuess(stain, confidence, {s: confidence if s == stain else rest for s in Stain})


SURE, UNSURE = guess(Stain.HE, 0.95), guess(Stain.HE, 0.5)


def test_the_panel_answers_for_a_stain_that_is_seen(bundles):
    chosen, notes = choose_bundles(SURE, ScoreOptions())
    assert [bundle.card.name for bundle in chosen] == ["he-collagen"]
    assert notes == []


def test_an_unsure_guess_is_taken_but_said(bundles):
    _, notes = choose_bundles(UNSURE, ScoreOptions())
    assert len(notes) == 1
    assert "H&E" in notes[0]
    assert "confidence 0.50" in notes[0]


def test_an_unsure_guess_does_not_argue_with_the_user(bundles):
    bundles["red"] = paper_bundle("red", stains=["PSR"])
    options = ScoreOptions(stain=Stain.PSR, bundles=("red",))
    assert choose_bundles(UNSURE, options)[1] == []
    with pytest.raises(StainError, match="but --stain says PSR"):
        choose_bundles(SURE, options)


def test_every_forced_clash_is_told(bundles):
    options = ScoreOptions(
        stain=Stain.PSR, marker=Marker.CD68, bundles=("he-collagen",), force=True
    )
    _, notes = choose_bundles(SURE, options)
    assert [note.startswith("Forced: ") for note in notes] == [True, True, True]
    assert "--marker CD68" in notes[1]
    assert "he-collagen learnt H&E" in notes[2]


@pytest.mark.parametrize(
    ("seen", "options", "told"),
    [
        (guess(Stain.OTHER, 0.9), ScoreOptions(), "answers for an unknown stain"),
        (guess(Stain.HDAB, 0.9), ScoreOptions(marker=Marker.ASMA), "H-DAB with marker aSMA"),
        (guess(Stain.PSR, 0.9), ScoreOptions(bundles=("he-collagen",)), "but the slide has PSR"),
        (SURE, ScoreOptions(marker=Marker.CD68), "but this one has H&E"),
    ],
)
def test_what_does_not_fit_is_refused(bundles, seen, options, told):
    with pytest.raises(StainError, match=told):
        choose_bundles(seen, options)


def test_a_component_has_one_bundle(bundles):
    bundles["other"] = paper_bundle("other", components=["tumour", "collagen"])
    with pytest.raises(ConfigError, match="two bundles give collagen"):
        choose_bundles(SURE, ScoreOptions(bundles=("he-collagen", "other")))


def test_the_record_of_options_names_no_path():
    options = ScoreOptions(panel="/home/doe/panels/mine.yaml", roi=Path("/home/doe/roi.geojson"))
    said = options.as_record()
    assert said["panel"] == "mine"
    assert said["roi"] is True
    assert "doe" not in repr(said)


def test_a_slide_flows_to_its_folder(bundles, slide, tmp_path):
    stages = []
    scored = score_slide(slide, tmp_path, progress=lambda *stage: stages.append(stage))
    assert scored.folder == tmp_path / "drawn"
    assert {path.name for path in scored.folder.iterdir()} >= {"scores.json", "run.json"}
    values = {score.name: score.value for score in scored.scores}
    assert values["collagen_fraction_of_tissue"] == 1.0  # one half is the threshold
    assert [entry.component for entry in scored.not_measured][:1] == ["tumour"]
    names = [stage for stage, _, _ in stages]
    assert names[0] == "tissue"
    assert names[-1] == "results"
    tiles = [(done, total) for stage, done, total in stages if stage == "he-collagen"]
    assert tiles == sorted(tiles)
    assert tiles[-1][0] == tiles[-1][1]


def test_a_name_can_be_given(bundles, slide, tmp_path):
    assert score_slide(slide, tmp_path, name="case 1").folder == tmp_path / "case 1"


def test_constant_in_constant_out(bundles, slide, tmp_path):
    import tifffile

    scored = score_slide(slide, tmp_path)
    with tifffile.TiffFile(scored.folder / "components.ome.tif") as tiff:
        values = np.unique(tiff.series[0].levels[0].asarray())
    assert set(values) == {0, 128}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_of_the_map_is_let_go_before_it_is_removed(bundles, slide, tmp_path, monkeypatch):
    """Windows removes no mapped or open file, so nothing may hold it, whatever happened."""
    held = []

    class Watched(TemporaryDirectory):
        def cleanup(self):
            mapped = Path("/proc/self/maps").read_text(encoding="utf-8")
            links = Path("/proc/self/fd").iterdir()
            opened = [str(link.readlink()) for link in links if link.is_symlink()]
            held.extend(line for line in [*mapped.splitlines(), *opened] if self.name in line)
            super().cleanup()

    def fails(*_, **__):
        raise ValueError("while the map is mapped")

    monkeypatch.setattr(recipe, "TemporaryDirectory", Watched)
    score_slide(slide, tmp_path)
    assert held == []
    monkeypatch.setattr(recipe, "write_results", fails)
    with pytest.raises(ValueError, match="while the map is mapped"):
        score_slide(slide, tmp_path, name="failed")
    assert held == []
    assert {path.name for path in tmp_path.iterdir()} == {"drawn"}


def test_a_network_that_fails_leaves_nothing(bundles, slide, tmp_path, monkeypatch):
    def out_of_memory(*_):
        raise BackendError("no memory left")

    monkeypatch.setattr(Half, "__call__", out_of_memory)
    with pytest.raises(HistoError, match="no memory left"):
        score_slide(slide, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_bundles_run_one_after_the_other_on_one_canvas(bundles, slide, tmp_path):
    bundles["he-tumour"] = paper_bundle("he-tumour", components=["tumour"], um_per_px=0.5)
    options = ScoreOptions(bundles=("he-collagen", "he-tumour"))
    scored = score_slide(slide, tmp_path, options)
    values = {score.name: score.value for score in scored.scores}
    assert values["tumour_mm2"] == values["collagen_mm2"] > 0


@pytest.mark.parametrize("um_per_px", [0.2237, 0.2525, 0.2837, 0.3974, 0.499])
def test_bundles_of_one_canvas_fit_together_on_every_slide(um_per_px):
    """Nine pixels of 0.2237 µm are near 2 µm, and no whole number of them is near 1 µm."""
    slide = ArraySlide(np.zeros((400, 500, 3), np.uint8), Spacing(um_per_px, um_per_px))
    run = Run(slide, ScoreOptions(), RunRecord(), lambda *_: None)
    target = Target(np.ones((1, 1), bool), Spacing(500 * um_per_px, 500 * um_per_px))
    plans = [
        networks.plan_bundle(run, paper_bundle("b", um_per_px=um, canvas_um_per_px=2.0), target)
        for um in (0.5, 1.0, 2.0)
    ]
    assert len({(plan.canvas_shape, plan.canvas_spacing.pair) for plan in plans}) == 1
    for plan, um in zip(plans, (0.5, 1.0, 2.0), strict=True):
        assert plan.spacing.mean == pytest.approx(um, rel=0.03)


@pytest.fixture
def loads(bundles, monkeypatch):
    """Names of the bundles whose networks were loaded, and whether by the main thread."""
    found = []

    def load(bundle, _, *, reduction=1, **__):
        found.append((bundle.card.name, current_thread() is main_thread()))
        return Half(bundle, reduction)

    monkeypatch.setattr(networks, "load_predictor", load)
    return found


def test_the_network_is_loaded_while_the_slide_is_surveyed(loads, slide, tmp_path):
    score_slide(slide, tmp_path)
    assert loads == [("he-collagen", False)]


def test_a_stain_that_was_not_expected_loads_its_own(bundles, loads, slide, tmp_path, monkeypatch):
    bundles["red"] = paper_bundle("red", stains=["PSR"])
    panel = tmp_path / "panel.yaml"
    entries = "[{stain: 'H&E', bundles: [he-collagen]}, {stain: PSR, bundles: [red]}]"
    panel.write_text(f"name: panel\nentries: {entries}\n", encoding="utf-8")
    plain = recipe.survey_slide
    seen = guess(Stain.PSR, 0.95)
    monkeypatch.setattr(recipe, "survey_slide", lambda *a: replace(plain(*a), stain=seen))
    score_slide(slide, tmp_path, ScoreOptions(panel=str(panel)))
    assert sorted(loads) == [("he-collagen", False), ("red", True)]


def test_only_a_network_that_is_asked_for_may_fail(bundles, slide, monkeypatch, tmp_path):
    def fails(*_, **__):
        raise BackendError("no such device")

    monkeypatch.setattr(networks, "load_predictor", fails)
    with pytest.raises(BackendError, match="no such device"):
        score_slide(slide, tmp_path / "out")
    with pytest.raises(StainError, match="--stain says PSR"):
        score_slide(slide, tmp_path / "out", ScoreOptions(stain=Stain.PSR))
    assert list((tmp_path / "out").iterdir()) == []


def test_canvases_that_do_not_fit_are_refused_before_any_network_runs(
    bundles, slide, tmp_path, monkeypatch
):
    monkeypatch.setattr(segmentation, "segment", None)
    bundles["coarse"] = paper_bundle("coarse", components=["tumour"], canvas_um_per_px=4.0)
    with pytest.raises(ConfigError, match="canvases of different µm/px"):
        score_slide(slide, tmp_path, ScoreOptions(bundles=("he-collagen", "coarse")))


def test_settings_reach_the_plan(bundles, slide, tmp_path):
    import json

    options = ScoreOptions(settings=InferenceSettings(tile_px=256, batch=1, threads=1))
    scored = score_slide(slide, tmp_path, options)
    run = json.loads((scored.folder / "run.json").read_text(encoding="utf-8"))
    assert run["settings"]["tile_px"] == 256
    assert run["settings"]["he-collagen"]["tile_px"] == 256


def test_glass_alone_is_no_slide():
    glass = ArraySlide(np.full((200, 200, 3), 245, np.uint8), Spacing(0.5, 0.5))
    with pytest.raises(TissueError, match="empty glass"):
        survey_slide(glass)


def test_a_copy_of_a_slide_is_known_by_its_content(bundles, slide, tmp_path):
    import json

    copy = shutil.copy(slide, tmp_path / "other name.tif")
    folders = [score_slide(path, tmp_path / "out").folder for path in (slide, copy)]
    runs = [json.loads((f / "run.json").read_text(encoding="utf-8")) for f in folders]
    assert runs[0]["slide"] == runs[1]["slide"]
    with open_slide(slide) as opened:
        assert runs[0]["slide"]["size_px"] == [opened.shape[1], opened.shape[0]]


def test_the_marker_of_an_immunostain_may_stand_in_its_file_name():
    brown = guess(Stain.HDAB, 0.9)
    assert answering.marker_of("P1_CD68", brown, ScoreOptions()) == Marker.CD68
    assert answering.marker_of("P1_CD68", brown, ScoreOptions(marker=Marker.ASMA)) == Marker.ASMA
    assert answering.marker_of("P1_CD68", SURE, ScoreOptions()) is None


def test_the_view_for_the_overview_is_read_once_the_first_tile_is_done(
    bundles, slide, tmp_path, monkeypatch
):
    order = []
    plain = ahead.Ahead._prepared

    def prepared(self):
        order.append("view")
        return plain(self)

    monkeypatch.setattr(ahead.Ahead, "_prepared", prepared)
    score_slide(slide, tmp_path, progress=lambda stage, done, _: order.append((stage, done)))
    assert order.count("view") == 1
    assert order.index(("tissue", 0)) < order.index("view") < order.index(("results", 0))


def test_a_view_that_cannot_be_read_fails_the_slide(bundles, slide, tmp_path, monkeypatch):
    def unread(self):
        raise SlideError("damaged there", slide="x")

    monkeypatch.setattr(ahead.Ahead, "_prepared", unread)
    with pytest.raises(SlideError, match="damaged there"):
        score_slide(slide, tmp_path)
    assert not list(tmp_path.glob("*/scores.json"))


DYES = ((0.12, 0.84, 0.52), (0.20, 0.47, 0.84))


@pytest.fixture
def sirius(bundles, monkeypatch, tmp_path):
    """Score an image with a bundle that turns dyes; what was warned of, and colours as seen."""
    bundles["red"] = paper_bundle("red", stains=["PSR"], glass_level=245, dyes=DYES)
    seen = []

    class Watching(Half):
        def __call__(self, tiles):
            seen.append(tiles.reshape(-1, 3))
            return super().__call__(tiles)

    monkeypatch.setattr(
        networks,
        "load_predictor",
        lambda bundle, _, *, reduction=1, **__: Watching(bundle, reduction),
    )

    def score(density):
        path = tmp_path / "section.png"
        Image.fromarray(rgb_from_density(density, (230, 228, 225))).save(path)
        options = ScoreOptions(mpp=1.0, stain=Stain.PSR, bundles=("red",), force=True)
        done = score_slide(path, tmp_path / "out", options)
        return done.warnings, np.concatenate(seen)

    return score


def bands(first, second):
    """Two dyes side by side in a section of 0.6 mm with glass around."""
    rows, cols = np.mgrid[:640, :640]
    both = [np.array(dye) / np.linalg.norm(dye) for dye in (first, second)]
    density = 0.7 * np.where(((cols // 40) % 2 == 0)[..., None], *both)
    density[(rows < 60) | (rows >= 580)] = 0.0
    return density


def test_a_network_sees_the_dyes_it_learnt(sirius):
    warnings, seen = sirius(bands((0.17, 0.65, 0.74), (0.16, 0.40, 0.90)))
    assert not any("two dyes" in warning for warning in warnings)
    for dye in DYES:
        wanted = rgb_from_density(0.7 * np.array(dye) / np.linalg.norm(dye), (245, 245, 245))
        near = np.abs(seen.astype(int) - wanted).max(axis=1) <= 10
        assert near.mean() > 0.1


def test_a_slide_that_does_not_show_both_dyes_is_told_of(sirius):
    one = (0.16, 0.40, 0.90)
    warnings, _ = sirius(bands(one, one))
    assert any("does not show two" in warning for warning in warnings)


def test_a_crop_of_pale_tissue_is_tissue_though_its_only_glass_is_in_lumens():
    """At 8 µm/px lumens of 20 µm are blurred away and pale tissue is the brightest there is."""
    rough = np.random.default_rng(0).normal(0, 20, (800, 800, 1))
    crop = np.clip(rough + np.array((200, 196, 203)), 0, 255).astype(np.uint8)
    for row, col in ((100, 100), (300, 600), (500, 240), (700, 700)):
        crop[row : row + 50, col : col + 50] = 221
    seen = survey_slide(ArraySlide(crop, 0.4))
    assert np.abs(seen.tissue.white_point.astype(int) - 221).max() <= 1
    assert seen.tissue.tissue.mean() > 0.9
