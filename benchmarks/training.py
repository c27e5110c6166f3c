"""What training costs: steps a second, how long the network waits for samples; a run killed.

A phantom slide with a thousand polygons is written; networks as in the shipped configurations learn
from it for some steps, with no loader process and with some. Then a training is killed at a random
moment, gone on with, and compared with one that was left alone, bit by bit (on the CPU, in f32)::

    python benchmarks/training.py --steps 12 --tile-px 256 --batch 4 --workers 0 1
    python benchmarks/training.py --steps 200 --tile-px 512 --batch 32 --workers 14   # with a GPU
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from sampling import COMPONENTS, _manifest
from torch import Tensor

from histo.nn.losses import combined
from histo.training.config import AugmentationConfig, TrainingConfig
from histo.training.loop import fit as loop
from histo.training.loop.run_loader import RunLoader
from histo.training.loop.start import new_network
from histo.training.samples.slide_samples import SampleSettings, SlideSamples

CARD = {
    "version": "0",
    "summary": "A benchmark.",
    "licence": "CC0-1.0",
    "stains": ["H&E"],
    "um_per_px": 0.5,
    "context_px": 40,
    "data": [{"name": "phantom", "source": "a seed", "licence": "CC0-1.0", "samples": 1}],
    "intended_use": "None.",
    "failure_modes": ["All."],
}


def main() -> None:
    """Print a table and the verdict of the kill."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--width-mm", type=float, default=6.0)
    parser.add_argument("--height-mm", type=float, default=4.0)
    parser.add_argument("--polygons", type=int, default=1000)
    parser.add_argument("--tile-px", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--folder", type=Path, help="keep the slide here")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child:
        _child(wanted)
        return
    with TemporaryDirectory() as scratch:
        folder = wanted.folder or Path(scratch)
        samples = _samples(folder, wanted)
        if wanted.workers:
            _speed(samples, wanted)
        if not wanted.no_kill:
            _kill(folder, Path(scratch))


def _config(**optim: Any) -> TrainingConfig:
    arguments = {
        "encoder_name": "mobilenet_v2",
        "encoder_depth": 3,
        "decoder_channels": [96, 48, 16],
    }
    return TrainingConfig.model_validate(
        {
            "name": "benchmark",
            "components": list(COMPONENTS),
            "data": {"kind": "slides", "manifest": "phantom.csv"},
            "network": {"arguments": arguments},
            "optim": optim,
            "card": CARD,
        }
    )


def _loss(logits: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
    return {"loss": combined(logits, target, weight)}


def _samples(folder: Path, wanted: argparse.Namespace) -> SlideSamples:
    settings = SampleSettings(0.5, wanted.tile_px, count=1000)
    manifest = _manifest(folder, wanted)
    return SlideSamples(manifest, COMPONENTS, settings, changes=AugmentationConfig())


class _TimedLoader(RunLoader):
    """Notes how long the loop waits for each batch, and when it came."""

    waits: tuple[list[float], list[float]] = [], []

    def __iter__(self) -> Iterator[Any]:
        batches = iter(super().__iter__())
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            now = time.perf_counter()
            self.waits[0].append(now - asked)
            self.waits[1].append(now)
            yield batch


def _speed(samples: SlideSamples, wanted: argparse.Namespace) -> None:
    samples[0]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(
        f"{device}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, load average "
        f"{os.getloadavg()[0]:.1f}; batches of {wanted.batch} augmented tiles of "
        f"{wanted.tile_px} px, precision {wanted.precision}\n"
    )
    print("| loader processes | steps/s | tiles/s | waiting for samples | GPU busy |")
    print("|---|---|---|---|---|")
    loop.RunLoader = _TimedLoader  # type: ignore[misc]
    for workers in wanted.workers:
        config = _config(
            steps=wanted.steps, batch=wanted.batch, workers=workers, precision=wanted.precision
        )
        _TimedLoader.waits = [], []
        network = new_network(config, samples, None)
        with _Busy() as busy:
            loop.fit(network, samples, config, _loss, progress=False)
        # The first steps warm up: libraries choose kernels, loader processes start.
        first = min(3, wanted.steps - 2)
        waits, came = (part[first:] for part in _TimedLoader.waits)
        lasted = came[-1] - came[0]
        rate = (len(came) - 1) / lasted
        share = sum(waits[1:]) / lasted
        print(
            f"| {workers} | {rate:.2f} | {rate * wanted.batch:.1f} | {share:.0%} | {busy.words} |",
            flush=True,
        )


class _Busy:
    """The share of time the GPU had work, asked twice a second; of the second half alone."""

    def __enter__(self) -> "_Busy":
        self._found: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        if torch.cuda.is_available():
            self._thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def words(self) -> str:
        """A share, or a dash where there is no GPU."""
        later = self._found[len(self._found) // 2 :]
        return f"{sum(later) / len(later):.0f} %" if later else "-"

    def _watch(self) -> None:
        ask = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self._over.wait(0.5):
            done = subprocess.run(ask, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                self._found.append(float(done.stdout.split()[0]))


def _child(wanted: argparse.Namespace) -> None:
    """Train, or go on, in a folder; the slide lies beside it."""
    torch.set_num_threads(1)
    config = _config(steps=20, batch=2, precision="32-true", checkpoint_every=4)
    wanted.tile_px = 64
    samples = _samples(wanted.folder, wanted)
    network = new_network(config, samples, None)
    files = loop.FitFiles(wanted.child, resume=wanted.resume)
    trained = loop.fit(network, samples, config, _loss, files=files, progress=False)
    torch.save(trained.state_dict(), wanted.child / "trained.pt")


def _kill(folder: Path, scratch: Path) -> None:
    """Kill a training at a random moment, go on, compare with one left alone."""
    command = [sys.executable, __file__, "--folder", str(folder), "--child"]
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    subprocess.run([*command, str(scratch / "whole")], check=True, env=hidden)
    torn, checkpoint = scratch / "torn", scratch / "torn" / "last.ckpt"
    process = subprocess.Popen([*command, str(torn)], env=hidden)
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(random.SystemRandom().uniform(0, 3))
    process.send_signal(signal.SIGKILL)
    ended = process.wait()
    step = torch.load(checkpoint, weights_only=True)["global_step"]
    subprocess.run([*command, str(torn), "--resume"], check=True, env=hidden)
    one, other = (
        torch.load(scratch / name / "trained.pt", weights_only=True) for name in ("whole", "torn")
    )
    equal = all(torch.equal(one[name], other[name]) for name in one)
    print(
        f"\nkilled by signal {-ended}, gone on with from step {step} of 20: weights "
        f"{'bitwise those' if equal else 'NOT those'} of an uninterrupted run ({len(one)} tensors)"
    )


if __name__ == "__main__":
    main()
