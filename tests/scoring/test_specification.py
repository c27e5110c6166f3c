"""The specification is whole, unambiguous, and what the documentation says."""

from pathlib import Path

import numpy as np
import pytest

import histo
from histo.geometry import Spacing
from histo.scoring import Score
from histo.scoring.fibres.architecture import SCORE_UNITS
from histo.scoring.limits import RULES
from histo.scoring.places.regions import Regions
from histo.scoring.sma import h_score_scores
from histo.scoring.specification import specification
from histo.scoring.specification_page import score_page
from histo.vocabulary import Stain

DOCS = Path(histo.__file__).parents[1] / "docs"


@pytest.fixture(params=specification().scores, ids=lambda entry: entry.name)
def entry(request):
    return request.param


def test_an_entry_says_all_a_reader_needs(entry):
    for text in (entry.title, entry.formula, entry.numerator, entry.unit, entry.reading):
        assert text
    assert len(entry.reading) > 40
    assert set(entry.warnings) <= {rule.code for rule in RULES}
    assert set(entry.stains) <= set(Stain)
    assert all(one.text for one in entry.references)


def test_names_are_unique_and_versioned():
    names = [entry.name for entry in specification().scores]
    assert len(set(names)) == len(names)
    assert specification().version.count(".") == 1


def test_placeholders_stand_for_what_they_say():
    found = specification()
    assert found.of("collagen_mm2").name == "{component}_mm2"
    assert found.of("tam_density_stroma_per_mm2").name == "tam_density_{compartment}_per_mm2"
    with pytest.raises(KeyError, match="nonsense_mm2"):
        found.of("nonsense_mm2")


def test_a_score_that_disagrees_is_told():
    wrong = [
        Score("tissue_mm2", 1.0, "um2", "tissue"),
        Score("collagen_fraction_of_tissue", 1.2, "1", "collagen"),
        Score("made_up", 1.0, "1", "nothing"),
        Score("tissue_mm2", float("nan"), "mm2", "tissue", note="undefined"),
    ]
    faults = specification().faults(wrong)
    assert len(faults) == 3
    assert "um2" in faults[0]
    assert "sane range" in faults[1]


def test_fibres_and_the_h_score_are_specified_too():
    made = [Score(name, float("nan"), unit, "what") for name, unit in SCORE_UNITS.items()]
    nothing = np.zeros((4, 4), bool)
    regions = Regions(Spacing(2.0, 2.0), nothing, nothing, nothing)
    made += h_score_scores(np.zeros((4, 4), np.float32), regions)
    assert specification().faults(made) == []


def test_a_canvas_too_coarse_for_a_score_is_told():
    scores = [Score("tam_count_stroma", 5.0, "1", "n"), Score("tissue_mm2", 1.0, "mm2", "n")]
    assert specification().too_coarse(scores, 2.0) == ["tam_count_stroma"]
    assert specification().too_coarse(scores, 1.02) == []


@pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here")
def test_the_documentation_is_written_from_the_specification():
    introduction = (DOCS / "scores_introduction.md").read_text(encoding="utf-8")
    written = (DOCS / "scores.md").read_text(encoding="utf-8")
    assert written == score_page(specification(), introduction), (
        "run python -m histo.scoring.specification_page docs/scores.md"
    )
