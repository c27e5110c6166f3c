"""Every reader gives the same pixels, fills alike, and works from many threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from histo.errors import SlideOpenError, UnsupportedSlideError
from histo.geometry import Box, Spacing
from histo.slides import ArraySlide, Slide, open_slide
from histo.slides.tile_cache import TileCache

Writer = Callable[..., Path]
Pixels = NDArray[np.uint8]


def whole(slide: Slide, level: int = 0) -> Pixels:
    return slide.read_level(level, Box(0, 0, *slide.levels[level].shape))


def test_an_svs_is_decoded_directly_and_equals_openslide(write_svs: Writer, tissue: Pixels) -> None:
    path = write_svs(tissue)
    with open_slide(path) as direct, open_slide(path, reader="openslide") as reference:
        assert (direct.info.reader, direct.info.vendor) == ("tiff", "aperio")
        assert direct.levels == reference.levels
        assert [level.downsample for level in direct.levels] == [(1.0, 1.0), (4.0, 4.0)]
        difference = np.abs(whole(direct).astype(int) - whole(reference))
        assert difference.max() <= 2
        assert np.abs(whole(direct).astype(int) - tissue).mean() < 3
        assert direct.spacing.pair == reference.spacing.pair == (0.499, 0.499)
        assert direct.info.objective_power == reference.info.objective_power == 20


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (128, 64), "compression": "zlib", "predictor": 2},
        {"tile": (256, 256), "compression": None},
        {"tile": (256, 256), "planarconfig": "separate", "compression": "lzw"},
        {"tile": (256, 256), "compression": "jpeg2000"},
        {"rowsperstrip": 7, "compression": "lzw"},
        {"rowsperstrip": 50, "planarconfig": "separate", "compression": "deflate"},
        {"rowsperstrip": 100_000, "compression": "packbits"},
        {"rowsperstrip": 33},
        {"rowsperstrip": 100_000},
        {"bigtiff": True, "byteorder": ">"},
    ],
    ids=str,
)
def test_every_lossless_layout_gives_the_pixels_back(
    write_tiff: Writer, tissue: Pixels, options: dict[str, object]
) -> None:
    pixels = tissue.transpose(2, 0, 1) if "planarconfig" in options else tissue
    path = write_tiff(pixels, photometric="rgb", **options)
    with open_slide(path, mpp=0.5) as slide:
        assert slide.info.reader == "tiff"
        assert np.array_equal(whole(slide), tissue)
        assert np.array_equal(slide.read_level(0, Box(300, 77, 290, 3)), tissue[300:590, 77:80])


def test_an_ome_tiff_pyramid_in_subifds_is_read(tmp_path: Path, tissue: Pixels) -> None:
    path = tmp_path / "pyramid.ome.tif"
    half = np.ascontiguousarray(tissue[::2, ::2])
    sizes = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.26}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiles = {"tile": (128, 128), "photometric": "rgb", "compression": "zlib"}
        tiff.write(tissue, subifds=1, metadata={"axes": "YXS", **sizes}, **tiles)
        tiff.write(half, subfiletype=1, **tiles)
    with open_slide(path) as slide:
        assert slide.info.vendor == "ome-tiff"
        assert slide.spacing == Spacing(0.26, 0.25, "slide: OME PhysicalSize")
        assert [level.downsample for level in slide.levels] == [(1.0, 1.0), (2.0, 2.0)]
        assert np.array_equal(whole(slide, 1), half)


def test_a_plain_pyramid_in_pages_is_read(tmp_path: Path, tissue: Pixels) -> None:
    path = tmp_path / "pages.tif"
    tiles = {"tile": (128, 128), "photometric": "rgb", "compression": "zlib", "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(tissue, resolution=(20000, 20000), resolutionunit="CENTIMETER", **tiles)
        tiff.write(tissue[::3, ::3], subfiletype=1, **tiles)
        tiff.write(tissue[:200, ::7], subfiletype=1, **tiles)  # another aspect: no level
    with open_slide(path) as slide:
        assert slide.spacing == Spacing(0.5, 0.5, "slide: TIFF resolution")
        assert [level.shape for level in slide.levels] == [(611, 803), (204, 268)]


def test_a_qptiff_gives_its_levels_and_not_its_thumbnail(tmp_path: Path, tissue: Pixels) -> None:
    path = tmp_path / "scan.qptiff"
    common = {"photometric": "rgb", "metadata": None, "software": "PerkinElmer-QPI"}
    scale = {"resolution": (20080, 20080), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(tissue, tile=(512, 512), compression="jpeg", **common, **scale)
        tiff.write(tissue[::8, ::8].copy(), **common)
        tiff.write(tissue[::2, ::2].copy(), tile=(512, 512), compression="jpeg", **common)
        tiff.write(tissue[:90, :70].copy(), **common)
    with open_slide(path) as slide:
        assert slide.info.vendor == "qptiff"
        assert [level.shape for level in slide.levels] == [(611, 803), (306, 402)]
        assert slide.spacing.row == pytest.approx(0.498, abs=1e-4)


def test_openslide_levels_of_odd_size_do_not_depend_on_the_box(
    write_svs: Writer, tissue: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 803 / 200 is not 4: OpenSlide then reads between pixels, each time a little differently.
    monkeypatch.setattr("histo.slides.openslide_slide._BLOCK_PX", 64)
    with open_slide(write_svs(tissue), reader="openslide") as slide:
        level = whole(slide, 1)
        for box in (Box(13, 29, 80, 100), Box(70, 130, 9, 60), Box(127, 64, 2, 70)):
            assert np.array_equal(slide.read_level(1, box), level[box.slices])


def test_a_tile_too_large_for_memory_is_refused(write_tiff: Writer, tissue: Pixels) -> None:
    path = write_tiff(tissue, photometric="rgb", tile=(128, 128), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["TileWidth"].overwrite(65520)
        tiff.pages[0].tags["TileLength"].overwrite(65520)
    with pytest.raises(UnsupportedSlideError, match="in one piece too large"):
        open_slide(path, mpp=0.5)


def test_a_palette_is_looked_up(write_tiff: Writer) -> None:
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
    index = np.random.default_rng(1).integers(0, 256, (40, 50), np.uint8)
    path = write_tiff(index, photometric="palette", colormap=colours)
    with open_slide(path, mpp=0.5) as slide:
        assert np.array_equal(whole(slide), (colours >> 8).astype(np.uint8).T[index])


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_transparent_pixels_become_glass(write_tiff: Writer, tissue: Pixels, kind: str) -> None:
    alpha = np.full((*tissue.shape[:2], 1), 255, np.uint8)
    alpha[:100] = 0
    stored = tissue.copy()
    stored[:100] = 0
    path = write_tiff(
        np.concatenate([stored, alpha], axis=2), photometric="rgb", extrasamples=[kind]
    )
    with open_slide(path, mpp=0.5) as slide:
        pixels = whole(slide)
        assert np.array_equal(pixels[100:], tissue[100:])
        assert (pixels[:100] == slide.glass).all()
        assert np.abs(slide.glass.astype(int) - [243, 241, 244]).max() <= 2


def test_half_transparent_pixels_are_mixed_with_glass(tmp_path: Path) -> None:
    pixels = np.full((64, 64, 4), (240, 240, 240, 255), np.uint8)
    pixels[20:30, 20:30] = (0, 0, 0, 51)
    Image.fromarray(pixels).save(tmp_path / "veil.png")
    with open_slide(tmp_path / "veil.png", mpp=0.5) as slide:
        assert whole(slide)[25, 25].tolist() == [192, 192, 192]


def test_tiles_never_scanned_become_glass(tmp_path: Path, tissue: Pixels) -> None:
    path = tmp_path / "sparse.tif"

    def tiles():  # type: ignore[no-untyped-def]
        padded = np.pad(tissue, ((0, 640 - 611), (0, 896 - 803), (0, 0)))
        for row in range(0, 640, 128):
            for col in range(0, 896, 128):
                missing = (row, col) == (128, 256)
                yield None if missing else padded[row : row + 128, col : col + 128].copy()

    tifffile.imwrite(
        path, tiles(), shape=tissue.shape, dtype=np.uint8, tile=(128, 128), photometric="rgb"
    )
    with open_slide(path, mpp=0.5) as slide:
        pixels = whole(slide)
        assert (pixels[128:256, 256:384] == slide.glass).all()
        assert np.array_equal(pixels[256:], tissue[256:])


@pytest.mark.parametrize("reader", ["tiff", "openslide", "array"])
def test_any_box_past_any_edge_is_filled_with_glass(
    write_svs: Writer, tissue: Pixels, reader: str
) -> None:
    array = ArraySlide(tissue, 0.5)
    slide = array if reader == "array" else open_slide(write_svs(tissue), reader=reader)
    with slide:
        inside, (height, width) = whole(slide), slide.shape
        pixels = slide.read_level(0, Box(-9, -11, height + 20, width + 30))
        assert np.array_equal(pixels[9 : 9 + height, 11 : 11 + width], inside)
        pixels[9 : 9 + height, 11 : 11 + width] = slide.glass
        assert (pixels == slide.glass).all()
        for box in (Box(-50, 0, 50, 9), Box(0, width, 9, 9), Box(9**9, -(9**9), 3, 4)):
            assert (slide.read_level(0, box) == slide.glass).all()


@pytest.mark.parametrize("reader", ["tiff", "openslide"])
def test_eight_threads_read_the_same_pixels(write_svs: Writer, tissue: Pixels, reader: str) -> None:
    rng = np.random.default_rng(6)
    boxes = [Box(*rng.integers(-50, 600, 2).tolist(), 120, 130) for _ in range(64)]
    with open_slide(write_svs(tissue), reader=reader) as slide:  # type: ignore[arg-type]
        alone = [slide.read(box, 0.6) for box in boxes]
    path = write_svs(tissue)
    with open_slide(path, reader=reader) as slide, ThreadPoolExecutor(8) as pool:  # type: ignore[arg-type]
        together = list(pool.map(lambda box: slide.read(box, 0.6), boxes * 2))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 2, together, strict=True))


def test_a_tile_two_threads_want_is_made_once_and_the_cache_stays_small() -> None:
    cache, made = TileCache(1000), []

    def make(key: int) -> Pixels:
        made.append(key)
        return np.zeros(300, np.uint8)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.get(1, lambda: make(1)), range(64)))
    assert made == [1]
    for key in range(2, 9):
        cache.get(key, lambda key=key: make(key))
    assert len(cache._tiles) == 3
    assert cache.get(99, lambda: np.zeros(5000, np.uint8)) is cache.get(99, lambda: make(99))


def test_label_and_macro_are_never_opened(
    write_svs: Writer, tissue: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("an associated image was touched")

    path = write_svs(tissue)
    with tifffile.TiffFile(path) as tiff:
        private = [
            (offset, offset + count)
            for page in tiff.pages
            if not page.is_tiled
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        ]
    assert len(private) >= 3
    read = tifffile.FileHandle.read
    ranges: list[tuple[int, int]] = []

    def watched(handle: tifffile.FileHandle, size: int = -1, /) -> bytes:
        begin = handle.tell()
        data = read(handle, size)
        ranges.append((begin, begin + len(data)))
        return data

    from histo.slides.tile_cache import FileBytes

    fetch = FileBytes.read

    def fetched(source: FileBytes, offset: int, count: int) -> bytes:
        ranges.append((offset, offset + count))
        return fetch(source, offset, count)

    monkeypatch.setattr(openslide.OpenSlide, "associated_images", property(forbidden))
    monkeypatch.setattr(tifffile.TiffPage, "asarray", forbidden)
    monkeypatch.setattr(tifffile.FileHandle, "read", watched)
    monkeypatch.setattr(FileBytes, "read", fetched)
    for reader in ("auto", "openslide"):
        with open_slide(path, reader=reader) as slide:  # type: ignore[arg-type]
            slide.thumbnail(4.0)
            whole(slide)
            assert slide.glass is not None
    assert ranges
    assert not [
        (begin, end)
        for begin, end in ranges
        for low, high in private
        if begin < high and low < end and end - begin > 1024
    ]


def test_bounds_crop_the_slide_and_transparency_becomes_glass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bounds.mrxs").write_bytes(b"stands in for a file OpenSlide knows")
    monkeypatch.setattr(openslide, "OpenSlide", FakeOpenSlide)
    with open_slide(tmp_path / "bounds.mrxs") as slide:
        assert slide.shape == (300, 400)
        assert [level.shape for level in slide.levels] == [(300, 400), (75, 100)]
        pixels = whole(slide)
        assert pixels[0, 0].tolist() == [100, 50, 200]
        assert (pixels[150:] == slide.glass).all()
        assert slide.glass.tolist() == [238, 238, 238]


class FakeOpenSlide:
    """A 1000 x 1000 scan with bounds; below row 250 nothing was scanned."""

    level_dimensions = ((1000, 1000), (250, 250))
    level_downsamples = (1.0, 4.0)
    properties: ClassVar = {
        "openslide.vendor": "mirax",
        "openslide.mpp-x": "0.25",
        "openslide.mpp-y": "0.25",
        "openslide.bounds-x": "200",
        "openslide.bounds-y": "100",
        "openslide.bounds-width": "400",
        "openslide.bounds-height": "300",
    }

    def __init__(self, path: Path) -> None: ...
    def set_cache(self, cache: object) -> None: ...
    def close(self) -> None: ...

    @staticmethod
    def detect_format(_: Path) -> str:
        return "mirax"

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        down = int(self.level_downsamples[level])
        rows = location[1] + np.arange(size[1]) * down
        cols = location[0] + np.arange(size[0]) * down
        pixels = np.zeros((size[1], size[0], 4), np.uint8)
        pixels[rows < 250] = (238, 238, 238, 255)
        pixels[np.ix_(rows == 100, cols == 200)] = (100, 50, 200, 255)
        return Image.fromarray(pixels)


def test_a_very_wide_slide_costs_no_more_memory_than_its_view(write_tiff: Writer) -> None:
    import tracemalloc

    wide = np.broadcast_to(np.uint8(230), (64, 300_000, 3))
    path = write_tiff(wide, photometric="rgb", tile=(64, 256), compression="zlib")
    with open_slide(path, mpp=0.25) as slide:
        assert slide.frame_shape(0.25) == (64, 300_000)
        tracemalloc.start()
        view, _ = slide.thumbnail(8.0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert view.shape == (2, 9375, 3)
        assert (view == 230).all()
        corner = slide.read(Box(60, 299_990, 10, 20), 0.25)
        assert (corner[:4, :10] == 230).all()
    assert peak < 200e6


def test_positions_on_huge_slides_do_not_overflow() -> None:
    base = np.broadcast_to(np.array([200, 100, 150], np.uint8), (400_000, 300_000, 3))
    slide = ArraySlide(base, 0.25)
    assert slide.read(Box(399_990, 299_990, 4, 4), 0.25).tolist() == [[[200, 100, 150]] * 4] * 4
    assert slide.read(Box(181_000, 130_000, 5, 5), 0.5501).shape == (5, 5, 3)


def test_a_colour_profile_is_recorded_and_applied_only_when_asked(
    write_svs: Writer, tissue: Pixels
) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = write_svs(tissue, iccprofile=profile)
    with open_slide(path) as plain, open_slide(path, apply_icc=True) as applied:
        assert (plain.info.icc_profile, plain.info.icc_applied) == (True, False)
        assert (applied.info.icc_profile, applied.info.icc_applied) == (True, True)
        assert np.abs(whole(plain).astype(int) - whole(applied)).max() <= 2
    with open_slide(path, apply_icc=True, reader="openslide") as same:
        assert same.info.icc_applied


def test_a_broken_colour_profile_is_refused_only_when_it_is_to_be_applied(
    write_svs: Writer, tissue: Pixels
) -> None:
    path = write_svs(tissue, iccprofile=b"no profile" * 20)
    with open_slide(path) as slide:
        assert slide.info.icc_profile
    with pytest.raises(UnsupportedSlideError, match="colour profile"):
        open_slide(path, apply_icc=True)


@pytest.mark.parametrize("reader", ["tiff", "openslide"])
def test_damage_found_while_reading_is_one_sentence(
    write_svs: Writer, tissue: Pixels, reader: str
) -> None:
    path = write_svs(tissue)
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[5], tiff.pages[0].databytecounts[5]
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\0" * count)
    sentence = r"^slide\.svs is damaged or truncated: .*\.$"
    with (
        open_slide(path, reader=reader) as slide,  # type: ignore[arg-type]
        pytest.raises(SlideOpenError, match=sentence),
    ):
        whole(slide)


def test_a_file_that_shrinks_while_it_is_read_is_one_sentence(
    write_svs: Writer, tissue: Pixels
) -> None:
    path = write_svs(tissue)
    with open_slide(path) as slide:
        with path.open("r+b") as stream:
            stream.truncate(3000)
        with pytest.raises(SlideOpenError, match="damaged or truncated"):
            whole(slide)


def test_an_array_slide_takes_only_what_a_slide_is() -> None:
    with pytest.raises(TypeError, match="uint8"):
        ArraySlide(np.zeros((4, 4, 3)), 0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        ArraySlide(np.zeros((4, 4), np.uint8), 0.5)


def test_reading_leaves_the_array_alone() -> None:
    array = np.full((32, 32, 3), 9, np.uint8)
    ArraySlide(array, 0.5).read_level(0, Box(0, 0, 32, 32))[:] = 0
    assert (array == 9).all()
