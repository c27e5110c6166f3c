"""The scores of a field: names, reasons, and fields that add up."""

import math

import numpy as np
import pytest
from drawn_fibres import HALF_UM, across_um, axial_difference, stripes

from histo.geometry import Box, Spacing
from histo.scoring import by_name
from histo.scoring.fibres.architecture import SCORE_UNITS, fibre_scores, scores_of_fields
from histo.scoring.fibres.field import FibreSettings, fibre_counts
from histo.scoring.fibres.tensor import TensorScales
from histo.scoring.fibres.texture import TextureSettings
from histo.slides.phantom import Phantom, PhantomSpec

SHAPE = (264, 264)
ALL = np.ones(SHAPE, np.bool_)
IMAGE = 0.4 + 0.2 * stripes(SHAPE, 30, 8.0)
QUICK = FibreSettings(TensorScales(1.0, 4.0), texture=TextureSettings(doublings=3))


def test_every_score_has_its_name_unit_and_a_number():
    tumour = across_um(SHAPE, 30)[1] > 20
    scores = fibre_scores(IMAGE, ALL & ~tumour, HALF_UM, tumour, QUICK)
    assert [(score.name, score.unit) for score in scores] == list(SCORE_UNITS.items())
    for score in scores:
        assert math.isfinite(score.value), score
        assert "0.5 µm/px" in score.numerator
    values = {name: score.value for name, score in by_name(scores).items()}
    assert axial_difference(values["collagen_direction_deg"], 30) < 1
    assert values["collagen_alignment"] > 0.99
    assert values["fibre_boundary_angle_deg"] == pytest.approx(0, abs=2)
    assert values["fibre_perpendicular_excess"] == pytest.approx(-1 / 3, abs=0.01)
    # One fibre every 8 µm: 125 mm/mm².
    assert values["fibre_density_mm_per_mm2"] == pytest.approx(125, rel=0.05)
    assert values["fibre_straightness"] > 0.98


def test_a_coarse_field_is_declined_with_the_reason():
    for score in fibre_scores(IMAGE, ALL, Spacing(0.6, 0.6)):
        assert math.isnan(score.value)
        assert "0.5 µm/px or finer" in score.note
        assert "0.6" in score.note
    with pytest.raises(ValueError, match="finer level"):
        fibre_counts(IMAGE, ALL, Spacing(0.6, 0.6))
    assert math.isfinite(fibre_scores(IMAGE, ALL, Spacing(0.503, 0.503), None, QUICK)[0].value)


def test_nothing_to_see_is_nan_with_a_reason_never_zero():
    for mask, image in ((~ALL, IMAGE), (ALL, np.full(SHAPE, 0.4))):
        for score in fibre_scores(image, mask, HALF_UM, None, QUICK):
            if math.isnan(score.value):
                assert score.note.startswith("undefined: ")
    empty = by_name(fibre_scores(IMAGE, ~ALL, HALF_UM, None, QUICK))
    known = {name for name, score in empty.items() if math.isfinite(score.value)}
    assert known == {"collagen_coherency_noise_floor"}
    assert "no tumour mask" in empty["fibre_perpendicular_excess"].note
    assert math.isnan(scores_of_fields([])[0].value)


def test_several_fields_add_up_sums_first():
    wide = 0.4 + 0.2 * stripes(SHAPE, 120, 16.0)
    disc = np.hypot(*across_um(SHAPE, 0)) < 50
    fields = [
        fibre_counts(IMAGE, ALL, HALF_UM, None, QUICK),
        fibre_counts(wide, disc, HALF_UM, None, QUICK),
    ]
    both = by_name(scores_of_fields(fields, QUICK))
    one, two = (field.skeleton for field in fields)
    expected = 1e3 * (one.length_um + two.length_um) / (one.area_um2 + two.area_um2)
    assert both["fibre_density_mm_per_mm2"].value == pytest.approx(expected)
    assert "2 fields" in both["fibre_density_mm_per_mm2"].numerator
    assert both["collagen_alignment"].value < fields[0].axial.alignment
    coarser = fibre_counts(IMAGE, ALL, Spacing(0.45, 0.45), None, QUICK)
    with pytest.raises(ValueError, match="do not add up"):
        scores_of_fields([fields[0], coarser])


def test_tumour_edges_of_some_fields_are_enough():
    tumour = across_um(SHAPE, 30)[1] > 20
    with_edge = fibre_counts(IMAGE, ALL, HALF_UM, tumour, QUICK)
    without = fibre_counts(IMAGE, ALL, HALF_UM, None, QUICK)
    assert (with_edge + without).boundary == with_edge.boundary == (without + with_edge).boundary
    assert (without + without).boundary is None


def test_what_lies_outside_the_mask_changes_no_score():
    disc = np.hypot(*across_um(SHAPE, 0)) < 50
    other = np.where(disc, IMAGE, np.random.default_rng(0).choice([np.nan, 4.0], SHAPE))
    one, two = (fibre_counts(image, disc, HALF_UM, None, QUICK) for image in (IMAGE, other))
    assert one.skeleton == two.skeleton
    assert (one.axial, one.coherency, one.dense) == (two.axial, two.coherency, two.dense)


def test_random_directions_by_chance_shrink_with_the_area():
    field = fibre_counts(IMAGE, ALL, HALF_UM, None, QUICK)
    assert field.chance_alignment(4.0) == pytest.approx(
        np.sqrt(np.pi / 4 / (field.oriented_px * 0.25 / (4 * np.pi * 16)))
    )
    assert (field + field).chance_alignment(4.0) < field.chance_alignment(4.0)


def test_the_phantom_slides_collagen_has_the_direction_it_was_drawn_with():
    phantom = Phantom(PhantomSpec(seed=4, width_mm=0.3, height_mm=0.25, bed_radius=0.0))
    box = Box(0, 0, *phantom.shape)
    # Eosin is what collagen holds; green light sees it best.
    green = -np.log10(np.maximum(phantom.render(box)[..., 1], 1) / phantom.spec.glass[1])
    counts = fibre_counts(green, phantom.truth_mask("collagen", box), phantom.spacing)
    # The phantom's angle runs from the column axis towards the row axis: clockwise.
    assert axial_difference(counts.axial.mean_deg, 180 - phantom.truth.fibre_angle_deg) < 3
    assert counts.axial.alignment == pytest.approx(phantom.truth.fibre_alignment, abs=0.06)
