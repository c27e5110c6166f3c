"""Immunostain painted on tissue: samples, counting, and the way to a bundle."""

from dataclasses import replace

import numpy as np
import pytest
from painted_fakes import drawn_tissue, painted_values, write_backgrounds
from PIL import Image

from histo.assets import shipped
from histo.errors import ConfigError
from histo.geometry import Spacing
from histo.scoring.macrophages.matching import MatchCounts
from histo.stains.simulate import Scene
from histo.training.config import TrainingConfig
from histo.vocabulary import Component

torch = pytest.importorskip("torch")
for needed in ("segmentation_models_pytorch", "lightning", "albumentations", "onnx"):
    pytest.importorskip(needed)

from histo.nn.bundle import load_bundle  # noqa: E402
from histo.nn.verify import verify_bundle  # noqa: E402
from histo.training.known_loss import known_loss  # noqa: E402
from histo.training.painted.backgrounds import cut_pieces, read_backgrounds  # noqa: E402
from histo.training.painted.controls import control_counts, read_controls  # noqa: E402
from histo.training.painted.judge import (  # noqa: E402
    Tally,
    cell_threshold,
    tally_network,
    tally_rule,
)
from histo.training.painted.paintings import PAINTED, Painting, reduction_of  # noqa: E402
from histo.training.painted.rule import rule_cells, rule_positive  # noqa: E402
from histo.training.painted.run import (  # noqa: E402
    judged_paintings,
    judged_pieces,
    painted_samples,
    train_on_painted,
)

UM = Spacing(1.0, 1.0)
POSITIVE, CELL, MUSCLE = PAINTED


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_backgrounds(tmp_path_factory.mktemp("backgrounds"))


@pytest.fixture(scope="module")
def config(manifest):
    return TrainingConfig.model_validate(painted_values(manifest))


@pytest.fixture(scope="module")
def backgrounds(manifest):
    return read_backgrounds(manifest, manifest.parent)


def blank(side_px=64, centres=(), distractor=False):
    """A painting of nothing, with these counted cells."""
    target = np.zeros((3, side_px, side_px), np.uint8)
    points = np.array(centres, float).reshape(-1, 2)
    rows, cols = np.mgrid[:side_px, :side_px] + 0.5
    for row, col in points:
        peak = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * 2.0**2))
        target[1] = np.maximum(target[1], np.rint(peak * 255).astype(np.uint8))
    return Painting(
        rgb=np.full((side_px, side_px, 3), 240, np.uint8),
        target=target,
        centres=points,
        distractor=np.full((side_px, side_px), distractor),
        glass=240.0,
        scene=Scene.NOTHING,
        background="none",
        organ="none",
    )


def test_a_sample_depends_on_the_seed_and_its_number_alone(backgrounds, config):
    first = painted_samples(backgrounds, config, config.data)
    again = painted_samples(backgrounds, config, config.data)
    wanted = first[3]
    assert all(torch.equal(a, b) for a, b in zip(wanted, again[3], strict=True))
    again[0]
    assert all(torch.equal(a, b) for a, b in zip(wanted, again[3], strict=True))
    assert not torch.equal(wanted[0], first[2][0])


def test_a_sample_has_the_networks_size_and_knows_everything(backgrounds, config):
    tile, target, weight = painted_samples(backgrounds, config, config.data)[0]
    assert (tile.shape, tile.dtype) == ((64, 64, 3), torch.uint8)
    assert target.shape == weight.shape == (3, 64, 64)
    assert 0 <= target.min() <= target.max() <= 1
    assert bool((weight == 1).all())


def test_splits_share_no_background(backgrounds, config):
    seen = {
        split: {p.background for p in judged_pieces(backgrounds, config, split)}
        for split in ("val", "test")
    }
    assert seen == {"val": {"val"}, "test": {"test"}}


def test_cells_lie_where_the_centre_map_peaks(backgrounds, config):
    paintings = judged_paintings(judged_pieces(backgrounds, config, "val"), config)
    assert sum(len(p.centres) for p in paintings) > 0
    for painting in paintings:
        for row, col in painting.centres.astype(int):
            assert painting.target[1, row, col] > 150


def test_a_perfect_map_scores_one(backgrounds, config):
    paintings = judged_paintings(judged_pieces(backgrounds, config, "val"), config)
    thresholds = {POSITIVE: 0.5, CELL: 0.3, MUSCLE: 0.5}
    maps = [p.target.astype(np.float32) / 255 for p in paintings]
    tally = sum(
        (
            tally_network(p, m, PAINTED, thresholds, UM)
            for p, m in zip(paintings, maps, strict=True)
        ),
        Tally(),
    )
    assert tally.positive.dice == pytest.approx(1.0)
    assert tally.muscle.dice == pytest.approx(1.0)
    assert tally.cells.f1 > 0.95  # touching nuclei merge
    assert tally.on_distractor == 0


def test_the_level_of_a_peak_is_where_most_cells_are_told_from_noise():
    painting = blank(centres=[(20, 20), (40, 40), (20, 44)])
    plane = painting.target[1] / np.float32(255) * 0.8
    noise = blank(centres=[(48, 16), (34, 24)]).target[1] / np.float32(255) * 0.3
    level, counts = cell_threshold([painting], [np.maximum(plane, noise)], UM)
    assert counts == MatchCounts(3, 3, 3)
    assert 0.25 < level < 0.7


def test_a_detection_on_pigment_counts_against_the_network_only_if_it_is_no_cell():
    thresholds = {POSITIVE: 0.5, CELL: 0.3, MUSCLE: 0.5}
    seen = blank(centres=[(20, 20), (40, 40)])
    truth = blank(centres=[(20, 20)], distractor=True)
    tally = tally_network(truth, seen.target / np.float32(255), PAINTED, thresholds, UM)
    assert (tally.cells, tally.on_distractor) == (MatchCounts(1, 2, 1), 1)
    clean = replace(truth, distractor=np.zeros((64, 64), bool))
    tally = tally_network(clean, seen.target / np.float32(255), PAINTED, thresholds, UM)
    assert tally.on_distractor == 0


def test_the_fixed_threshold_finds_brown_discs_and_parts_two_that_touch():
    rows, cols = np.mgrid[:64, :64] + 0.5
    discs = [np.hypot(rows - r, cols - c) < 6 for r, c in ((20, 20), (20, 31), (44, 44))]
    rgb = np.full((64, 64, 3), 240, np.uint8)
    rgb[np.any(discs, axis=0)] = (150, 100, 60)
    positive = rule_positive(rgb, 240.0)
    np.testing.assert_array_equal(positive, np.any(discs, axis=0))
    found = rule_cells(positive, UM)
    assert len(found) == 3
    assert len(rule_cells(positive & False, UM)) == 0
    tally = tally_rule(replace(blank(centres=[(44, 44)]), rgb=rgb), PAINTED, UM)
    assert tally.cells == MatchCounts(1, 3, 1)


def test_the_loss_falls_as_soft_peaks_are_met(config):
    loss = known_loss(config, config.data)
    target = torch.from_numpy(blank(centres=[(30, 30)]).target)[None].float() / 255
    chances = [target.clamp(0.01, 0.99), torch.full_like(target, 0.01)]
    met, missed = (
        float(loss(torch.logit(c), target, torch.ones_like(target))["loss"]) for c in chances
    )
    assert met < missed


def test_counted_cells_of_an_image_are_matched_and_uncertain_ones_excused(tmp_path):
    Image.fromarray(drawn_tissue(0)).save(tmp_path / "a.png")
    lines = ["image,crop_row,crop_col,crop_height,crop_width,row,col,certain,um_per_px"]
    lines += [f"a.png,10,20,100,120,{r},{c},{k},0.5" for r, c, k in ((29, 39, 1), (69, 99, 0))]
    (tmp_path / "counts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (control,) = read_controls(tmp_path / "counts.csv", tmp_path, 1.0)
    assert control.rgb.shape == (50, 60, 3)
    np.testing.assert_allclose(control.certain, [[9.75, 9.75]])
    found = np.array([[10.0, 10.0], [30.0, 40.0], [45.0, 5.0]])
    counts = control_counts([control], lambda _: found)
    assert counts == {"a": MatchCounts(1, 2, 1)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("train,train.png,he,train,drawn,0.5", "box is empty"),
        ("train,train.png,trichrome,train,drawn,0.5,all", "source is one of he, hdab"),
        ("train,train.png,he,train,drawn,0.5,1:2", "row:col:height:width"),
        ("train,none.png,he,train,drawn,0.5,all", "none.png is not in the data folder"),
    ],
)
def test_a_wrong_row_gets_one_sentence(manifest, tmp_path, change, said):
    lines = manifest.read_text(encoding="utf-8").splitlines()
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join([lines[0], change, *lines[2:]]) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="row 2") as fault:
        read_backgrounds(bad, manifest.parent)
    assert said in str(fault.value)


def test_a_background_too_small_or_a_missing_split_is_named(backgrounds, config):
    with pytest.raises(ConfigError, match=r"train is 1\d\d px .* use a smaller optim.crop_px"):
        cut_pieces(backgrounds[:1], config.data, 400, scale=(1, 1), seed=(0,), count=1)
    with pytest.raises(ConfigError, match="no background of a split"):
        cut_pieces([], config.data, 64, scale=(1, 1), seed=(0,), count=1)


def test_paintings_fit_the_networks_pixels(config):
    coarse = config.model_copy(update={"card": config.card.model_copy(update={"um_per_px": 0.7})})
    with pytest.raises(ConfigError, match="no whole multiple"):
        reduction_of(coarse)
    other = config.model_copy(update={"components": [Component.TUMOUR]})
    with pytest.raises(ConfigError, match="do not know the component tumour"):
        reduction_of(other)


def test_a_misspelt_setting_of_the_simulation_is_refused(manifest):
    with pytest.raises(ConfigError, match="chromogn"):
        TrainingConfig.parse(
            painted_values(manifest, simulation={"chromogn": {}}), "dab.yaml", error=ConfigError
        )


def test_a_run_writes_a_bundle_that_passes_every_check(manifest, config, tmp_path, monkeypatch):
    monkeypatch.setenv("HISTO_DATA", str(manifest.parent))
    said: list[str] = []
    out = tmp_path / "tiny-dab"
    train_on_painted(config, config.data, out, say=said.append)
    bundle = load_bundle(out)
    assert [check for check in verify_bundle(bundle) if not check.passed] == []
    assert bundle.card.components == [POSITIVE, CELL, MUSCLE]
    assert {m.component for m in bundle.card.metrics} == {POSITIVE, CELL, MUSCLE}
    assert bundle.card.training["data"]["simulation"]["positive_od"] == 0.15


@pytest.mark.shared_data
def test_the_manifest_of_dab_keeps_splits_apart_and_counted_images_out(shared_data):
    rows = read_backgrounds(shipped("data_manifests") / "dab-backgrounds.csv", shared_data)
    table = (shipped("data_manifests") / "dab-control-counts.csv").read_text(encoding="utf-8")
    assert not [row.name for row in rows if f"dab/{row.path.name}" in table]
    places = [(row.path, row.box) for row in rows]
    assert len(set(places)) == len(places)
    for split in ("train", "val", "test"):
        assert {row.source for row in rows if row.split == split} == {"he", "hdab"}
    left, right = (row.box for row in rows if row.path.name == "1008.jpg")
    assert left is not None
    assert right is not None
    assert not left.intersect(right)
