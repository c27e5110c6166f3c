"""The panel that ships names bundles that ship, and each can do what it is asked for."""

import pytest

from histo.assets import bundle_names, config_path
from histo.config import Panel
from histo.nn import load_bundle
from histo.pipeline import ScoreOptions, choose_bundles
from histo.stains import StainGuess
from histo.vocabulary import Component

PANEL = Panel.from_yaml(config_path("default"))


def called(entry):
    return " ".join(filter(None, (entry.stain, entry.marker)))


@pytest.fixture(params=PANEL.entries, ids=called)
def entry(request):
    return request.param


def test_its_bundles_ship_and_answer(entry):
    assert set(entry.bundles) <= set(bundle_names())
    sure = StainGuess(entry.stain, 0.95, {entry.stain: 0.95})
    chosen, notes = choose_bundles(sure, ScoreOptions(marker=entry.marker))
    assert [bundle.card.name for bundle in chosen] == entry.bundles
    assert notes == []


def test_its_bundles_write_one_canvas(entry):
    assert len({load_bundle(name).card.canvas_um_per_px for name in entry.bundles}) == 1


def test_it_renames_what_its_bundles_give(entry):
    given = {c for name in entry.bundles for c in load_bundle(name).card.components}
    assert set(entry.rename) <= given
    shown = {entry.rename.get(component, component) for component in given}
    assert Component.POSITIVE not in shown, "brown stands for something on every slide of a panel"


def test_an_entry_stands_for_one_stain_and_marker():
    asked = [(entry.stain, entry.marker) for entry in PANEL.entries]
    assert len(set(asked)) == len(asked)
