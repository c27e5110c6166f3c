"""Hot spots: found where they are, and told from chance."""

import math
from dataclasses import replace

import numpy as np
import pytest

from histo.geometry import Spacing
from histo.scoring import by_name
from histo.scoring.limits import warnings_for
from histo.scoring.macrophages.fields import field_grid, field_radius_um, hpf_area_mm2
from histo.scoring.macrophages.hotspot_scores import hot_spot_scores
from histo.scoring.macrophages.hotspots import HotSpotSettings, find_hot_spots

TEN_UM = Spacing(10.0, 10.0)
FEW = HotSpotSettings(runs=19)
NONE = HotSpotSettings(runs=0)


def scattered(seed: int, per_mm2: float = 100.0, side_px: int = 500) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((rng.poisson(per_mm2 * (side_px / 100) ** 2), 2)) * side_px


def square(side_px: int = 500) -> np.ndarray:
    return np.ones((side_px, side_px), bool)


def test_the_field_of_a_microscope() -> None:
    assert field_radius_um(22.0) == 275.0
    assert hpf_area_mm2(22.0) == pytest.approx(math.pi * (22 / 80) ** 2)
    assert hpf_area_mm2(26.5) == pytest.approx(0.3447, abs=1e-4)
    with pytest.raises(ValueError, match="field number"):
        field_radius_um(0.0)


def test_planted_clusters_are_the_hot_spots() -> None:
    rng = np.random.default_rng(0)
    middles = np.array([[100.0, 100.0], [400.0, 120.0], [250.0, 380.0]])
    clusters = [m + rng.uniform(-8, 8, (n, 2)) for m, n in zip(middles, (80, 60, 40), strict=True)]
    choice = HotSpotSettings(top=(1, 3), runs=19)
    found = find_hot_spots(np.concatenate(clusters), square(), TEN_UM, choice)
    assert found.fields.counts.tolist() == [80, 60, 40]
    gap = np.hypot(*(found.fields.centres_um / 10 - middles).T)
    assert gap.max() < 27.5
    assert found.top[1].observed == pytest.approx(60 / hpf_area_mm2(), rel=0.01)
    assert [top.p for top in found.top] == [0.05, 0.05]
    assert not any(top.compatible_with_chance for top in found.top)


def test_fields_do_not_overlap_and_are_counted_exactly() -> None:
    points = scattered(1)
    found = find_hot_spots(points, square(), TEN_UM, NONE)
    centres = found.fields.centres_um
    gaps = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    assert gaps[~np.eye(10, dtype=bool)].min() >= 550.0
    near = np.hypot(*(points[None] * 10 - centres[:, None]).transpose(2, 0, 1)) <= 275.0
    assert found.fields.counts.tolist() == near.sum(axis=1).tolist()
    assert (np.diff(found.fields.per_mm2) <= 0).all()
    assert math.isnan(found.top[0].p)


def test_a_field_needs_half_its_area() -> None:
    eligible = np.zeros((500, 500), bool)
    eligible[200:] = True
    points = np.concatenate([scattered(2), np.full((400, 2), 201.0)])
    found = find_hot_spots(points, eligible, TEN_UM, NONE)
    assert (found.fields.area_mm2 >= 0.48 * hpf_area_mm2()).all()
    assert (found.fields.centres_um[:, 0] >= 1980).all()
    strict = replace(NONE, least_fraction=1.0)
    whole = find_hot_spots(points, eligible, TEN_UM, strict).fields.area_mm2
    assert whole == pytest.approx(np.full(len(whole), hpf_area_mm2()), rel=0.01)


def test_cells_outside_the_mask_change_nothing() -> None:
    eligible = square()
    eligible[:, :100] = False
    points = scattered(3)
    inside = points[points[:, 1] >= 100]
    whole, part = (find_hot_spots(p, eligible, TEN_UM, FEW) for p in (points, inside))
    assert whole.top == part.top
    assert whole.per_mm2 == part.per_mm2


def test_random_cells_are_compatible_with_chance_about_as_often_as_said() -> None:
    verdicts = [
        find_hot_spots(scattered(seed, side_px=300), square(300), TEN_UM, FEW).top[0]
        for seed in range(30)
    ]
    rejected = sum(not top.compatible_with_chance for top in verdicts)
    assert rejected <= 5  # 1.5 expected; 6 or more has a chance of 0.3 %
    ratio = np.mean([top.observed / top.expected for top in verdicts])
    assert ratio == pytest.approx(1.0, abs=0.03)


def test_the_same_seed_gives_the_same_answer_and_another_a_similar_one() -> None:
    points = scattered(4)
    one, same = (find_hot_spots(points, square(), TEN_UM, FEW).top for _ in range(2))
    other = find_hot_spots(points, square(), TEN_UM, replace(FEW, seed=1)).top
    assert one == same
    assert one != other
    assert one[0].expected == pytest.approx(other[0].expected, rel=0.05)


def test_a_mirror_and_finer_pixels_give_the_same_hot_spot() -> None:
    points = scattered(5)
    whole = find_hot_spots(points, square(), TEN_UM, NONE).top[0].observed
    # 500 px are not whole grid cells of 3 px, so a mirror shifts the grid by a pixel.
    mirrored = find_hot_spots((500, 0) + points * (-1, 1), square(), TEN_UM, NONE)
    assert mirrored.top[0].observed == pytest.approx(whole, rel=0.05)
    fine = find_hot_spots(points * 2, square(1000), Spacing(5.0, 5.0), NONE)
    assert fine.top[0].observed == pytest.approx(whole, rel=0.05)
    assert fine.per_mm2 == pytest.approx(len(points) / 25.0)


def test_too_small_a_region_has_no_hot_spot_and_says_why() -> None:
    found = find_hot_spots(scattered(6, side_px=100), square(100), TEN_UM, FEW)
    scores = by_name(hot_spot_scores(found, FEW))
    assert scores["tam_hotspot_region_density_per_mm2"].value > 0
    assert math.isnan(scores["tam_hotspot_top5_per_mm2"].value)
    assert "only" in scores["tam_hotspot_top5_per_mm2"].note
    assert math.isnan(scores["tam_hotspot_top10_chance_p"].value)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (200, 200)])
def test_without_eligible_area_every_score_is_nan(shape: tuple[int, int]) -> None:
    found = find_hot_spots(np.empty((0, 2)), np.zeros(shape, bool), TEN_UM, FEW)
    scores = hot_spot_scores(found, FEW)
    assert all(math.isnan(score.value) and score.note for score in scores)


def test_a_region_without_cells_is_zero_and_has_no_chance_value() -> None:
    found = find_hot_spots(np.empty((0, 2)), square(), TEN_UM, FEW)
    scores = by_name(hot_spot_scores(found, FEW))
    assert scores["tam_hotspot_top5_per_mm2"].value == 0
    assert math.isnan(scores["tam_hotspot_top5_by_chance_per_mm2"].value)


def test_the_field_is_printed_and_chance_stands_beside() -> None:
    choice = replace(FEW, field_number=26.5)
    scores = by_name(
        hot_spot_scores(find_hot_spots(scattered(7), square(), TEN_UM, choice), choice)
    )
    top = scores["tam_hotspot_top5_per_mm2"]
    assert "0.345 mm² (FN 26.5 at 40x)" in top.numerator
    assert "p = " in top.note
    assert scores["tam_hotspot_top5_by_chance_per_mm2"].value == pytest.approx(top.value, rel=0.2)


def test_a_hot_spot_of_chance_is_warned_of_with_its_numbers() -> None:
    random = find_hot_spots(scattered(7), square(), TEN_UM, FEW)
    warnings = warned(random)
    assert [warning.score for warning in warnings] == [
        f"tam_hotspot_top{top.k}_chance_p" for top in random.top if top.p > 0.05
    ]
    assert warnings
    assert f"p = {warnings[0].value:.2g}" in warnings[0].message
    clustered = np.concatenate([scattered(7), np.tile(scattered(8, 400, 60) + 200, (3, 1))])
    assert not warned(find_hot_spots(clustered, square(), TEN_UM, FEW))
    assert not warned(find_hot_spots(scattered(7), square(), TEN_UM, NONE))


def warned(found):
    return [one for one in warnings_for(hot_spot_scores(found, FEW)) if "hot_spot" in one.code]


def test_the_grid_holds_all_of_the_area() -> None:
    mask = np.random.default_rng(8).random((101, 67)) < 0.4
    grid = field_grid(mask, Spacing(10.0, 7.0))
    assert grid.total_mm2 == pytest.approx(Spacing(10.0, 7.0).area_mm2(mask.sum()))
    everywhere = field_grid(square(), TEN_UM).field_mm2
    assert everywhere.max() == pytest.approx(hpf_area_mm2(), rel=2e-3)


@pytest.mark.parametrize("wrong", [{"top": ()}, {"top": (0,)}, {"runs": -1}, {"least_fraction": 0}])
def test_a_wrong_setting_is_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"found|share"):
        HotSpotSettings(**wrong)
