"""Phantoms and mosaics as files: a true pyramid, read back by other people's readers."""

import numpy as np
import openslide
import pytest
import tifffile

from histo.errors import OutputError
from histo.geometry import Box
from histo.slides.phantom import Phantom, PhantomSpec, write_mosaic, write_phantom
from histo.slides.phantom.pyramid import box_mean, write_pyramid

SPEC = PhantomSpec(seed=4, width_mm=0.7, height_mm=0.53)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("phantom") / "phantom 🔬.tif"
    return path, write_phantom(path, SPEC)


def read(slide: openslide.OpenSlide, level: int) -> np.ndarray:
    """A whole level, (H, W, 3)."""
    size = slide.level_dimensions[level]
    return np.asarray(slide.read_region((0, 0), level, size).convert("RGB"))


def test_openslide_reads_spacing_and_levels(written):
    with openslide.OpenSlide(written[0]) as slide:
        assert slide.properties["openslide.vendor"] == "generic-tiff"
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)
        assert float(slide.properties["openslide.mpp-y"]) == pytest.approx(0.5)
        assert slide.level_dimensions == ((1400, 1060), (350, 265))
        assert slide.level_downsamples == pytest.approx((1, 4))


@pytest.mark.parametrize("um_per_px", [0.2527, 0.5, 1.0])
def test_any_spacing_survives(tmp_path, um_per_px):
    strip = np.full((8, 9, 3), 200, np.uint8)
    write_pyramid(tmp_path / "a.tif", [strip], (8, 9), um_per_px)
    with openslide.OpenSlide(tmp_path / "a.tif") as slide:
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(um_per_px, rel=1e-6)


def test_tifffile_reads_tiled_jpeg_without_chroma_loss(written):
    with tifffile.TiffFile(written[0]) as file:
        page = file.pages[0]
        assert page.shape == (1060, 1400, 3)
        assert page.compression == tifffile.COMPRESSION.JPEG
        assert (page.tilewidth, page.tilelength) == (256, 256)
        assert page.tags["YCbCrSubSampling"].value == (1, 1)
        assert file.pages[1].is_reduced


def test_jpeg_changes_pixels_little(written):
    drawn = Phantom(SPEC).render(Box(0, 0, *SPEC.shape)).astype(int)
    stored = tifffile.imread(written[0], key=0).astype(int)
    assert np.abs(stored - drawn).mean() < 2.5
    assert np.abs((stored - drawn).mean(axis=(0, 1))).max() < 0.3


def test_reduced_levels_are_box_means(written):
    drawn = Phantom(SPEC).render(Box(0, 0, *SPEC.shape)).astype(float)
    mean = drawn.reshape(265, 4, 350, 4, 3).mean(axis=(1, 3))
    with openslide.OpenSlide(written[0]) as slide:
        stored = read(slide, 1).astype(float)
    assert np.abs(stored - mean).mean() < 3
    assert np.abs((stored - mean).mean(axis=(0, 1))).max() < 0.3


def test_the_truth_is_that_of_the_drawing(written):
    truth = Phantom(SPEC).truth
    assert written[1].to_json() == truth.to_json()


def test_progress_ends_at_all_rows(tmp_path):
    seen = []
    write_phantom(tmp_path / "a.tif", SPEC, progress=lambda *rows: seen.append(rows))
    assert seen[-1] == (1060, 1060)
    assert seen == sorted(seen)


def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"old")

    def crash(done: int, total: int) -> None:
        raise RuntimeError(f"{done} of {total}")

    with pytest.raises(RuntimeError):
        write_phantom(path, SPEC, progress=crash)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match=r"a\.tif could not be written"):
        write_phantom(tmp_path / "absent" / "a.tif", SPEC)


def test_box_mean_of_a_constant_is_the_constant():
    assert (box_mean(np.full((7, 9, 3), 201, np.uint8), 4) == 201).all()


def test_box_mean_by_hand_with_the_edge_repeated():
    pixels = np.array([[0, 4, 10], [8, 4, 20]], np.uint8)[..., None]
    assert box_mean(pixels, 2)[..., 0].tolist() == [[4, 15]]


def test_a_mosaic_is_made_of_the_pictures_turned(tmp_path):
    """Each cell shows one of the pictures in one of its eight positions."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(40, 220, (2, 4, 4, 3), dtype=np.uint8)
    images = [np.kron(c, np.ones((25, 25, 1), np.uint8)) for c in coarse]
    write_mosaic(tmp_path / "m.tif", [images[0], images[1][:, :100]], (530, 777), 0.5, seed=1)
    with openslide.OpenSlide(tmp_path / "m.tif") as slide:
        assert slide.dimensions == (777, 530)
        pixels = read(slide, 0).astype(int)
    layouts = [
        np.rot90(image, k)[:, ::step] for image in images for k in range(4) for step in (1, -1)
    ]
    chosen = set()
    for row in range(0, 500, 100):
        for col in range(0, 700, 100):
            cell = pixels[row : row + 100, col : col + 100]
            errors = [np.abs(cell - layout).mean() for layout in layouts]
            assert min(errors) < 4
            chosen.add(int(np.argmin(errors)))
    assert len(chosen) > 8


@pytest.mark.parametrize(
    "images",
    [[], [np.zeros((9, 9, 3), np.float32)], [np.zeros((9, 9), np.uint8)]],
    ids=["none", "float", "grey"],
)
def test_a_mosaic_refuses_what_is_no_picture(tmp_path, images):
    with pytest.raises(ValueError, match="picture"):
        write_mosaic(tmp_path / "m.tif", images, (100, 100), 0.5)
