"""From a manifest to a bundle, small: six drawn cores, three steps."""

import csv
import json
import pickle
from concurrent.futures import Executor, Future

import numpy as np
import pytest
from training_fakes import STUDY, training_values, write_counter_study

from histo.assets import config_path, shipped
from histo.errors import ConfigError
from histo.nn.bundle import load_bundle
from histo.nn.verify import verify_bundle
from histo.training.config import TrainingConfig

torch = pytest.importorskip("torch")
for needed in ("segmentation_models_pytorch", "lightning", "albumentations", "onnx"):
    pytest.importorskip(needed)

from torch import nn  # noqa: E402

from histo.nn.network import StromaNetwork  # noqa: E402
from histo.training import side_by_side  # noqa: E402
from histo.training.loop.fit import FitFiles  # noqa: E402
from histo.training.parts import data_root  # noqa: E402
from histo.training.run import train_bundle  # noqa: E402
from histo.training.shg.cross_validation import cross_validate, plan_folds  # noqa: E402
from histo.training.shg.evaluate import core_probability, evaluate_cores, mean_of  # noqa: E402
from histo.training.shg.fitting import fit_cores  # noqa: E402


@pytest.fixture
def data(study, monkeypatch):
    monkeypatch.setenv("HISTO_DATA", str(study.parent))
    return study


@pytest.fixture(scope="session")
def trained(study, tmp_path_factory):
    """The folder of a trained bundle, and what was said on the way."""
    said: list[str] = []
    out = tmp_path_factory.mktemp("runs") / "tiny-collagen"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HISTO_DATA", str(study.parent))
        values = training_values(study)
        values["data"]["counter_examples"] = {"manifest": str(write_counter_study(study.parent))}
        train_bundle(TrainingConfig.model_validate(values), out, say=said.append)
    return out, said


def fitted(cores, manifest, imagenet=None, **optim):
    config = TrainingConfig.model_validate(training_values(manifest, **optim))
    return fit_cores(config, cores, imagenet=imagenet, progress=False)


def test_the_bundle_passes_every_check(trained):
    bundle = load_bundle(trained[0])
    assert [check for check in verify_bundle(bundle) if not check.passed] == []
    assert bundle.card.name == "tiny-collagen"
    assert 0 < bundle.card.thresholds["collagen"] < 1


def test_the_card_says_how_it_was_trained_and_how_well_it_does(trained):
    card = load_bundle(trained[0]).card
    assert card.training["seed"] == 5
    assert card.training["optim"]["steps"] == 3
    splits = {metric.split for metric in card.metrics}
    assert splits == {
        text
        for what in ("core", "organ")
        for text in (
            f"held out by {what}, mean over 6 cores",
            f"held out by {what}, 6 cores",
            f"epithelium held out by {what}",
        )
    }
    auroc = next(metric for metric in card.metrics if metric.name.startswith("AUROC"))
    assert auroc.baseline > 0.95, "eosin finds drawn fibres"


def test_every_core_was_held_out_once_by_core_and_by_organ(trained):
    file = trained[0].parent / "tiny-collagen-training" / "cross_validation.json"
    rounds = json.loads(file.read_text(encoding="utf-8"))
    assert [one["split"] for one in rounds] == ["core", "organ"]
    for one in rounds:
        assert {core["core"]: core["organ"] for core in one["cores"]} == STUDY
        assert 0 <= one["mean"]["auroc"] <= 1
        assert 0 < one["threshold"] < 1


def test_held_out_maps_are_kept(trained):
    for split in ("core", "organ"):
        file = trained[0].parent / "tiny-collagen-training" / f"held_out_by_{split}.npz"
        with np.load(file) as maps:
            assert set(maps) == {*STUDY, "nests", "glands"}
            assert all(maps[name].dtype == np.uint8 for name in maps)


def test_progress_is_told_in_lines(trained):
    said = trained[1]
    assert said[0] == "6 cores of 2 organs, 2 counter-examples"
    assert sum(line.startswith("by core, fold") for line in said) == 2
    assert [line.split(":")[0] for line in said if line.startswith("by organ")] == [
        "by organ, breast",
        "by organ, kidney",
    ]


def test_the_same_seed_gives_the_same_weights(cores, study):
    one, other = fitted(cores, study).state_dict(), fitted(cores, study).state_dict()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


class Posted(Executor):
    """Send work to another process and back on paper only: pickled, but run here."""

    def submit(self, work, /, *given):
        function, arguments = pickle.loads(pickle.dumps((work, given)))
        done: Future = Future()
        done.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        return done


def test_folds_side_by_side_give_what_one_after_another_gives(cores, study, monkeypatch):
    monkeypatch.setattr(side_by_side, "_processes", lambda _: Posted())
    rounds = []
    for jobs in (1, 2):
        config = TrainingConfig.model_validate(training_values(study, steps=1, jobs=jobs))
        folds = plan_folds(config.data, config.seed, cores, [])[:2]
        rounds.append(cross_validate(config, folds, None, lambda _: None)[0])
    alone, shared = rounds
    assert list(alone.maps) == list(shared.maps)
    for name in alone.maps:
        np.testing.assert_array_equal(alone.maps[name], shared.maps[name])


def test_training_teaches_and_keeps_the_loss(cores, study, tmp_path):
    """A few steps more on drawn cores find most fibres."""
    values = training_values(study, steps=25, lr=1e-2, ema_decay=0.0, encoder_lr_share=1.0)
    config = TrainingConfig.model_validate(values)
    network = fit_cores(config, cores, imagenet=None, files=FitFiles(tmp_path), progress=False)
    results = evaluate_cores(cores, lambda core: core_probability(network, core))
    assert mean_of(results, "auroc_px") > 0.8
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2, "every tenth step"
    assert all(float(row[name]) > 0 for row in rows for name in ("loss", "entropy", "dice"))


def test_a_fitted_network_is_ready_to_answer(cores, study):
    network = fitted(cores, study, steps=1)
    assert not any(part.training for part in network.modules())
    assert {value.device.type for value in network.state_dict().values()} == {"cpu"}


def write_encoder_weights(path, spec):
    """Random weights in TensorFlow's layout, for the encoder of a network."""
    draw = np.random.default_rng(0)
    arrays = {}
    encoder = StromaNetwork(spec, classes=1).body.encoder
    for number, conv in enumerate(m for m in encoder.modules() if isinstance(m, nn.Conv2d)):
        kernel = draw.normal(0, 0.2, conv.weight.shape).astype(np.float32)
        axes = (1, 2, 3, 0) if conv.groups > 1 else (0, 2, 3, 1)
        arrays[f"{number:02d}_w"] = kernel.transpose(axes)
        arrays[f"{number:02d}_b"] = np.zeros(conv.out_channels, np.float32)
    np.savez(path, **arrays)


def test_batch_norms_learn_also_from_imagenet_weights(cores, study, tmp_path):
    """Restoring statistics evaluates the network; training it must not stay in that mode."""
    config = TrainingConfig.model_validate(training_values(study))
    write_encoder_weights(tmp_path / "weights.npz", config.network)
    network = fitted(cores, study, tmp_path / "weights.npz", ema_decay=0.0)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {int(norm.num_batches_tracked) for norm in norms} == {config.optim.steps}


def test_one_organ_is_held_out_by_core_only(data, tmp_path):
    rows = [line for line in data.read_text(encoding="utf-8").splitlines() if "kidney" not in line]
    manifest = tmp_path / "breast.csv"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    config = TrainingConfig.model_validate(training_values(manifest, steps=1, batch=2))
    bundle = train_bundle(config, tmp_path / "out", say=lambda _: None)
    assert {metric.split.split(",")[0] for metric in bundle.card.metrics} == {"held out by core"}


def test_cross_validation_may_be_left_out(data, tmp_path):
    config = TrainingConfig.model_validate(training_values(data, steps=1))
    bundle = train_bundle(config, tmp_path / "out", cross_validation=False, say=lambda _: None)
    assert bundle.card.metrics == []
    assert not (tmp_path / "tiny-collagen-training" / "cross_validation.json").exists()


def test_missing_images_say_where_to_look(study, monkeypatch, tmp_path):
    monkeypatch.setenv("HISTO_DATA", str(tmp_path / "nowhere"))
    config = TrainingConfig.model_validate(training_values(study))
    with pytest.raises(ConfigError, match="set the environment variable HISTO_DATA to their"):
        data_root(config)


def test_missing_encoder_weights_say_what_to_do(data, tmp_path):
    values = {**training_values(data), "imagenet_weights": "none.npz"}
    with pytest.raises(ConfigError, match=r"^the encoder weights none\.npz are not in the data"):
        train_bundle(
            TrainingConfig.model_validate(values),
            tmp_path / "out",
            cross_validation=False,
            say=lambda _: None,
        )


def test_a_manifest_is_found_by_name_among_those_that_ship(data, tmp_path):
    config = TrainingConfig.model_validate(
        {
            **training_values(data),
            "data": {"kind": "shg", "manifest": "no-such.csv"},
        }
    )
    with pytest.raises(ConfigError, match=r"the manifest no-such\.csv cannot be read"):
        train_bundle(config, tmp_path / "out", say=lambda _: None)


def test_every_shipped_experiment_can_be_built():
    for file in shipped("configs").glob("he-*.yaml"):
        config = TrainingConfig.from_yaml(config_path(file.stem))
        assert (shipped("data_manifests") / config.data.manifest).is_file()
        StromaNetwork(config.network, classes=1)
