"""Nothing of a slide but its pixels reaches the results, and only the scan's own pixels."""

import json
from pathlib import Path

import openslide
import pytest
import tifffile
from cli_fakes import complete
from PIL import Image

from histo.slides.tile_cache import FileBytes

pytestmark = pytest.mark.shared_data

NAME = "Doe_John_12-3456"
FOLDER = "Ward_7B"
SIDE_IMAGES = {"label", "macro", "thumbnail"}


@pytest.fixture(scope="module")
def named(shared_data, tmp_path_factory):
    """The CMU slide, called as a hospital may call it."""
    source = shared_data / "slides" / "cmu_small_region.svs"
    path = tmp_path_factory.mktemp(FOLDER) / f"{NAME}.svs"
    path.write_bytes(source.read_bytes())
    return path


@pytest.fixture(scope="module")
def reads():
    """Byte ranges (start, end) of the slide that were asked for while it was scored."""
    return []


@pytest.fixture(scope="module")
def results(named, bundle, reads, tmp_path_factory):
    """The folder of results, made while side images could not be opened unseen."""
    from typer.testing import CliRunner

    from histo.cli.app import app

    def refuse(*_, **__):
        raise AssertionError("a side image, or a page as a whole, was opened")

    plain = FileBytes._read_some

    def watched(self, offset, count):
        reads.append((offset, offset + count))
        return plain(self, offset, count)

    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openslide.OpenSlide, "associated_images", property(refuse))
        patch.setattr(tifffile.TiffPage, "asarray", refuse)
        patch.setattr(tifffile.TiffPage, "segments", refuse)
        patch.setattr(FileBytes, "_read_some", watched)
        words = ["infer", named, "--out", out, "--bundle", bundle]
        done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert complete(out / NAME)
    return out / NAME


def tags(path):
    """What the slide says of itself and of those who made it: texts too long to be chance."""
    with openslide.OpenSlide(path) as slide:
        properties = dict(slide.properties)
    told = {"aperio.MPP", "aperio.AppMag", "openslide.vendor"}  # what results may say
    words = {v for k, v in properties.items() if k.startswith("aperio.") and k not in told}
    words |= set(properties["tiff.ImageDescription"].replace("\r\n", "|").split("|"))
    return {word.strip() for word in words if len(word.strip()) >= 6}


def readable(path):
    """Every text of a file, as bytes: as it is, and what PNG and TIFF hide in chunks and tags."""
    parts = [path.read_bytes()]
    if path.suffix == ".png":
        with Image.open(path) as image:
            parts.append(repr(image.info).encode())
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            parts += [repr(tag.value).encode() for page in tiff.pages for tag in page.tags]
    if path.suffix in {".json", ".geojson"}:
        parts.append(repr(json.loads(parts[0])).encode())
    return b"\n".join(parts)


def test_there_is_something_to_hide(named):
    words = tags(named)
    assert any("Filename" in word for word in words)
    assert any("Date = " in word for word in words)
    assert any("User = " in word for word in words)
    assert len(words) > 15


def test_no_name_no_path_no_tag_is_in_any_file(named, results):
    forbidden = {NAME, "Doe_John", "12-3456", FOLDER, str(named.parent), str(results.parent)}
    forbidden |= tags(named)
    for file in results.iterdir():
        content = readable(file)
        found = {word for word in forbidden if word.encode() in content}
        assert not found, f"{file.name}: {found}"


def test_a_picture_has_no_texts(results):
    with Image.open(results / "overview.png") as image:
        assert not getattr(image, "text", {})


def test_side_images_are_never_read(named, results, reads):
    with tifffile.TiffFile(named) as tiff:
        pages = list(tiff.pages)
        scan = pages[0]
        sides = pages[1:]
        kinds = {kind for kind in SIDE_IMAGES for page in sides if kind in page.description}
        own = [(o, o + c) for o, c in zip(scan.dataoffsets, scan.databytecounts, strict=True)]
        others = [
            (offset, offset + count)
            for page in sides
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        ]
    assert {"label", "macro"} <= kinds
    assert set(reads) <= set(own)
    assert not any(a < end and start < b for a, b in reads for start, end in others)
    assert reads


def test_the_folders_name_is_the_only_trace(results):
    assert results.name == NAME
    assert not any(NAME in path.name for path in Path(results).iterdir())
