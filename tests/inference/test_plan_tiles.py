"""Where the tiles of a slide lie."""

from dataclasses import astuple, dataclass
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histo.errors import ConfigError
from histo.geometry import Box, Spacing
from histo.inference import Target, TilePlan, TileSettings, plan_tiles
from histo.inference.strips import Profile, Shapes, cut_band

GRID = Spacing(0.5, 0.5)


@dataclass(frozen=True)
class Case:
    frame: tuple[int, int]
    tiling: TileSettings
    reduction: int
    stride: int
    mask_px: float
    """Width of a mask pixel in grid pixels."""

    def plan(self, mask: np.ndarray) -> TilePlan:
        target = Target(mask, GRID.scaled(self.mask_px))
        return plan_tiles(
            self.frame,
            GRID,
            target,
            self.tiling,
            reduction=self.reduction,
            stride_px=self.stride,
        )

    @property
    def mask_shape(self) -> tuple[int, ...]:
        return tuple(int(np.ceil(side / self.mask_px)) for side in self.frame)

    def mask(self, seed: int, density: float) -> np.ndarray:
        return np.random.default_rng(seed).random(self.mask_shape) < density


@st.composite
def cases(draw: st.DrawFn) -> Case:
    reduction, stride = draw(st.sampled_from([(1, 1), (2, 1), (3, 1), (4, 32), (2, 16), (5, 8)]))
    context, blend = draw(st.integers(0, 50)), draw(st.integers(0, 50))
    smallest = 2 * context + blend + 4 * np.lcm(reduction, stride)
    tile = int(smallest + draw(st.integers(0, 300)))
    frame = draw(st.tuples(st.integers(1, 1500), st.integers(1, 1500)))
    mask_px = draw(st.sampled_from([1.0, 7.3, 16.0, 33.7]))
    return Case(frame, TileSettings(tile, context, blend), reduction, stride, mask_px)


@settings(max_examples=60, deadline=None)
@given(case=cases(), seed=st.integers(0, 99), density=st.sampled_from([0.001, 0.02, 1.0]))
def test_every_measurable_pixel_is_in_just_one_cell(case: Case, seed: int, density: float) -> None:
    mask = case.mask(seed, density)
    plan = case.plan(mask)
    rows, cols = (
        np.minimum((np.arange(side) / case.mask_px).astype(int), len_ - 1)
        for side, len_ in zip(case.frame, mask.shape, strict=True)
    )
    measurable = mask[rows][:, cols]
    times = np.zeros(case.frame, dtype=int)
    for tile in plan:
        inside = tile.cell.intersect(Box(0, 0, *case.frame))
        times[inside.slices] += 1
    assert times.max(initial=0) <= 1
    assert (times[measurable] == 1).all()
    k = case.reduction
    evaluated = plan.evaluated().repeat(k, axis=0).repeat(k, axis=1)
    np.testing.assert_array_equal(evaluated[: case.frame[0], : case.frame[1]], times == 1)


@settings(max_examples=50, deadline=None)
@given(case=cases(), seed=st.integers(0, 99), data=st.data())
def test_what_was_evaluated_in_a_box_is_that_box_of_all(
    case: Case, seed: int, data: st.DataObject
) -> None:
    plan = case.plan(case.mask(seed, 0.02))
    height, width = plan.canvas_shape
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = Box(top, left, data.draw(st.integers(0, height - top)), width - left)
    np.testing.assert_array_equal(plan.evaluated(box), plan.evaluated()[box.slices])


@settings(max_examples=60, deadline=None)
@given(case=cases(), seed=st.integers(0, 99), density=st.sampled_from([0.02, 1.0]))
def test_cells_lie_inside_their_tiles_by_the_context_and_everything_nests(
    case: Case, seed: int, density: float
) -> None:
    plan = case.plan(case.mask(seed, density))
    unit, k = int(np.lcm(case.reduction, case.stride)), case.reduction
    assert plan.tile_px <= case.tiling.tile_px
    assert plan.context_px >= case.tiling.context_px
    assert plan.blend_px >= case.tiling.blend_px
    assert plan.step_px % unit == plan.tile_px % unit == 0
    for tile in plan:
        seen, valid, cell = plan.tile_box(tile), plan.valid_box(tile), tile.cell
        assert seen.row % unit == seen.col % unit == seen.height % unit == seen.width % unit == 0
        assert not any(side % k for side in (*astuple(valid), *astuple(cell)))
        assert valid.intersect(seen.pad(-plan.context_px)) == valid
        assert cell.intersect(valid) == cell
        assert (valid.height, valid.width) == (
            cell.height + plan.blend_px,
            cell.width + plan.blend_px,
        )
        top, bottom = plan.band_rows(tile.band)
        assert top <= valid.row
        assert valid.bottom <= bottom
        assert max(tile.shape) <= plan.tile_px


@settings(max_examples=60, deadline=None)
@given(case=cases(), seed=st.integers(0, 99))
def test_tile_origins_keep_to_the_lattice_of_the_settings(case: Case, seed: int) -> None:
    some = case.plan(case.mask(seed, 0.01))
    everything = case.plan(np.ones(case.mask_shape, dtype=bool))
    assert some.band_rows(3) == everything.band_rows(3)
    assert (some.tile_px, some.origin_px) == (everything.tile_px, everything.origin_px)


@settings(max_examples=40, deadline=None)
@given(case=cases(), row=st.floats(0, 1), col=st.floats(0, 1))
def test_a_speck_of_tissue_takes_no_more_tiles_than_bands_it_lies_in(
    case: Case, row: float, col: float
) -> None:
    mask = np.zeros(case.mask_shape, dtype=bool)
    speck = int(row * (mask.shape[0] - 1)), int(col * (mask.shape[1] - 1))
    mask[speck] = True
    plan = case.plan(mask)
    bands = int(np.ceil(case.mask_px / plan.step_px)) + 1
    assert 1 <= len(plan) <= bands * (int(np.ceil(case.mask_px / plan.step_px)) + 1)


def test_tiles_come_band_by_band_and_in_a_band_alike_ones_together() -> None:
    mask = np.random.default_rng(1).random((60, 60)) < 0.02
    plan = plan_tiles((960, 960), GRID, Target(mask, Spacing(8, 8)), TileSettings(128, 16, 16))
    tiles = list(plan)
    assert [tile.band for tile in tiles] == sorted(tile.band for tile in tiles)
    runs = [(tile.band, tile.shape) for tile in tiles]
    changes = sum(one != other for one, other in pairwise(runs))
    assert changes + 1 == len(set(runs)) > 3
    assert len(tiles) == len(plan)


def test_tissue_in_a_row_shares_wide_tiles_and_glass_beside_it_is_left_out() -> None:
    mask = np.zeros((256, 256), dtype=bool)
    mask[40:50, 10:200] = True  # grid rows 320 to 400, columns 80 to 1600
    plan = plan_tiles((2048, 2048), GRID, Target(mask, Spacing(4, 4)), TileSettings(1024, 40, 16))
    assert sorted(tile.shape for tile in plan) == [(256, 768), (256, 1024)]
    assert {(tile.cell.row, tile.cell.bottom) for tile in plan} == {(320, 400)}
    assert min(tile.cell.col for tile in plan) == 80
    assert max(tile.cell.right for tile in plan) == 1600


def test_no_cut_of_a_band_costs_less() -> None:
    """Against every cut there is, on bands small enough to try them all."""
    shapes = Shapes((4, 8, 12), margin_px=2, border_px=2, column_px=2, call_px=3)
    random = np.random.default_rng(5)

    def cost(strips: list[tuple[int, int]], profile: Profile) -> float:
        total = 0.0
        for first, after in strips:
            held = profile.occupied[first:after]
            if held.any():
                tops = profile.tops[first:after][held]
                rows = int(profile.bottoms[first:after].max() - tops.min())
                height, width = shapes.shape_for(rows, after - first)
                total += 3 + 0.2 * height * width + 0.8 * (height - 2) * (width - 2)
        return total

    for _ in range(30):
        count = 7
        tops = random.integers(0, 8, count)
        bottoms = tops + random.integers(1, 4, count)
        empty = random.random(count) < 0.4
        tops[empty], bottoms[empty] = np.iinfo(np.int64).max, 0
        profile = Profile(tops, bottoms)
        every = [
            list(pairwise((0, *cuts, count)))
            for size in range(count)
            for cuts in combinations(range(1, count), size)
        ]
        possible = [cut for cut in every if all(b - a <= 5 for a, b in cut)]
        found = [(strip.first, strip.after) for strip in cut_band(profile, shapes)]
        assert cost(found, profile) <= min(cost(cut, profile) for cut in possible) + 1e-9


def test_a_slide_smaller_than_a_tile_gets_one_smaller_tile() -> None:
    target = Target(np.ones((10, 12), dtype=bool), Spacing(8, 8))
    plan = plan_tiles(
        (150, 190), GRID, target, TileSettings(1024, 32, 32), reduction=4, stride_px=32
    )
    assert len(plan) == 1
    assert plan.tile_px == 352


def test_unequal_spacing_is_followed_on_each_axis() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[10, 10] = True
    grid = Spacing(0.5, 0.25)
    plan = plan_tiles((320, 640), grid, Target(mask, Spacing(8, 8)), TileSettings(48, 8, 0))
    cell = next(iter(plan)).cell
    assert cell.row <= 160 < cell.bottom
    assert cell.col <= 320 < cell.right


def test_a_tile_too_small_for_its_margins_is_a_sentence_with_the_size_that_fits() -> None:
    target = Target(np.ones((40, 40), dtype=bool), Spacing(8, 8))
    tiling = TileSettings(160, 64, 32)
    with pytest.raises(ConfigError, match="at least 192 px"):
        plan_tiles((640, 640), GRID, target, tiling, reduction=4, stride_px=32)
    fits = TileSettings(192, 64, 32)
    assert len(plan_tiles((640, 640), GRID, target, fits, reduction=4, stride_px=32)) > 0


@pytest.mark.parametrize("bad", [{"reduction": 0}, {"stride_px": 0}])
def test_a_reduction_or_stride_below_one_is_refused(bad: dict[str, int]) -> None:
    target = Target(np.ones((4, 4), dtype=bool), Spacing(8, 8))
    with pytest.raises(ValueError, match="positive"):
        plan_tiles((64, 64), GRID, target, **bad)
