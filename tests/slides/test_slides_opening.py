"""Whatever is wrong with a file is said in one sentence that names the file, not its path."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
from numpy.typing import NDArray
from PIL import Image

import histo.slides
from histo.errors import SlideError, SlideOpenError, SpacingError, UnsupportedSlideError
from histo.geometry import Box, Spacing
from histo.slides import ArraySlide, open_slide

Writer = Callable[..., Path]
Pixels = NDArray[np.uint8]


def refusal(path: Path, kind: type[SlideError] = SlideOpenError, **options: object) -> str:
    """The sentence a file is refused with."""
    with pytest.raises(kind) as caught:
        open_slide(path, **options).spacing  # type: ignore[arg-type]  # noqa: B018
    sentence = str(caught.value)
    assert sentence.startswith(path.name)
    assert caught.value.slide == path.name
    assert str(path.parent) not in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def fault_of_reading(path: Path) -> str | None:
    """What is said on opening a file and reading a corner of it."""
    try:
        with open_slide(path, mpp=0.5) as slide:
            slide.read_level(0, Box(0, 0, min(700, slide.shape[0]), min(900, slide.shape[1])))
    except SlideError as fault:
        return str(fault)
    return None


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.svs") == "gone.svs does not exist."


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.svs").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.svs")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.svs").touch()
    assert refusal(tmp_path / "empty.svs") == "empty.svs is empty (0 bytes)."


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked.svs").write_bytes(b"II*\0")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert refusal(tmp_path / "locked.svs") == "locked.svs may not be read: no permission."


@pytest.mark.parametrize("name", ["notes.svs", "notes.tif", "notes.png", "notes.mrxs", "n.dcm"])
def test_text_with_the_ending_of_a_slide(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("this is no slide\n" * 9, encoding="utf-8")
    assert "is no slide" in refusal(tmp_path / name)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("ending", ["svs", "tif", "png", "jpg", "bmp"])
def test_a_truncated_file(
    tmp_path: Path, write_svs: Writer, write_tiff: Writer, tissue: Pixels, ending: str, share: float
) -> None:
    path = tmp_path / f"cut.{ending}"
    if ending == "svs":
        write_svs(tissue, name=path.name)
    elif ending == "tif":
        write_tiff(tissue, name=path.name, photometric="rgb", compression="zlib", tile=(128, 128))
    else:
        Image.fromarray(tissue).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    fault = fault_of_reading(path)
    # Of an SVS only the label, which is never read, may be missing without a word.
    assert ending == "svs" if fault is None else fault.startswith(path.name)


def test_random_bytes_behind_a_true_beginning(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    for index, head in enumerate(
        (b"II*\0", b"MM\0*", b"II+\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
    ):
        for repeat in range(8):
            path = tmp_path / f"noise{index}{repeat}.svs"
            path.write_bytes(head + rng.bytes(int(rng.integers(1, 4000))))
            refusal(path)


def test_flipped_bytes_never_end_in_a_traceback(
    tmp_path: Path, write_svs: Writer, tissue: Pixels
) -> None:
    data = bytearray(write_svs(tissue[:300, :300], factors=(1,)).read_bytes())
    rng = np.random.default_rng(9)
    for repeat in range(40):
        altered = data.copy()
        for place in rng.integers(0, 600 if repeat % 2 else len(data), 6):
            altered[place] = int(rng.integers(256))
        path = tmp_path / f"flip{repeat}.svs"
        path.write_bytes(altered)
        fault = fault_of_reading(path)
        assert fault is None or fault.startswith(path.name)


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "bmp"])
def test_a_slide_of_one_pixel(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"dot.{ending}"
    Image.new("RGB", (1, 1), "white").save(path)
    assert "1 x 1 pixels, too small" in refusal(path, UnsupportedSlideError)


def test_emoji_and_spaces_in_names(write_svs: Writer, tissue: Pixels, tmp_path: Path) -> None:
    path = write_svs(tissue, name="läsion 🔬 no 1.svs")
    for reader in ("auto", "openslide"):
        with open_slide(path, reader=reader) as slide:  # type: ignore[arg-type]
            assert slide.name == "läsion 🔬 no 1"
            assert slide.read(Box(0, 0, 8, 8), 1.0).shape == (8, 8, 3)
    picture = tmp_path / "bild 🧫.png"
    Image.fromarray(tissue).save(picture)
    with open_slide(picture, mpp=0.5) as slide:
        assert slide.shape == tissue.shape[:2]


def test_what_openslide_recognises_but_cannot_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise openslide.OpenSlideError("Couldn't find /secret/folder/Slidedat.ini")

    (tmp_path / "parts.mrxs").write_bytes(b"parts are missing")
    monkeypatch.setattr(openslide.OpenSlide, "detect_format", lambda _: "mirax")
    monkeypatch.setattr(openslide.OpenSlide, "__init__", fails)
    monkeypatch.setattr(openslide.OpenSlide, "__del__", lambda _: None, raising=False)
    assert "secret" not in refusal(tmp_path / "parts.mrxs")


def test_grey_16_bit_and_many_channels_are_refused(
    tmp_path: Path, write_tiff: Writer, tissue: Pixels
) -> None:
    grey = tissue[..., 0]
    tiles = {"tile": (128, 128), "name": "odd.tif"}
    cases = {
        "is grey": write_tiff(grey, **tiles),
        "16 bits": write_tiff(
            tissue.astype(np.uint16), photometric="rgb", **tiles | {"name": "a.tif"}
        ),
        "5 channels": write_tiff(
            np.repeat(tissue, 2, axis=2)[..., :5],
            photometric="minisblack",
            planarconfig="contig",
            **tiles | {"name": "b.tif"},
        ),
        "4 channels": write_tiff(
            np.repeat(tissue, 2, axis=2)[..., :4],
            photometric="separated",
            **tiles | {"name": "c.tif"},
        ),
        "turned or mirrored": write_tiff(
            tissue, photometric="rgb", extratags=[(274, 3, 1, 6, True)], **tiles | {"name": "d.tif"}
        ),
    }
    for words, path in cases.items():
        assert words in refusal(path, UnsupportedSlideError, mpp=0.5)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert "is grey" in refusal(tmp_path / "grey.png", UnsupportedSlideError, mpp=0.5)
    Image.fromarray(tissue).convert("CMYK").save(tmp_path / "print.jpg")
    assert "CMYK" in refusal(tmp_path / "print.jpg", UnsupportedSlideError, mpp=0.5)


def test_fluorescence_in_ome_tiff_is_refused(write_tiff: Writer) -> None:
    planes = np.zeros((4, 64, 64), np.uint8)
    path = write_tiff(
        planes, name="fluo.ome.tif", metadata={"axes": "CYX"}, photometric="minisblack"
    )
    assert "is grey, one channel a plane" in refusal(path, UnsupportedSlideError)


def test_an_image_too_large_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (1200, 1000)).save(tmp_path / "large.png")
    monkeypatch.setattr("histo.slides.image_slide._LARGEST_MPX", 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "up to 1. Save it as a tiled TIFF" in refusal(
        tmp_path / "large.png", UnsupportedSlideError
    )
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_an_image_is_turned_as_its_exif_says(tmp_path: Path, tissue: Pixels) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(tissue).save(tmp_path / "turned.png", exif=exif)
    with open_slide(tmp_path / "turned.png", mpp=0.5) as slide:
        assert slide.info.reader == "image"
        pixels = slide.read_level(0, Box(0, 0, *slide.shape))
        assert np.array_equal(pixels, np.rot90(tissue, -1))


def test_dpi_is_not_a_pixel_size(tmp_path: Path, tissue: Pixels) -> None:
    Image.fromarray(tissue).save(tmp_path / "dpi.png", dpi=(50_800, 50_800))
    assert "has no µm/px" in refusal(tmp_path / "dpi.png", SpacingError)


def test_missing_spacing_names_the_magnification(write_svs: Writer, tissue: Pixels) -> None:
    path = write_svs(tissue, fields="|AppMag = 40")
    for reader in ("auto", "openslide"):
        assert refusal(path, SpacingError, reader=reader) == (
            "slide.svs has no µm/px. Pass --mpp (20x is about 0.5, 40x about 0.25; the slide says "
            "40x)."
        )
        with open_slide(path, reader=reader) as slide:  # type: ignore[arg-type]
            assert slide.info.spacing_source == "missing"
            assert slide.read_level(0, Box(0, 0, 5, 5)).shape == (5, 5, 3)


def test_implausible_spacing_is_refused_with_its_number(write_svs: Writer, tissue: Pixels) -> None:
    path = write_svs(tissue, fields="|MPP = 16.78")
    assert "says 16.78 µm/px, outside the plausible 0.1 to 1.2" in refusal(path, SpacingError)
    assert open_slide(path, mpp=0.25).spacing == Spacing(0.25, 0.25, "user")


def test_72_dpi_is_no_spacing(write_tiff: Writer, tissue: Pixels) -> None:
    path = write_tiff(tissue, photometric="rgb", resolution=(72, 72), resolutionunit="INCH")
    assert "has no µm/px" in refusal(path, SpacingError)


@pytest.mark.parametrize("mpp", [0.0, -1.0, 40.0, float("nan"), (0.5, 5.0)])
def test_an_implausible_word_of_the_user_is_refused(
    write_svs: Writer, tissue: Pixels, mpp: float
) -> None:
    assert "outside 0.1 to 1.2 µm/px" in refusal(write_svs(tissue), SpacingError, mpp=mpp)


def test_the_users_word_counts_and_a_difference_is_noted(write_svs: Writer, tissue: Pixels) -> None:
    path = write_svs(tissue)
    with open_slide(path, mpp=(0.25, 0.26)) as slide:
        assert slide.spacing == Spacing(0.25, 0.26, "user")
        assert slide.info.spacing_source == "user"
        assert re.search(r"--mpp 0\.255 replaces the slide's own 0\.499", slide.info.notes[0])
    with open_slide(path, mpp=0.5) as slide:
        assert slide.info.notes == ()


def test_an_array_without_spacing_says_so() -> None:
    slide = ArraySlide(np.zeros((20, 20, 3), np.uint8), None, name="bare")
    with pytest.raises(SpacingError, match="bare has no µm/px"):
        slide.read(Box(0, 0, 1, 1), 1.0)


def test_tifffile_keeps_its_quirks_to_itself(
    write_svs: Writer, tissue: Pixels, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_svs(tissue)
    path.write_bytes(path.read_bytes()[:-200])
    fault_of_reading(path)
    logging.getLogger("tifffile").warning("a quirk")
    assert capfd.readouterr() == ("", "")


def test_all_lists_what_there_is() -> None:
    for name in histo.slides.__all__:
        assert getattr(histo.slides, name) is not None
    with pytest.raises(AttributeError):
        _ = histo.slides.nothing  # type: ignore[attr-defined]
