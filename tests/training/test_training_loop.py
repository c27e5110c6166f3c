"""A run is validated, ends early, keeps the best, and goes on exactly where it was stopped."""

import csv
import math
import os
import random
import signal
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from loop_fakes import Drawn, TinyNetwork, fitted, loop_config, loss  # noqa: E402

from histo.errors import BackendError, ConfigError  # noqa: E402
from histo.training.loop.fit import FitFiles, fit  # noqa: E402
from histo.training.loop.validation import dice_counts  # noqa: E402


def logged(folder, *names):
    """Return what was logged of each name, with its step."""
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    return [
        [(int(row["step"]), float(row[name])) for row in lines if row.get(name)] for name in names
    ]


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_dice_is_made_of_counts_over_known_pixels():
    logits = torch.tensor([[[[1.0, 1.0, -1.0, 1.0]]]])
    target = torch.tensor([[[[1.0, 0.0, 1.0, 1.0]]]])
    weight = torch.tensor([[[[1.0, 1.0, 0.5, 0.0]]]])
    assert dice_counts(logits, target, weight).tolist() == [[1.0], [4.0]]
    both = torch.cat([logits, logits]), torch.cat([target, target]), torch.cat([weight, weight])
    assert dice_counts(*both).tolist() == [[2.0], [8.0]], "counts add up"


def test_sample_numbers_count_on_over_epochs():
    samples = Drawn(10)
    fitted(samples=samples, steps=7, batch=4)
    assert samples.asked == list(range(28))


@pytest.mark.parametrize(("every", "steps"), [(3, [2, 5, 6]), (0, [1, 3, 5, 6])])
def test_validation_comes_every_so_many_steps_and_at_the_end(tmp_path, every, steps):
    """0 is once an epoch: ten samples are two steps of four and a half."""
    fitted(tmp_path, validation=Drawn(9, 7), validate_every=every)
    for found in logged(tmp_path, "val_loss", "val_dice_tumour", "val_dice_collagen"):
        assert [step for step, _ in found] == steps


def test_validation_loss_and_dice_are_those_of_all_samples_at_once(tmp_path):
    judged = Drawn(19, 7)
    network = fitted(tmp_path, validation=judged, validate_every=100, ema_decay=0.0)
    tiles, target, weight = (
        torch.stack([judged[number][part] for number in range(19)]) for part in range(3)
    )
    with torch.no_grad():
        logits = network(tiles)
    both, either = dice_counts(logits, target, weight)
    ((_, found),), ((_, dice),) = logged(tmp_path, "val_loss", "val_dice_collagen")
    assert found == pytest.approx(float(loss(logits, target, weight)["loss"]), rel=1e-6)
    assert dice == pytest.approx(float(2 * both[1] / either[1]))


def test_a_component_nobody_knows_has_no_dice(tmp_path):
    class Blind(Drawn):
        def __getitem__(self, number):
            tile, target, weight = super().__getitem__(number)
            weight[1] = 0
            return tile, target, weight

    fitted(tmp_path, validation=Blind(9), steps=1)
    tumour, collagen = logged(tmp_path, "val_dice_tumour", "val_dice_collagen")
    assert 0 <= tumour[0][1] <= 1
    assert math.isnan(collagen[0][1])


def test_validation_changes_no_weight():
    alone = fitted().state_dict()
    assert same(alone, fitted(validation=Drawn(9), validate_every=2, keep="last").state_dict())


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_the_weights_that_come_back_are_the_best_or_the_last(tmp_path, ema_decay):
    """Learning at this rate overshoots, so the last are not the best."""
    rate = {"lr": 0.8, "steps": 24, "validate_every": 1, "ema_decay": ema_decay}
    judged = Drawn(9, 7)
    networks = {
        keep: fitted(tmp_path / keep, validation=judged, keep=keep, **rate)
        for keep in ("best", "last")
    }
    (losses,) = logged(tmp_path / "best", "val_loss")
    assert min(value for _, value in losses) < losses[-1][1]
    wanted = {"best": min(value for _, value in losses), "last": losses[-1][1]}
    tiles, target, weight = (
        torch.stack([judged[number][part] for number in range(9)]) for part in range(3)
    )
    for keep, network in networks.items():
        with torch.no_grad():
            found = float(loss(network(tiles), target, weight)["loss"])
        assert found == pytest.approx(wanted[keep], rel=1e-5)
    again = fitted(validation=judged, keep="best", **rate)
    assert same(again.state_dict(), networks["best"].state_dict()), "also without files"


def test_a_run_without_gain_ends_early_and_stays_ended(tmp_path):
    class Noise(Drawn):
        """Labels that have nothing to do with the tile."""

        def __getitem__(self, number):
            tile, _, weight = super().__getitem__(number)
            return tile, super().__getitem__(number + 500)[1], weight

    given = {"lr": 0.5, "steps": 200, "validate_every": 1, "patience": 3}
    ended = fitted(tmp_path, samples=Noise(), validation=Noise(9, 7), **given)
    (losses,) = logged(tmp_path, "val_loss")
    best = min(range(len(losses)), key=lambda number: losses[number][1])
    assert len(losses) == best + 1 + 3 < 200
    untouched = Noise(fail_at=0)
    again = fitted(tmp_path, resume=True, samples=untouched, validation=Noise(9, 7), **given)
    assert same(ended.state_dict(), again.state_dict())
    assert logged(tmp_path, "val_loss") == [losses]


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
@pytest.mark.parametrize("norm", [False, True])
def test_resumed_equals_uninterrupted_bit_by_bit(tmp_path, schedule, norm):
    step = random.Random(schedule).randrange(5, 18)
    given = {
        "steps": 20,
        "checkpoint_every": 3,
        "validate_every": 4,
        "schedule": schedule,
        "norm": norm,
    }
    whole = fitted(tmp_path / "whole", validation=Drawn(9, 7), **given)
    failing = Drawn(fail_at=4 * step + 2)
    with pytest.raises(OSError, match="the disk is gone"):
        fitted(tmp_path / "torn", samples=failing, validation=Drawn(9, 7), **given)
    rest = Drawn()
    torn = fitted(tmp_path / "torn", resume=True, samples=rest, validation=Drawn(9, 7), **given)
    assert rest.asked[0] == 4 * (step // 3 * 3), "from the last checkpoint on"
    assert same(whole.state_dict(), torn.state_dict())
    one, other = (
        torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "torn")
    )
    assert same(one["current_model_state"], other["current_model_state"])
    assert same(one["state_dict"], other["state_dict"]), "averaged weights"
    for name in ("loss", "val_loss"):
        assert logged(tmp_path / "whole", name) == logged(tmp_path / "torn", name)


def test_chance_goes_on_where_it_was(tmp_path):
    """Dropout, and whatever else a network draws."""

    def dropping(folder, samples, *, resume):
        torch.manual_seed(11)
        network = TinyNetwork()
        network.body.norm = torch.nn.Dropout(0.5)
        files = FitFiles(folder, resume=resume)
        config = loop_config(checkpoint_every=2)
        return fit(network, samples, config, loss, files=files, progress=False).state_dict()

    whole = dropping(tmp_path / "whole", Drawn(), resume=False)
    with pytest.raises(OSError, match="gone"):
        dropping(tmp_path / "torn", Drawn(fail_at=22), resume=False)
    np.random.random(5)  # noqa: NPY002
    torch.rand(5)
    assert same(whole, dropping(tmp_path / "torn", Drawn(), resume=True))


def test_a_finished_run_resumed_is_what_it_was(tmp_path):
    done = fitted(tmp_path, validation=Drawn(9, 7))
    untouched = Drawn(fail_at=0)
    again = fitted(tmp_path, resume=True, samples=untouched, validation=Drawn(9, 7))
    assert same(done.state_dict(), again.state_dict())
    fitted(tmp_path / "last")
    assert same(fitted(tmp_path / "last", resume=True).state_dict(), fitted().state_dict())


def test_a_run_begun_anew_forgets_the_one_before(tmp_path):
    fitted(tmp_path, validation=Drawn(9, 7), steps=40, checkpoint_every=1)
    fitted(tmp_path, steps=2)
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["last.ckpt"]
    assert logged(tmp_path, "loss")[0][0][0] == 1


class Ending(Drawn):
    """Ends its own training while a sample of the fourth step is made."""

    def __init__(self, end):
        super().__init__()
        self.end = end

    def __getitem__(self, number):
        if number == 13:
            self.end()
        return super().__getitem__(number)


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends a program there")
def test_a_cluster_that_ends_a_job_gets_the_step_finished_and_kept(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    samples = Ending(lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        fitted(tmp_path, samples=samples)
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 4
    assert same(fitted().state_dict(), fitted(tmp_path, resume=True).state_dict())


def test_an_interrupted_training_says_so_and_can_be_interrupted_again(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path, samples=Ending(interrupt))
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"lr": 0.5}, r"^optim\.lr was 0\.002 in the run to go on with and is 0\.5 now; put it"),
        ({"steps": 9}, r"^optim\.steps was 7"),
        ({"batch": 2}, r"^optim\.batch was 4"),
    ],
)
def test_another_configuration_is_not_resumed(tmp_path, changed, told):
    fitted(tmp_path)
    with pytest.raises(ConfigError, match=told):
        fitted(tmp_path, resume=True, **changed)


def test_settings_that_change_no_weight_may_change(tmp_path):
    fitted(tmp_path)
    fitted(tmp_path, resume=True, checkpoint_every=1, jobs=3)


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path):
    with pytest.raises(ConfigError, match=r"^there is no last\.ckpt in .* leave --resume out"):
        fitted(tmp_path, resume=True)
    (tmp_path / "last.ckpt").write_bytes(b"never a checkpoint")
    with pytest.raises(ConfigError, match=r"^last\.ckpt is no checkpoint of histo"):
        fitted(tmp_path, resume=True)


class Evil:
    """What a pickle can do."""

    def __reduce__(self):
        return exec, ("raise SystemExit('code of a stranger ran')",)


def test_a_checkpoint_cannot_run_code(tmp_path):
    torch.save({"configuration": Evil()}, tmp_path / "last.ckpt")
    with pytest.raises(ConfigError, match="is no checkpoint of histo"):
        fitted(tmp_path, resume=True)


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_is_one_sentence(fault):
    class Full(Drawn):
        def __getitem__(self, number):
            raise fault

    with pytest.raises(BackendError, match=r"no memory left for batches of 4: halve optim\.batch"):
        fitted(samples=Full())


def test_other_faults_stay_what_they_are():
    class Odd(Drawn):
        def __getitem__(self, number):
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        fitted(samples=Odd())


def test_cosine_rises_and_falls_to_nothing(tmp_path):
    fitted(tmp_path, schedule="cosine", steps=41, warmup_share=0.25, lr=1.0)
    (rates,) = logged(tmp_path, "lr")
    assert [step for step, _ in rates] == [9, 19, 29, 39]
    assert rates[0][1] == pytest.approx(10 / 11.25)
    assert [rate for _, rate in rates[1:]] == sorted((rate for _, rate in rates[1:]), reverse=True)
    assert rates[-1][1] < 0.02


def test_a_network_may_be_compiled(monkeypatch):
    compiled = []
    monkeypatch.setattr(TinyNetwork, "compile", lambda self: compiled.append(self))
    fitted(compile=True)
    assert len(compiled) == 1


def test_logs_are_kept_for_tensorboard_where_it_is_installed(tmp_path):
    pytest.importorskip("tensorboard")
    fitted(tmp_path)
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1


def test_workers_make_the_same_samples(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
        assert same(fitted().state_dict(), fitted(workers=1).state_dict())
