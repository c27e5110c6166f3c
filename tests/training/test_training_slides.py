"""From slides and annotations to a bundle, small: four drawn slides, three steps."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sample_fakes import row, write_set
from training_fakes import training_values

from histo.errors import ConfigError
from histo.geometry import Spacing
from histo.training.config import SlideData, TrainingConfig
from histo.training.evaluation import Judged
from histo.training.manifests.manifest import read_manifest, write_manifest
from histo.vocabulary import Component

torch = pytest.importorskip("torch")
for needed in ("segmentation_models_pytorch", "lightning", "albumentations", "onnx"):
    pytest.importorskip(needed)

from histo.nn.bundle import load_bundle  # noqa: E402
from histo.nn.network import StromaNetwork  # noqa: E402
from histo.nn.verify import verify_bundle  # noqa: E402
from histo.training.manifests.labels import open_row  # noqa: E402
from histo.training.run import train_bundle  # noqa: E402
from histo.training.slides.figures import HeldOut, held_out_metrics, thresholds_of  # noqa: E402
from histo.training.slides.judging import judge_rows, network_map  # noqa: E402
from histo.training.slides.rounds import (  # noqa: E402
    folds_by_patient,
    given_round,
    manifest_of,
)
from histo.training.slides.rules import haematoxylin_map  # noqa: E402

TUMOUR = Component.TUMOUR


@pytest.fixture(scope="session")
def annotated(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("slides"))


def config_of(manifest, components=("tumour",), **data):
    values = training_values(manifest)
    values["name"], values["components"] = "tiny-slides", list(components)
    values["data"] = {"kind": "slides", "manifest": str(manifest), "epoch": 6, **data}
    values["card"] |= {"um_per_px": 4.0, "tile_px": 128}
    return TrainingConfig.model_validate(values)


@pytest.fixture(scope="session")
def trained(annotated, tmp_path_factory):
    """A bundle of two components from rows that know one or the other, and what was said."""
    said: list[str] = []
    out = tmp_path_factory.mktemp("runs") / "tiny-slides"
    config = config_of(
        annotated.path, ("tumour", "collagen"), folds=3, rules={"tumour": "haematoxylin"}
    )
    train_bundle(config, out, say=said.append)
    return out, said


def test_a_bundle_of_partly_labelled_slides_passes_every_check(trained):
    bundle = load_bundle(trained[0])
    assert [check for check in verify_bundle(bundle) if not check.passed] == []
    assert set(bundle.card.thresholds) == {"tumour", "collagen"}


def test_every_row_was_held_out_once(trained):
    logs = trained[0].parent / "tiny-slides-training"
    rounds = json.loads((logs / "cross_validation.json").read_text(encoding="utf-8"))
    rows = [one["row"] for each in rounds for one in each["rows"]]
    assert sorted(rows) == ["row 2", "row 3", "row 4", "row 5"]
    with np.load(logs / "held_out.npz") as maps:
        assert {name: maps[name].shape for name in maps} == dict.fromkeys(rows, (2, 256, 256))


def test_the_card_has_figures_of_what_is_known_with_the_rule_beside(trained):
    metrics = load_bundle(trained[0]).card.metrics
    assert {metric.split for metric in metrics} == {"held out by patient, 4 rows"}
    told = {(metric.component, metric.name) for metric in metrics}
    assert {("tumour", "Dice"), ("tumour", "AUROC"), ("collagen", "AUROC")} <= told
    by_name = {(m.component, m.name): m for m in metrics}
    assert by_name["tumour", "Dice"].baseline is not None
    assert by_name["collagen", "AUROC"].baseline is None


def test_progress_is_told_in_lines(trained):
    assert trained[1][0] == "4 annotated rows of 3 patients"
    assert sum(line.startswith("fold ") for line in trained[1]) == 3
    assert trained[1][-1].startswith("bundle tiny-slides written, thresholds tumour ")


def test_the_manifests_own_splits_teach_choose_and_judge(annotated, tmp_path):
    splits = {"wide": "train", "more": "train", "small": "val"}
    rows = [
        one.model_copy(update={"split": splits.get(one.slide.removesuffix(".png"), "test")})
        for one in annotated.rows[:3]
    ]
    rows.append(row("cells", "fourth", ("tumour",)).model_copy(update={"split": "test"}))
    path = annotated.path.parent / "splits.csv"
    write_manifest(path, rows)
    bundle = train_bundle(config_of(path), tmp_path / "out", say=lambda _: None)
    assert {metric.split for metric in bundle.card.metrics} == {"test rows"}
    assert (tmp_path / "tiny-slides-training" / "held_out.npz").is_file()


def test_without_cross_validation_no_figure_is_claimed(annotated, tmp_path):
    config = config_of(annotated.path, folds=2)
    bundle = train_bundle(config, tmp_path / "out", cross_validation=False, say=lambda _: None)
    assert bundle.card.metrics == []
    assert bundle.card.thresholds == {TUMOUR: 0.5}


def test_splits_need_rows_that_choose_the_threshold(annotated):
    with pytest.raises(ConfigError, match=r"set\.csv: no annotated row is in the split val"):
        given_round(annotated)


def test_patients_and_shared_slides_stay_together_and_sites_are_spread():
    rows = [row(f"s{n}", f"p{n // 2}", site="a" if n < 8 else "b") for n in range(16)]
    rows.append(row("s0", "another", site="a").model_copy(update={"annotation": "more.geojson"}))
    rounds = folds_by_patient(rows, 2, seed=3)
    assert sorted(i for one in rounds for i in one.held) == list(range(17))
    for one in rounds:
        assert not {rows[i].patient for i in one.held} & {rows[i].patient for i in one.learning}
        assert not {rows[i].slide for i in one.held} & {rows[i].slide for i in one.learning}
        assert [sum(rows[i].site == site for i in one.held) // 4 for site in "ab"] == [1, 1]
    assert rounds == folds_by_patient(rows, 2, seed=3)


def test_more_folds_than_patients_are_refused(annotated):
    with pytest.raises(ConfigError, match="3 patients cannot make 4 folds; use a smaller folds"):
        folds_by_patient(annotated.rows, 4, 0)


def test_a_shipped_manifest_names_files_of_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HISTO_DATA", str(tmp_path))
    config = config_of("he-tumour.csv")
    assert isinstance(config.data, SlideData)
    assert manifest_of(config, config.data).root == tmp_path


def test_a_users_manifest_names_files_beside_it(annotated):
    config = config_of(annotated.path)
    assert manifest_of(config, config.data).root == annotated.path.parent


def test_a_manifest_without_annotations_is_refused(annotated):
    path = annotated.path.parent / "bare.csv"
    bare = annotated.rows[0].model_copy(update={"annotation": "", "class_map": ""})
    write_manifest(path, [bare])
    config = config_of(path)
    with pytest.raises(ConfigError, match="no row is annotated; there is nothing to learn"):
        manifest_of(config, config.data)


def small_network(seed=0):
    torch.manual_seed(seed)
    config = config_of("any.csv")
    return StromaNetwork(config.network, classes=1).eval(), config.card


def test_a_map_in_tiles_is_the_map_of_the_whole(annotated):
    network, _ = small_network()
    with open_row(annotated.rows[0], annotated.root) as slide:
        grid = Spacing(4, 4)
        wanted = np.ones(slide.frame_shape(grid), np.bool_)
        whole = network_map(network, slide, grid, wanted, tile_px=512, context_px=0)
        tiled = network_map(network, slide, grid, wanted, tile_px=192, context_px=64)
    inner = (slice(None), slice(64, -64), slice(64, -64))  # mirrored, where zeros were
    assert np.abs(whole[inner].astype(int) - tiled[inner]).max() <= 1


def test_only_tiles_of_which_something_is_known_are_seen(annotated):
    network, _ = small_network()
    with open_row(annotated.rows[0], annotated.root) as slide:
        wanted = np.zeros((256, 256), np.bool_)
        wanted[70, 200] = True
        found = network_map(network, slide, Spacing(4, 4), wanted, tile_px=64, context_px=0)
        wanted[:] = False
        empty = network_map(network, slide, Spacing(4, 4), wanted, tile_px=64, context_px=0)
    assert found[0, 64:128, 192:256].all()
    assert np.count_nonzero(found) == 64 * 64
    assert empty.shape == (1, 256, 256)
    assert not empty.any()


def test_judged_rows_carry_their_labels(annotated):
    network, card = small_network()
    wide, *_ = judge_rows(network, annotated.only([0]), (TUMOUR,), card)
    assert (wide.name, wide.patient) == ("row 2", "much")
    assert wide.known[0].sum() < wide.known[0].size
    assert wide.present[0].sum() * 16 == pytest.approx(440 * 600, rel=0.05)


def judged(name, probability, present):
    plane = np.array(probability, np.float64)[None]
    known = np.ones(plane.shape, np.bool_)
    truth = np.array(present, np.bool_)[None]
    return Judged(name, name, name, "", Spacing(2, 2), (TUMOUR,), plane, truth, known)


def test_areas_are_cut_at_each_rounds_own_threshold():
    bright = judged("bright", [[0.9, 0.9, 0.7, 0.7]], [[1, 1, 0, 0]])
    dark = judged("dark", [[0.3, 0.3, 0.1, 0.1]], [[1, 1, 0, 0]])
    rounds = [HeldOut("0", [bright], [], {TUMOUR: 0.8}), HeldOut("1", [dark], [], {TUMOUR: 0.2})]
    found = {(m.name, m.split): m.value for m in held_out_metrics(rounds, "all")}
    assert found["Dice", "all"] == 1
    assert found["Dice", "all, bright (1 row)"] == 1
    assert found["AUROC", "all"] == 0.75, "of the probabilities as they are"


def test_the_rules_figures_stand_beside():
    ours = judged("one", [[0.9, 0.9, 0.7, 0.7]], [[1, 1, 0, 0]])
    rule = replace(ours, probability=np.array([[[0.9, 0.1, 0.1, 0.1]]]))
    (dice,) = [
        metric
        for metric in held_out_metrics([HeldOut("0", [ours], [rule], {TUMOUR: 0.8})], "all")
        if metric.name == "Dice"
    ]
    assert dice.value == 1
    assert dice.baseline == pytest.approx(2 / 3, abs=1e-4)


def test_rows_that_cannot_say_leave_the_threshold_at_one_half():
    absent = judged("one", [[0.2, 0.4]], [[0, 0]])
    assert thresholds_of([absent], [TUMOUR]) == {TUMOUR: 0.5}


def test_dense_haematoxylin_lies_above_one_half():
    rgb = np.full((64, 64, 3), (225, 190, 215), np.uint8)
    rgb[:, :32] = (110, 80, 160)
    found = haematoxylin_map(rgb, Spacing(2, 2), (245, 245, 245))
    assert (found[:, :28] > 0.5).all()
    assert (found[:, 36:] < 0.5).all()
    assert not haematoxylin_map(rgb[:, 40:], Spacing(2, 2), (245, 245, 245)).any()


@pytest.mark.shared_data
def test_masks_of_the_shipped_manifest_are_read(shared_data, monkeypatch):
    monkeypatch.setenv("HISTO_DATA", str(shared_data))
    config = config_of("he-tumour.csv")
    manifest = manifest_of(config, config.data).only([0, 2, 5])
    network, card = small_network()
    breast, malignant, benign = judge_rows(network, manifest, (TUMOUR,), card)
    assert breast.present.mean() == pytest.approx(0.5, abs=0.01)
    assert breast.known.all()
    assert 0.25 < malignant.present.mean() < 0.35
    assert malignant.known.mean() > 0.97
    assert not benign.present.any()
    assert 0.8 < benign.known.mean() < 0.95  # nothing is known of its glands
    assert read_manifest(manifest.path).root == manifest.path.parent
