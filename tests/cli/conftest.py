"""A small slide, a bundle of one formula, and a way to type commands."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_fakes import Typed, write_bundle
from typer.testing import CliRunner

import histo
from histo.cli.app import app
from histo.slides.phantom import PhantomSpec, PhantomTruth, write_phantom


@pytest.fixture
def histo_() -> Callable[..., Typed]:
    """Type a command, in this process."""

    def type_in(*words: str | Path) -> Typed:
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Typed(done.exit_code, done.stdout, done.stderr)

    return type_in


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a command in a process of its own; ``before`` is Python run first."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str | Path | bytes, before: str = "") -> "subprocess.Popen[str]":
        code = f"{before}\nfrom histo.cli import main\nmain()"
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(histo.__file__).parents[1]),
            "PYTHONIOENCODING": "utf-8",
            "OMP_NUM_THREADS": "1",
        }
        environment.pop("PYTHONWARNINGS", None)
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=environment,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def finish(start: Callable[..., "subprocess.Popen[str]"]) -> Callable[..., Typed]:
    """Run a command in a process of its own."""

    def run(*words: str | Path | bytes, before: str = "") -> Typed:
        process = start(*words, before=before)
        out, err = process.communicate(timeout=240)
        return Typed(process.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that costs nothing to run."""
    pytest.importorskip("onnx")
    return write_bundle(tmp_path_factory.mktemp("bundles") / "formula")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PhantomTruth]:
    """A phantom slide of 1 x 0.75 mm at 0.5 µm/px, and its truth."""
    path = tmp_path_factory.mktemp("slides") / "phantom.tif"
    return path, write_phantom(path, PhantomSpec(seed=1, width_mm=1.0, height_mm=0.75))


@pytest.fixture(scope="session")
def slide(drawn: tuple[Path, PhantomTruth]) -> Path:
    """The phantom's file; not to be altered."""
    return drawn[0]


@pytest.fixture
def infer(histo_: Callable[..., Typed], bundle: Path) -> Callable[..., Typed]:
    """Type ``histo infer`` with the bundle of one formula."""

    def type_in(*words: str | Path) -> Typed:
        return histo_("infer", *words, "--bundle", bundle)

    return type_in


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder for results that is not there yet."""
    return tmp_path / "results"
