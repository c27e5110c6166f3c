"""What a slide's map is does not depend on how it was cut up."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_fakes import GRID, Network, NoiseSlide, box_mean, redness, whole
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from histo.errors import BackendError, OutputError
from histo.geometry import Box
from histo.inference import (
    ComponentMap,
    FlowSettings,
    Target,
    TileSettings,
    plan_tiles,
    segment,
)

SLIDE = NoiseSlide(700, 1100)


def run(
    network: Network,
    tiling: TileSettings,
    flow: FlowSettings | None = None,
    *,
    target: Target | None = None,
    scratch: Path | None = None,
) -> ComponentMap:
    plan = plan_tiles(
        SLIDE.frame,
        GRID,
        target or whole(SLIDE.frame),
        tiling,
        reduction=network.reduction,
        stride_px=network.stride,
    )
    return segment(SLIDE, plan, network, flow, scratch=scratch)


def patchy() -> Target:
    target = whole(SLIDE.frame)
    mask = np.zeros_like(target.mask)
    mask[5:12, 3:20] = mask[30:33, 50:60] = mask[40, 8] = True
    return Target(mask, target.spacing)


def difference(one: ComponentMap, other: ComponentMap) -> NDArray[np.int16]:
    both = one.evaluated() & other.evaluated()
    return (one.probability.astype(np.int16) - other.probability.astype(np.int16)) * both


@settings(max_examples=60, deadline=None)
@given(
    value=st.floats(0, 1, width=32),
    tile=st.sampled_from([128, 160, 256]),
    blend=st.integers(0, 40),
    reduction=st.sampled_from([1, 2, 3, 4]),
)
def test_a_constant_network_gives_exactly_that_constant_in_every_planned_cell(
    value: float, tile: int, blend: int, reduction: int
) -> None:
    network = Network(lambda x: np.full((len(x), 1, *x.shape[1:3]), value, np.float32), reduction)
    constant = network(np.zeros((1, 12, 12, 3), np.uint8))[0, 0, 0, 0]  # the mean may round
    found = run(network, TileSettings(tile, 24, blend), target=patchy())
    expected = np.rint(np.float32(255) * constant)
    assert (found.probability[0][found.evaluated()] == expected).all()


def test_a_network_that_looks_at_one_pixel_gives_the_slide_back_to_the_last_bit() -> None:
    found = run(Network(redness), TileSettings(256, 20, 30))
    np.testing.assert_array_equal(found.probability[0], SLIDE.pixels[..., 0])


def test_a_network_with_a_reach_of_the_context_gives_what_it_gives_on_the_whole_slide() -> None:
    found = run(Network(box_mean(20)), TileSettings(256, 20, 30))
    at_once = uniform_filter(SLIDE.pixels[..., 1].astype(np.float32), size=41)
    inner = Box(0, 0, *SLIDE.frame).pad(-20).slices
    error = np.abs(found.probability[0][inner] - at_once[inner])
    assert error.max() <= 0.51


@pytest.mark.parametrize("reduction", [1, 2, 4])
@pytest.mark.parametrize("tile", [192, 512, 1024])
def test_the_tile_size_does_not_show(tile: int, reduction: int) -> None:
    network = Network(box_mean(32), reduction, stride=32)
    reference = run(network, TileSettings(256, 32, 32))
    found = run(network, TileSettings(tile, 32, 32))
    # Sums are taken in another order, so a value half way between two steps may round either way.
    assert np.abs(difference(found, reference)).max() <= 1
    assert (difference(found, reference) != 0).mean() < 1e-3


def test_the_difference_between_tile_sizes_has_no_seam() -> None:
    """Where a network does depend on its tile, the blend leaves no step at the cells' edges."""

    def biased(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        return redness(pictures) * 0.5 + 0.4 * pictures.mean(axis=(1, 2, 3))[:, None, None, None]

    found = run(Network(biased), TileSettings(256, 16, 64)).probability[0].astype(np.int16)
    other = run(Network(biased), TileSettings(512, 16, 64)).probability[0].astype(np.int16)
    away = (found - other)[300:400, 300:800]
    assert np.ptp(away) > 1  # the tiles do disagree, or this would show nothing
    assert np.abs(np.diff(away, axis=0)).max() <= 1
    assert np.abs(np.diff(away, axis=1)).max() <= 1


def test_a_network_of_stride_32_gives_the_same_from_every_tile_size() -> None:
    """It answers alike only for shifts by its stride, so tiles lie on multiples of it."""

    def blocky(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        count, height, width, _ = pictures.shape
        cut = pictures[..., 0].reshape(count, height // 32, 32, width // 32, 32).mean(axis=(2, 4))
        return cut.repeat(32, axis=1).repeat(32, axis=2)[:, None]

    network = Network(blocky, reduction=4, stride=32)
    reference = run(network, TileSettings(256, 32, 32))
    for tile in (192, 320, 512):
        assert np.abs(difference(run(network, TileSettings(tile, 32, 32)), reference)).max() <= 1


@pytest.mark.parametrize("flow", [FlowSettings(1, 1), FlowSettings(7, 3), FlowSettings(64, 2, 3)])
def test_batch_threads_and_lanes_change_no_bit(flow: FlowSettings, tmp_path: Path) -> None:
    network, tiling = Network(box_mean(16), 2), TileSettings(128, 16, 24)
    reference = run(network, tiling, target=patchy())
    found = run(network, tiling, flow, target=patchy(), scratch=tmp_path)
    np.testing.assert_array_equal(found.probability, reference.probability)


def test_tissue_elsewhere_does_not_change_a_value() -> None:
    network, tiling = Network(box_mean(16)), TileSettings(128, 16, 24)
    alone, among = run(network, tiling, target=patchy()), run(network, tiling)
    tissue = patchy().mask.repeat(16, axis=0).repeat(16, axis=1)[:700, :1100]
    np.testing.assert_array_equal(alone.probability[0][tissue], among.probability[0][tissue])


def test_a_map_on_disk_is_the_map_in_memory_and_its_file_is_the_only_one(tmp_path: Path) -> None:
    network = Network(lambda x: x.transpose(0, 3, 1, 2), outputs=("tumour", "collagen", "muscle"))
    tiling = TileSettings(128, 16, 24)
    in_memory = run(network, tiling, target=patchy())
    on_disk = run(network, tiling, target=patchy(), scratch=tmp_path)
    assert isinstance(on_disk.probability, np.memmap)
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(on_disk.probability, in_memory.probability)
    assert on_disk.components == ("tumour", "collagen", "muscle")


def test_the_canvas_covers_the_slide_at_the_reduced_spacing() -> None:
    found = run(Network(redness, reduction=3), TileSettings(129, 9, 6))
    assert found.shape == (234, 367)
    assert found.spacing.pair == (1.5, 1.5)
    assert found.evaluated().all()
    assert found.evaluated(Box(10, 20, 3, 4)).shape == (3, 4)


def test_a_map_without_a_plan_was_looked_at_everywhere() -> None:
    found = ComponentMap(np.zeros((1, 4, 5), np.uint8), ("collagen",), GRID)
    assert found.evaluated().all()
    assert found.evaluated(Box(1, 1, 2, 3)).shape == (2, 3)


def test_a_slide_without_tissue_asks_the_network_nothing() -> None:
    def refuse(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("called")

    nothing = Target(np.zeros((44, 69), dtype=bool), whole(SLIDE.frame).spacing)
    found = run(Network(refuse), TileSettings(128, 16, 24), target=nothing)
    assert not found.probability.any()
    assert not found.evaluated().any()


def test_progress_counts_tiles_to_the_last() -> None:
    plan = plan_tiles(SLIDE.frame, GRID, whole(SLIDE.frame), TileSettings(128, 16, 24))
    seen: list[tuple[int, int]] = []
    segment(SLIDE, plan, Network(redness), FlowSettings(7), progress=lambda *at: seen.append(at))
    assert seen[0] == (7, len(plan))
    assert seen[-1] == (len(plan), len(plan))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_network_short_of_memory_may_answer_in_pieces() -> None:
    class Halving(Network):
        def __call__(self, tiles: NDArray[np.uint8]) -> list[NDArray[np.float32]]:  # type: ignore[override]
            half = len(tiles) // 2
            parts = (tiles[:half], tiles[half:]) if half else (tiles,)
            return [super(Halving, self).__call__(part) for part in parts]

    whole_batches = run(Network(redness), TileSettings(128, 16, 24), FlowSettings(5))
    in_pieces = run(Halving(redness), TileSettings(128, 16, 24), FlowSettings(5))
    np.testing.assert_array_equal(in_pieces.probability, whole_batches.probability)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Network(lambda x: np.zeros((len(x), 2, *x.shape[1:3]), np.float32)), "shape"),
        (Network(lambda x: redness(x)[:1]), "outputs for"),
        (Network(lambda x: redness(x) * np.float32(np.nan)), "no numbers"),
    ],
)
def test_an_output_that_does_not_fit_is_refused_and_leaves_no_file(
    network: Network, message: str, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match=message):
        run(network, TileSettings(128, 16, 24), scratch=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_plan_for_another_network_is_refused() -> None:
    plan = plan_tiles(SLIDE.frame, GRID, whole(SLIDE.frame), TileSettings(128, 16, 24))
    with pytest.raises(ValueError, match="another network"):
        segment(SLIDE, plan, Network(redness, reduction=2))


def test_a_scratch_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="scratch folder"):
        run(Network(redness), TileSettings(128, 16, 24), scratch=tmp_path / "absent")
