"""What a reader is told first: a page of scores, none of which the specification does not know."""

from histo.scoring.headline import headline_scores
from histo.scoring.score import Score
from histo.scoring.specification import specification

PLACES = {
    "component": ("tumour", "collagen", "myofibroblast", "macrophage", "muscle", "necrosis"),
    "compartment": ("nest", "stroma", "margin", "tumour_tissue", "tissue"),
    "zone": ("nest_zone_0_20_um", "nest_zone_20_50_um", "margin_inner", "margin_outer"),
    "exclusion": ("blur", "pen", "fold", "bubble"),
    "what": ("collagen", "tam", "asma"),
    "part": ("collagen", "asma"),
    "k": ("1", "3"),
}


def every_name():
    """Every name the specification has, its placeholders filled in, without repetition."""
    names = [entry.name for entry in specification().scores]
    for place, values in PLACES.items():
        mark = "{" + place + "}"
        names = [name.replace(mark, v) for name in names for v in (values if mark in name else "-")]
    return list(dict.fromkeys(names))


def test_the_headline_fits_a_screen():
    names = every_name()
    told = headline_scores([Score(name, 1.0, "1", "") for name in names])
    assert len(names) > 130
    assert 20 < len(told) < 35
    assert {score.name for score in told} >= {
        "tumour_fraction_of_tissue",
        "collagen_fraction_of_stroma",
        "tam_density_stroma_per_mm2",
        "tumour_stroma_ratio",
        "activated_stroma_index",
    }
    assert all(specification().of(score.name) for score in told)


def test_scores_keep_their_order_and_others_stay_away():
    names = ["tissue_mm2", "tam_l_p_value", "collagen_mm2", "cell_mm2", "tissue_mm2_too"]
    told = headline_scores([Score(name, 1.0, "1", "") for name in names])
    assert [score.name for score in told] == ["tissue_mm2", "collagen_mm2"]
