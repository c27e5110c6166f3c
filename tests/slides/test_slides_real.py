"""The development slides: opened, or refused in a sentence."""

from pathlib import Path

import numpy as np
import openslide
import pytest

from histo.errors import SlideOpenError, SpacingError
from histo.geometry import Box
from histo.slides import open_slide

pytestmark = pytest.mark.shared_data

SHAPES = {
    "breast_fat_S001.svs": (4656, 7471),
    "cmu_small_region.svs": (2967, 2220),
    "monusac_A9K0_1.svs": (1153, 1307),
    "tcga_cr_7395_no_mpp.svs": (3567, 4443),
    "jpeg_wsi.dcm": (715, 957),
    "jpeg2000_wsi.dcm": (715, 957),
}


@pytest.mark.parametrize(("name", "shape"), SHAPES.items())
def test_each_opens_and_gives_pixels(
    shared_data: Path, name: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: object) -> None:
        raise AssertionError("an associated image was touched")

    monkeypatch.setattr(openslide.OpenSlide, "associated_images", property(forbidden))
    with open_slide(shared_data / "slides" / name, mpp=0.5) as slide:
        assert slide.shape == shape
        middle = Box(shape[0] // 4, shape[1] // 4, 150, 150)
        assert slide.read(middle, 1.0).std() > 5
        assert slide.glass.min() > 200
        assert slide.info.reader == ("openslide" if name.endswith("dcm") else "tiff")


@pytest.mark.parametrize("name", ["cmu_small_region.svs", "monusac_A9K0_1.svs"])
def test_direct_decoding_equals_openslide(shared_data: Path, name: str) -> None:
    path = shared_data / "slides" / name
    with open_slide(path) as direct, open_slide(path, reader="openslide") as reference:
        box = Box(0, 0, 1000, 1100)
        difference = np.abs(direct.read_level(0, box).astype(int) - reference.read_level(0, box))
        assert difference.max() <= 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tcga_cr_7395_no_mpp.svs", "has no µm/px"),
        ("jpeg_wsi.dcm", "16.78 µm/px"),
        ("jpeg2000_wsi.dcm", "16.78 µm/px"),
    ],
)
def test_without_a_plausible_spacing_it_is_refused(
    shared_data: Path, name: str, words: str
) -> None:
    with (
        open_slide(shared_data / "slides" / name) as slide,
        pytest.raises(SpacingError, match=words),
    ):
        slide.frame_shape(1.0)


def test_a_file_that_is_no_slide_is_refused(shared_data: Path) -> None:
    with pytest.raises(SlideOpenError, match=r"broken\.svs is no slide"):
        open_slide(shared_data / "slides" / "broken.svs")


def test_ordinary_jpegs_open_with_mpp(shared_data: Path) -> None:
    path = shared_data / "collagen_special" / "liver_psr_1um.jpg"
    with open_slide(path, mpp=1.0) as slide:
        assert slide.shape == (2048, 2048)
        assert slide.info.reader == "image"
