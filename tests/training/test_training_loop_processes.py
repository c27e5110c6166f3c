"""Two processes under torchrun train what one trains."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from loop_fakes import Drawn, fitted, loop_config  # noqa: E402

from histo.errors import ConfigError  # noqa: E402
from histo.training.loop.run_loader import RunLoader, validation_loader  # noqa: E402

HERE = Path(__file__).parent


def lines(file):
    with file.open(encoding="utf-8", newline="") as stream:
        return [
            {key: float(value) for key, value in line.items() if value}
            for line in csv.DictReader(stream)
        ]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built for one process")
def test_two_processes_train_what_one_trains(tmp_path):
    """Sums are taken in another order, so weights agree to rounding: 6e-8 over 40 steps."""
    settings = ["steps=7", "batch=4", "validate_every=3"]
    run = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    done = subprocess.run(
        [sys.executable, *run, "--standalone", str(HERE / "loop_fakes.py"), tmp_path, *settings],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
            "CUDA_VISIBLE_DEVICES": "",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alone = fitted(tmp_path / "one", validation=Drawn(19, 7), validate_every=3).state_dict()
    first, second = (
        torch.load(tmp_path / f"trained{rank}.pt", weights_only=True) for rank in range(2)
    )
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, rtol=0, atol=2e-6)
        assert torch.equal(first[name], second[name]), "both processes return the same"
    assert not (tmp_path / "1").exists(), "only the first process writes"
    ours, theirs = lines(tmp_path / "one" / "metrics.csv"), lines(tmp_path / "0" / "metrics.csv")
    assert [sorted(line) for line in ours] == [sorted(line) for line in theirs]
    for one, two in zip(ours, theirs, strict=True):
        assert one == pytest.approx(two, abs=2e-6)


def test_a_batch_that_processes_cannot_share_is_refused(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match=r"^optim\.batch is 4, which 3 processes cannot share"):
        fitted()


def numbers(loader):
    return [list(batch) for batch in loader.batch_sampler]


def test_processes_share_out_each_batch_wherever_a_run_goes_on():
    optim = loop_config(steps=5, batch=4).optim
    alone = numbers(RunLoader(Drawn(), optim, start=2))
    assert alone == [[8, 9, 10, 11], [12, 13, 14, 15], [16, 17, 18, 19]]
    parts = [
        numbers(RunLoader(Drawn(), optim, start=2, rank=rank, world_size=2)) for rank in range(2)
    ]
    assert [sorted(a + b) for a, b in zip(*parts, strict=True)] == alone


def test_validation_batches_are_whole_and_each_sample_is_judged_once():
    optim = loop_config().optim
    parts = [
        numbers(validation_loader(Drawn(19), optim, rank=rank, world_size=2)) for rank in range(2)
    ]
    assert [len(batch) for part in parts for batch in part] == [8, 3, 8]
    assert sorted(number for part in parts for batch in part for number in batch) == list(range(19))
