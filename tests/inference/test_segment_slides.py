"""The flow on real slides: files, readers and grids that need resampling."""

from pathlib import Path

import numpy as np
import pytest
from inference_fakes import Network, box_mean, redness

from histo.geometry import Box, Spacing
from histo.inference import (
    ComponentMap,
    FlowSettings,
    Target,
    TileSettings,
    plan_tiles,
    read_batches,
    segment,
)
from histo.slides import ArraySlide, Slide, native_spacing, open_slide
from histo.slides.phantom import PhantomSpec, write_phantom

TILING = TileSettings(256, 32, 32)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phantom") / "phantom.tif"
    write_phantom(path, PhantomSpec(seed=4, width_mm=0.8, height_mm=0.6))
    return path


def run(slide: Slide, um_per_px: float, tiling: TileSettings = TILING) -> ComponentMap:
    view, spacing = slide.thumbnail(8.0)
    target = Target((slide.glass.astype(int) - view).max(axis=2) > 12, spacing)
    grid = native_spacing(slide, um_per_px)
    network = Network(box_mean(16), reduction=2, stride=32)
    frame = slide.frame_shape(grid)
    plan = plan_tiles(frame, grid, target, tiling, reduction=2, stride_px=32)
    return segment(slide, plan, network, FlowSettings(3, 2))


def largest_difference(one: ComponentMap, other: ComponentMap) -> int:
    both = one.evaluated() & other.evaluated()
    both[:8] = both[-8:] = both[:, :8] = both[:, -8:] = False
    assert both.any()
    apart = np.abs(one.probability[0].astype(np.int16) - other.probability[0])
    return int(apart[both].max())


@pytest.mark.parametrize("um_per_px", [0.5, 1.0, 0.63])
def test_neither_reader_nor_tile_size_shows(phantom: Path, um_per_px: float) -> None:
    with open_slide(phantom, reader="tiff") as direct, open_slide(phantom, reader="openslide") as c:
        reference = run(direct, um_per_px)
        assert largest_difference(run(c, um_per_px), reference) <= 2
        for tile in (192, 512, 1024):
            other = run(direct, um_per_px, TileSettings(tile, 32, 32))
            assert largest_difference(other, reference) <= 1


@pytest.mark.parametrize("um_per_px", [0.5, 1.0, 0.63])
def test_a_batch_holds_the_pixels_of_its_tiles(phantom: Path, um_per_px: float) -> None:
    with open_slide(phantom) as slide:
        grid = native_spacing(slide, um_per_px)
        target = Target(np.ones((2, 2), dtype=bool), Spacing(400, 400))
        plan = plan_tiles(slide.frame_shape(grid), grid, target, TILING)
        for batch in read_batches(slide, plan, FlowSettings(8, 2)):
            for tile, pixels in zip(batch.tiles, batch.pixels, strict=True):
                alone = slide.read(plan.tile_box(tile), grid)
                np.testing.assert_array_equal(pixels, alone)


def test_a_pixelwise_map_is_the_slide_itself_also_where_pixels_are_not_square() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    spacing = Spacing(0.5, 0.25)
    slide = ArraySlide(pixels, spacing)
    target = Target(np.ones((10, 10), dtype=bool), Spacing(15, 12.5))
    plan = plan_tiles(slide.frame_shape(spacing), spacing, target, TileSettings(128, 8, 8))
    found = segment(slide, plan, Network(redness))
    np.testing.assert_array_equal(found.probability[0], pixels[..., 0])
    assert found.evaluated(Box(0, 0, 300, 500)).all()
