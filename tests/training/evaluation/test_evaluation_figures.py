"""Evaluation of rows: groups, intervals by patient, cells, agreement of areas."""

import math
from dataclasses import replace

import numpy as np
import pytest
from evaluation_fakes import TUMOUR, UM2, drawn_row

from histo.errors import ConfigError
from histo.training.evaluation import Judged, choose_cell_threshold, evaluate
from histo.training.evaluation.calibration import pooled_levels
from histo.training.evaluation.counts import added
from histo.training.evaluation.levels import dice
from histo.vocabulary import Component

CUT = {TUMOUR: 0.5}
CELL = Component.CELL


def figures(rows: list[Judged], thresholds=CUT) -> dict[str, float]:
    evaluation = evaluate(rows, thresholds)
    return {n: e.value for n, e in evaluation.overall(evaluation.components[0]).figures.items()}


def cell_row(true: list[tuple[float, float]], found: list[tuple[int, int]], height: float = 1.0):
    """A map with a peak of 3 x 3 px (6 µm) at each place found, beside annotated points."""
    plane = np.zeros((1, 60, 60), np.float32)
    for row, col in found:
        plane[0, row - 1 : row + 2, col - 1 : col + 2] = height
    nothing = np.zeros(plane.shape, bool)
    points = {CELL: np.array(true, np.float64).reshape(-1, 2)}
    return Judged("row 2", "p", "", "", UM2, (CELL,), plane, nothing, ~nothing, points)


def test_groups_are_the_whole_and_its_parts():
    rows = [drawn_row(seed, patient=f"p{seed // 2}") for seed in range(6)]
    evaluation = evaluate(rows, CUT)
    names = [(group.by, group.name) for group in evaluation.groups]
    assert names == [
        ("all", ""),
        ("organ", "breast"),
        ("organ", "colon"),
        ("site", "s0"),
        ("site", "s1"),
        ("patient", "p0"),
        ("patient", "p1"),
        ("patient", "p2"),
    ]
    whole = evaluation.overall(TUMOUR)
    assert whole.rows, whole.patients == (6, 3)
    for by in ("organ", "site", "patient"):
        parts = [group for group in evaluation.groups if group.by == by]
        assert sum(part.known_mm2 for part in parts) == pytest.approx(whole.known_mm2)
    known = sum(int(row.known.sum()) for row in rows)
    assert whole.known_mm2 == pytest.approx(known * 4e-6)


def test_a_perfect_map_is_perfect_and_its_mirror_image_is_worthless():
    row = drawn_row(0)
    perfect = replace(row, probability=row.present.astype(np.float32))
    found = figures([perfect])
    assert found.pop("calibration error") == 0
    assert all(value == 1 for value in found.values())
    wrong = figures([replace(row, probability=1 - perfect.probability)])
    assert wrong["Dice"] == wrong["AUROC"] == wrong["balanced accuracy"] == 0


def test_a_quarter_turn_changes_nothing():
    row = drawn_row(3)
    turned = replace(
        row,
        probability=np.rot90(row.probability, axes=(1, 2)),
        present=np.rot90(row.present, axes=(1, 2)),
        known=np.rot90(row.known, axes=(1, 2)),
    )
    assert figures([turned]) == figures([row])


def test_with_few_patients_there_is_no_interval_and_it_says_why():
    rows = [drawn_row(seed, patient=f"p{seed % 2}") for seed in range(18)]
    for found in evaluate(rows, CUT).overall(TUMOUR).figures.values():
        assert math.isnan(found.low)
        assert "needs 3 patients" in found.note
    metric = evaluate(rows, CUT).metrics("test")[0]
    assert (metric.name, metric.component, metric.split) == ("Dice", "tumour", "test")
    assert (metric.low, metric.high) == (None, None)


def test_an_interval_holds_the_value_stays_a_share_and_is_repeatable():
    rows = [drawn_row(seed, shift=0.2 + 0.05 * (seed % 7)) for seed in range(14)]
    first, second = evaluate(rows, CUT, seed=3), evaluate(rows, CUT, seed=3)
    for name, found in first.overall(TUMOUR).figures.items():
        assert 0 <= found.low < found.value < found.high <= 1, name
        assert second.overall(TUMOUR).figures[name] == found


def test_a_patient_s_slides_are_no_new_patients():
    rows = [drawn_row(seed, shift=0.2 + 0.05 * (seed % 7)) for seed in range(12)]
    twice = rows + [replace(row, name=f"{row.name} again") for row in rows]
    once, again = (evaluate(r, CUT).overall(TUMOUR).figures["Dice"] for r in (rows, twice))
    assert again.value == pytest.approx(once.value)
    assert again.high - again.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_the_interval_of_dice_covers_the_truth():
    """Of 25 studies of 15 patients, about 24 intervals hold the Dice of very many patients."""
    draw = np.random.default_rng(0)

    def study(patients: int) -> list[Judged]:
        rows = []
        for number in range(patients):
            quality = draw.normal(0.6, 0.2)
            present = draw.random((1, 1, 40)) < draw.uniform(0.2, 0.6)
            right = draw.random(present.shape) < quality
            called = np.where(right, present, ~present).astype(np.uint8) * np.uint8(255)
            known = np.ones(present.shape, bool)
            rows.append(Judged("r", f"p{number}", "", "", UM2, (TUMOUR,), called, present, known))
        return rows

    truth = dice(pooled_levels(study(3000), TUMOUR), 0.5)
    held = 0
    for _ in range(25):
        counts = evaluate(study(15), CUT)
        found = counts._group(TUMOUR, "all", "", counts.rows).figures["Dice"]
        held += found.low <= truth <= found.high
    assert held >= 21


def test_areas_agree_as_shares_of_what_is_known():
    rows = []
    for number, share in enumerate((0.1, 0.3, 0.5, 0.8)):
        present = np.zeros((1, 10, 10 * (number + 1)), bool)  # rows of different size
        present[:, : round(10 * share)] = True
        rows.append(
            replace(
                drawn_row(number),
                probability=present * np.float32(1),
                present=present,
                known=np.ones_like(present),
            )
        )
    evaluation = evaluate(rows, CUT)
    pair = evaluation.area_agreement(TUMOUR)
    assert pair.icc.value == 1
    assert pair.bland_altman.bias.value == 0
    assert evaluation.area_shares(TUMOUR)[:, 1] == pytest.approx([0.1, 0.3, 0.5, 0.8])
    assert evaluate(rows[:2], CUT).area_agreement(TUMOUR) is None


def test_more_is_predicted_than_labelled():
    rows = [drawn_row(seed) for seed in range(5)]
    more = [replace(row, probability=np.full(row.probability.shape, 255, np.uint8)) for row in rows]
    pair = evaluate(more, CUT).area_agreement(TUMOUR)
    labelled = evaluate(more, CUT).area_shares(TUMOUR)[:, 1]
    assert pair.bland_altman.bias.value == pytest.approx(1 - labelled.mean())


def test_cells_within_the_radius_are_found_others_are_not():
    # 8 µm away: beyond 7.5 µm, within 10 µm. The last is found where none is.
    row = cell_row([(10.5, 10.5), (30.5, 30.5)], [(10, 10), (30, 34), (50, 50)])
    found = figures([row], {CELL: 0.5})
    assert found["cell F1 within 7.5 µm"] == pytest.approx(2 * 1 / 5)
    assert found["cell F1 within 10 µm"] == pytest.approx(2 * 2 / 5)


def test_cells_where_nothing_is_known_do_not_count():
    row = cell_row([(10.5, 10.5), (50.5, 50.5)], [(10, 10), (45, 50)])
    row.known[:, 40:] = False
    assert figures([row], {CELL: 0.5})["cell F1 within 7.5 µm"] == 1


def test_rows_without_annotated_cells_add_none():
    row = cell_row([(10.5, 10.5)], [(10, 10)])
    bare = replace(cell_row([], [(30, 30)]), cells=None)
    assert figures([row, bare], {CELL: 0.5})["cell F1 within 7.5 µm"] == 1
    assert "cell F1 within 7.5 µm" not in figures([bare], {CELL: 0.5})
    looked_for = cell_row([], [(30, 30)])
    assert figures([row, looked_for], {CELL: 0.5})["cell F1 within 7.5 µm"] == pytest.approx(2 / 3)


def test_the_threshold_of_cells_parts_true_from_false_peaks():
    right = cell_row([(10.5, 10.5), (30.5, 30.5)], [(10, 10), (30, 30)], height=0.8)
    right.probability[0, 49:52, 49:52] = 0.3
    chosen = choose_cell_threshold([right], CELL)
    assert figures([right], {CELL: chosen})["cell F1 within 7.5 µm"] == 1
    assert figures([right], {CELL: 0.02})["cell F1 within 7.5 µm"] < 1
    with pytest.raises(ConfigError, match="no validation row has a cell"):
        choose_cell_threshold([drawn_row(0)], CELL)


def test_components_may_be_known_on_different_rows():
    both = Judged(
        "row 9",
        "p",
        "",
        "",
        UM2,
        (CELL, TUMOUR),
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((2, 4, 4), bool),
        np.stack([np.zeros((4, 4), bool), np.ones((4, 4), bool)]),
    )
    evaluation = evaluate([both, drawn_row(0)], {CELL: 0.5, TUMOUR: 0.5})
    assert evaluation.components == (TUMOUR,)
    assert evaluation.overall(TUMOUR).rows == 2


def test_rows_counted_alone_add_up_to_the_whole():
    rows = [drawn_row(seed) for seed in range(4)]
    whole = evaluate(rows, CUT)
    total = added(whole.rows, TUMOUR)
    assert dice(total.levels, 0.5) == figures(rows)["Dice"]


def test_undefined_figures_are_on_no_card():
    row = drawn_row(0)
    row.present[:] = False
    names = {metric.name for metric in evaluate([row], CUT).metrics("test")}
    assert "AUROC" not in names
    assert "Dice" in names


def test_planes_of_different_frames_are_refused():
    row = drawn_row(0)
    with pytest.raises(ValueError, match="one frame"):
        replace(row, known=row.known[:, 1:])
    with pytest.raises(ValueError, match="a plane for each component"):
        replace(row, components=(TUMOUR, CELL))


def test_cells_may_be_found_in_a_map_of_centres():
    """Macrophages annotated as cells, where the network gives their area and all centres."""
    centres = cell_row([(10.5, 10.5), (30.5, 30.5)], [(10, 10), (30, 30)])
    area = np.zeros((1, 60, 60), np.uint8)
    macrophage = Component.MACROPHAGE
    points = centres.cells[CELL]
    row = replace(centres, components=(macrophage,), probability=area, cells={macrophage: points})
    cut = {macrophage: 0.5, CELL: 0.4}
    assert figures([row], cut)["cell F1 within 7.5 µm"] == 0
    found = replace(row, centres={macrophage: centres.probability[0]})
    assert figures([found], cut)["cell F1 within 7.5 µm"] == 1
