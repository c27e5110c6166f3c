"""Where the tiles of a slide lie."""

from dataclasses import astuple, dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from histo.errors import ConfigError
from histo.geometry import Box, Spacing
from histo.inference import Target, Tile, TilePlan, TileSettings, plan_tiles

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


@settings(max_examples=150, deadline=None)
@given(case=cases(), seed=st.integers(0, 99), density=st.sampled_from([0.001, 0.02, 1.0]))
def test_every_measurable_pixel_is_in_a_cell_and_under_every_tile_that_reaches_it(
    case: Case, seed: int, density: float
) -> None:
    mask = case.mask(seed, density)
    plan, everything = case.plan(mask), case.plan(np.ones_like(mask))
    rows, cols = (
        np.minimum((np.arange(side) / case.mask_px).astype(int), len_ - 1)
        for side, len_ in zip(case.frame, mask.shape, strict=True)
    )
    measurable = mask[rows][:, cols]
    times = np.zeros(case.frame, dtype=int)
    for tile in everything:
        inside = plan.cell_box(tile).intersect(Box(0, 0, *case.frame))
        times[inside.slices] += 1
        if not plan.occupied[tile]:
            valid = plan.valid_box(tile).intersect(Box(0, 0, *case.frame))
            assert not measurable[valid.slices].any()
    assert (times == 1).all()
    k = case.reduction
    evaluated = plan.evaluated().repeat(k, axis=0).repeat(k, axis=1)
    assert evaluated[: case.frame[0], : case.frame[1]][measurable].all()


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_cells_lie_inside_their_tiles_by_the_context_and_everything_nests(case: Case) -> None:
    plan = case.plan(np.ones(case.mask_shape, dtype=bool))
    unit = int(np.lcm(case.reduction, case.stride))
    assert plan.tile_px <= case.tiling.tile_px
    assert plan.context_px >= case.tiling.context_px
    assert plan.blend_px >= case.tiling.blend_px
    assert plan.step_px % unit == plan.tile_px % unit == 0
    for tile in plan:
        seen, valid, cell = plan.tile_box(tile), plan.valid_box(tile), plan.cell_box(tile)
        assert seen.row % unit == seen.col % unit == 0
        assert cell.row % case.reduction == valid.row % case.reduction == 0
        assert valid == seen.pad(-plan.context_px)
        assert cell.intersect(valid) == cell


@settings(max_examples=60, deadline=None)
@given(case=cases(), seed=st.integers(0, 99))
def test_the_lattice_does_not_depend_on_the_tissue(case: Case, seed: int) -> None:
    some = case.plan(case.mask(seed, 0.01))
    everything = case.plan(np.ones(case.mask_shape, dtype=bool))
    assert [some.tile_box(tile) for tile in some] == [everything.tile_box(tile) for tile in some]
    assert some.occupied.shape == everything.occupied.shape


@settings(max_examples=60, deadline=None)
@given(case=cases(), row=st.floats(0, 1), col=st.floats(0, 1))
def test_a_speck_of_tissue_takes_no_more_tiles_than_reach_it(
    case: Case, row: float, col: float
) -> None:
    mask = np.zeros(case.mask_shape, dtype=bool)
    speck = int(row * (mask.shape[0] - 1)), int(col * (mask.shape[1] - 1))
    mask[speck] = True
    plan = case.plan(mask)
    assume(plan.blend_px < plan.step_px)
    reach = int(np.ceil((case.mask_px + plan.blend_px) / plan.step_px)) + 1
    assert 1 <= len(plan) <= reach**2


def test_tiles_come_in_rows_from_left_to_right() -> None:
    mask = np.random.default_rng(1).random((60, 60)) < 0.2
    plan = plan_tiles((960, 960), GRID, Target(mask, Spacing(8, 8)), TileSettings(128, 16, 16))
    tiles = list(plan)
    assert tiles == sorted(tiles)
    assert len(tiles) == len(plan)


def test_a_slide_smaller_than_a_tile_gets_one_smaller_tile() -> None:
    target = Target(np.ones((10, 12), dtype=bool), Spacing(8, 8))
    plan = plan_tiles(
        (150, 190), GRID, target, TileSettings(1024, 32, 32), reduction=4, stride_px=32
    )
    assert list(plan) == [Tile(0, 0)]
    assert plan.tile_px == 352


def test_a_tile_is_planned_for_tissue_in_its_blend_zone_only() -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[2, 7] = True  # grid columns 112 to 128
    tiling = TileSettings(128, 8, 16)
    plan = plan_tiles((640, 640), GRID, Target(mask, Spacing(8, 8)), tiling)
    assert astuple(plan.cell_box(Tile(0, 1))) == (0, 96, 96, 96)
    assert list(plan) == [Tile(0, 1)]
    mask[2, 6] = True  # grid columns 96 to 112, 8 px of which are faded with the left tile
    both = plan_tiles((640, 640), GRID, Target(mask, Spacing(8, 8)), tiling)
    assert list(both) == [Tile(0, 0), Tile(0, 1)]


def test_unequal_spacing_is_followed_on_each_axis() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[10, 10] = True
    grid = Spacing(0.5, 0.25)
    plan = plan_tiles((320, 640), grid, Target(mask, Spacing(8, 8)), TileSettings(48, 8, 0))
    (row, col) = next(iter(plan))
    cell = plan.cell_box(Tile(row, col))
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
