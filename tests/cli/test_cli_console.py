"""What a person sees while it works, and what a program reads."""

import io
import json
import math
import sys

import pytest

from histo.cli.console import print_json, progress_bar, sentence
from histo.errors import SlideOpenError


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self):
        return True


@pytest.fixture
def seen(monkeypatch):
    """Return what a terminal has shown of the stages that were told."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    def show(*stages):
        monkeypatch.setattr("sys.stderr", Terminal())  # here: pytest sets its own after fixtures
        with progress_bar("[b] slide.svs", quiet=False) as tell:
            for stage in stages:
                tell(*stage)
        return sys.stderr.getvalue()

    return show


TILES = [("he-collagen", done, 40) for done in range(0, 41, 4)]


def test_a_person_sees_stage_tiles_and_rate(seen):
    shown = seen(("tissue", 0, 1), *TILES)
    assert "[b] slide.svs: he-collagen" in shown
    assert "40/40 tiles, " in shown
    assert "/s" in shown


def test_the_pace_of_a_stage_is_not_shown_for_the_next(seen):
    last = seen(*TILES, ("results", 0, 1)).rpartition("slide.svs: results")[2]
    assert last
    assert "tiles" not in last
    assert "/s" not in last


@pytest.mark.parametrize("quiet", [True, False])
def test_nothing_is_shown_where_nobody_looks(capsys, quiet):
    with progress_bar("slide.svs", quiet=quiet) as tell:
        tell("tissue", 0, 1)
    assert capsys.readouterr() == ("", "")


def test_json_has_no_nan(capsys):
    print_json({"a": math.nan, "b": [math.inf, 1.5], "µ": "✨"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": None, "b": [None, 1.5], "µ": "✨"}
    assert "µ" in text


def test_a_fault_is_one_line():
    assert sentence(SlideOpenError("a\nb")) == "a b"
    assert "no memory left" in sentence(MemoryError())
    assert sentence(KeyError("x")).startswith("unexpected KeyError: 'x' (please report it")
