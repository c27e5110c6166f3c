"""components.ome.tif is a pyramid with names, a physical size, and the scored pixels."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from histo.geometry import Spacing
from histo.outputs import write_component_tiff
from histo.outputs.component_tiff import level_shapes
from histo.scoring import by_name

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


@pytest.fixture(scope="module")
def big(make):
    return make((1300, 1701))


@pytest.fixture(scope="module")
def written(big, tmp_path_factory):
    file = tmp_path_factory.mktemp("tiff") / "components.ome.tif"
    write_component_tiff(file, big.component_map, big.tissue_map)
    return file


def test_it_is_a_tiled_deflated_pyramid(written) -> None:
    with tifffile.TiffFile(written) as tiff:
        (series,) = tiff.series
        assert tiff.is_ome
        assert series.axes == "CYX"
        assert series.dtype == np.uint8
        assert [level.shape[1:] for level in series.levels] == [
            (1300, 1701),
            (650, 851),
            (325, 426),
        ]
        for level in series.levels:
            for page in level.pages:
                assert page.keyframe.is_tiled
                assert page.keyframe.compression == tifffile.COMPRESSION.ADOBE_DEFLATE


def test_names_colours_and_physical_size_are_in_the_xml(written) -> None:
    with tifffile.TiffFile(written) as tiff:
        pixels = ElementTree.fromstring(tiff.ome_metadata).find(f".//{OME}Pixels")
        resolution = tiff.pages[0].tags["XResolution"].value
        unit = tiff.pages[0].tags["ResolutionUnit"].value
    names = [channel.get("Name") for channel in pixels.findall(f"{OME}Channel")]
    assert names == ["collagen", "tumour"]
    assert float(pixels.get("PhysicalSizeX")) == float(pixels.get("PhysicalSizeY")) == 2.0
    assert pixels.get("PhysicalSizeXUnit") == pixels.get("PhysicalSizeYUnit") == "µm"
    colours = [int(c.get("Color")) % 2**32 for c in pixels.findall(f"{OME}Channel")]
    assert colours == [0x008C5AFF, 0xC81E3CFF]
    assert (resolution[0] / resolution[1], unit) == (5000, 3)  # pixels per cm


def test_an_oblong_pixel_keeps_its_axes(results, tmp_path) -> None:
    found = replace(results.component_map, spacing=Spacing(2.0, 3.0))
    write_component_tiff(tmp_path / "c.ome.tif", found, results.tissue_map)
    with tifffile.TiffFile(tmp_path / "c.ome.tif") as tiff:
        pixels = ElementTree.fromstring(tiff.ome_metadata).find(f".//{OME}Pixels")
    assert (float(pixels.get("PhysicalSizeX")), float(pixels.get("PhysicalSizeY"))) == (3.0, 2.0)


def test_what_lies_above_the_threshold_is_what_was_scored(written, big) -> None:
    planes = tifffile.imread(written)
    scores = by_name(big.scores)
    for plane, name in zip(planes, big.component_map.components, strict=True):
        area = big.component_map.spacing.area_mm2(np.count_nonzero(plane >= 128))
        assert area == pytest.approx(scores[f"{name}_mm2"].value, rel=1e-12)
        measurable = (big.tissue_map.tissue & (big.tissue_map.exclusion == 0)).repeat(4, 0)
        measurable = measurable.repeat(4, 1)[:1300, :1701]
        original = big.component_map.probability[big.component_map.components.index(name)]
        assert np.array_equal(plane, np.where(measurable, original, 0))


def test_each_level_is_the_mean_of_the_one_above(written) -> None:
    with tifffile.TiffFile(written) as tiff:
        levels = [level.asarray() for level in tiff.series[0].levels]
    for above, below in pairwise(levels):
        height, width = above.shape[1] // 2, above.shape[2] // 2
        blocks = above[:, : 2 * height, : 2 * width].reshape(2, height, 2, width, 2)
        mean = blocks.mean((2, 4))
        assert np.abs(below[:, :height, :width] - mean).max() <= 0.5


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (512, 512), (513, 1)])
def test_tiny_and_narrow_maps_are_written_whole(results, tmp_path, shape) -> None:
    probability = np.full((1, *shape), 77, np.uint8)
    found = replace(results.component_map, probability=probability, components=("collagen",))
    masks = replace(
        results.tissue_map, tissue=np.ones((1, 1), bool), exclusion=np.zeros((1, 1), np.uint8)
    )
    write_component_tiff(tmp_path / "c.ome.tif", found, masks)
    assert np.array_equal(
        np.squeeze(tifffile.imread(tmp_path / "c.ome.tif")), np.squeeze(probability[0])
    )
    assert len(list(tmp_path.iterdir())) == 1


def test_levels_end_with_one_tile() -> None:
    assert level_shapes(512, 300) == [(512, 300)]
    assert level_shapes(1025, 700) == [(1025, 700), (513, 350), (257, 175)]


def test_memory_is_a_row_of_tiles_however_tall_the_map(results, tmp_path) -> None:
    planes = np.memmap(tmp_path / "map", np.uint8, "w+", shape=(1, 40_000, 1_000))
    found = replace(results.component_map, probability=planes, components=("collagen",))
    tracemalloc.start()
    write_component_tiff(tmp_path / "c.ome.tif", found, results.tissue_map)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
