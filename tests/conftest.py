"""Fixtures every test room shares."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# The same examples every time: a change is judged by what it does, not by the draw of the day.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job is deaf to Ctrl-C, and so is what it starts: the tests are not.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the development images; the test is skipped where it is absent."""
    folder = Path(os.environ.get("HISTO_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("development images are not here (set HISTO_DATA to their folder)")
    return folder


@pytest.fixture(autouse=True)
def one_field_of_fibres(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure fibres in one field where slides are scored: a field costs half a second."""
    import histo.pipeline.scores as room

    every = room.collagen_architecture

    def one(*given, fields, **named):
        return every(*given, fields=min(fields, 1), **named)

    monkeypatch.setattr(room, "collagen_architecture", one)
