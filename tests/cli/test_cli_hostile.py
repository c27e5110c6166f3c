"""Files, disks and folders as they come: one sentence, the right exit code, nothing left over."""

import errno
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from cli_fakes import complete, left_in, write_png
from PIL import Image

from histo.pipeline import survey


def truncated(slide, folder):
    """The first half of a slide, as a broken download leaves it."""
    path = folder / "half.tif"
    data = slide.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def rotten(slide, folder):
    """A slide of full length whose middle tile of level 0 is zeros: low-power views are fine."""
    path = folder / "rotten.tif"
    data = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        page = tiff.pages.first
        middle = len(page.dataoffsets) // 2
        start, count = page.dataoffsets[middle], page.databytecounts[middle]
    data[start : start + count] = bytes(count)
    path.write_bytes(data)
    return path


def empty(_, folder):
    path = folder / "empty.svs"
    path.touch()
    return path


def a_directory(_, folder):
    path = folder / "folder.svs"
    path.mkdir()
    return path


def text(_, folder):
    path = folder / "notes.svs"
    path.write_text("Not a slide. " * 100, encoding="utf-8")
    return path


def a_tiff_header_only(_, folder):
    path = folder / "head.tif"
    path.write_bytes(b"II*\0" + bytes(100))
    return path


def one_pixel(_, folder):
    return write_png(folder / "dot.png", 200, side_px=1)


def white(_, folder):
    return write_png(folder / "white.png", 245)


def black(_, folder):
    return write_png(folder / "black.png", 0)


def grey(_, folder):
    path = folder / "grey.png"
    Image.fromarray(np.full((400, 400), 128, np.uint8)).save(path)
    return path


def missing(_, folder):
    return folder / "missing.svs"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (empty, ["empty.svs is empty"]),
        (truncated, ["half.tif is truncated", "copy it again"]),
        (rotten, ["rotten.tif is damaged or truncated", "cannot be decoded"]),
        (a_directory, ["folder.svs is a folder"]),
        (text, ["notes.svs is no slide"]),
        (a_tiff_header_only, ["head.tif is no TIFF, or a damaged"]),
        (one_pixel, ["dot.png is 1 x 1 pixels", "too small"]),
        (white, ["empty glass", "no tissue"]),
        (black, ["black all over", "no tissue"]),
        (grey, ["grey.png is grey"]),
        (missing, ["missing.svs does not exist"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_hostile_slide_is_refused_in_a_sentence(infer, slide, out, tmp_path, make, told):
    done = infer(make(slide, tmp_path), "--mpp", "0.5", "--out", out)
    assert done.code == 1
    assert done.says(*told), done.err
    assert not done.out
    assert not left_in(out)


def test_the_rotten_slide_fails_only_when_its_tiles_are_read(histo_, slide, tmp_path):
    facts = histo_("info", rotten(slide, tmp_path), "--json").json
    assert facts["stain"] == "H&E"


def test_debug_shows_where_it_happened(infer, slide, out, tmp_path):
    done = infer(rotten(slide, tmp_path), "--out", out, "--debug")
    assert done.code == 1
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("Error: rotten.tif is damaged")
    assert not left_in(out)


def test_a_fault_nobody_foresaw_is_a_sentence_too(infer, slide, out, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr("histo.pipeline.recipe.score_map", broken)
    done = infer(slide, "--out", out)
    assert done.code == 1
    assert done.err.splitlines() == [
        "Error: unexpected ZeroDivisionError: first line second line "
        "(please report it, with what --debug prints)."
    ]
    assert not left_in(out)


@pytest.mark.parametrize("name", ["Schnitt 7 ✨🔬.tif", "[bold]x [red].tif", "ä b.c.tif"])
def test_file_names_may_be_anything(infer, slide, out, tmp_path, name):
    path = Path(shutil.copy(slide, tmp_path / name))
    done = infer(path, "--out", out)
    assert done.code == 0, done.err
    assert name in done.out
    assert len(left_in(out)) == 1
    assert complete(next(out.iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes names that are no text")
def test_a_name_that_is_no_text(finish, bundle, slide, out, tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.tif"
    shutil.copy(slide, path)
    done = finish("infer", path, "--out", out, "--bundle", bundle)
    assert done.code == 0, done.err
    assert len(left_in(out)) == 1


def test_a_slide_that_may_not_be_read(infer, slide, out, tmp_path, monkeypatch):
    locked = Path(shutil.copy(slide, tmp_path / "locked.tif"))
    locked.chmod(0)
    if os.access(locked, os.R_OK):  # the superuser reads all
        plain = Path.open

        def refuse(path, *args, **options):
            if path == locked:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return plain(path, *args, **options)

        monkeypatch.setattr(Path, "open", refuse)
    done = infer(locked, "--out", out)
    assert done.code == 1
    assert done.says("locked.tif may not be read")


@pytest.mark.parametrize("place", ["file", "file/below", "locked/results"])
def test_a_place_that_cannot_be_written_to(infer, slide, tmp_path, place, monkeypatch):
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if place.startswith("locked") and os.access(locked, os.W_OK):
        locked = place = "/proc/histo/results" if Path("/proc/self").exists() else None
        if place is None:
            pytest.skip("this user may write anywhere")
    done = infer(slide, "--out", tmp_path / place)
    assert done.code == 1
    assert done.says(str(tmp_path / place))
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_file_where_the_result_goes(infer, slide, out):
    out.mkdir()
    (out / slide.stem).write_text("kept", encoding="utf-8")
    done = infer(slide, "--out", out, "--overwrite")
    assert done.code == 1
    assert done.says("is in the way")
    assert (out / slide.stem).read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(
    "where",
    [
        "histo.inference.sink.FileSink.write",
        "histo.outputs.overview.write_overview",
        "histo.outputs.component_tiff.write_component_tiff",
        "histo.outputs.results._write_run",
        "os.fsync",
    ],
)
def test_a_disk_that_is_full_leaves_nothing(infer, slide, out, monkeypatch, where):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    infer(slide.parent / "none.svs", "--out", out)  # loads the modules that are patched
    monkeypatch.setattr(where, full)
    done = infer(slide, "--out", out)
    assert done.code == 1
    assert done.says("No space left on device")
    assert not left_in(out)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB; only the superuser of a Linux machine can make one."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=300k", "tmpfs", folder]
    if not mount or not umount or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run([umount, folder], check=True)


def test_a_disk_that_really_fills_up(infer, slide, small_disk):
    kept = small_disk / "kept"
    kept.write_text("kept", encoding="utf-8")
    done = infer(slide, "--out", small_disk)
    assert done.code == 1
    assert done.says("No space left on device")
    assert left_in(small_disk) == {"kept"}


def test_a_bundle_with_a_flipped_byte_is_refused(histo_, bundle, slide, out, tmp_path):
    spoilt = shutil.copytree(bundle, tmp_path / "spoilt")
    data = bytearray((spoilt / "graph.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (spoilt / "graph.onnx").write_bytes(data)
    done = histo_("infer", slide, "--bundle", spoilt, "--out", out)
    assert done.code == 1
    assert done.says("graph.onnx of bundle formula", "SHA-256 differs")
    assert not left_in(out)


@pytest.mark.parametrize(
    ("content", "told"),
    [("name: x", "missing"), ("[", "not valid YAML"), ("", "expected keys")],
)
def test_a_bundle_with_a_broken_card_is_refused(histo_, slide, out, tmp_path, content, told):
    (tmp_path / "card.yaml").write_text(content, encoding="utf-8")
    done = histo_("infer", slide, "--bundle", tmp_path, "--out", out)
    assert done.code == 1
    assert done.says("card.yaml", told)


def test_a_graph_that_is_none_is_refused(histo_, bundle, slide, out, tmp_path):
    import yaml

    from histo.provenance import file_sha256

    spoilt = shutil.copytree(bundle, tmp_path / "spoilt")
    (spoilt / "graph.onnx").write_bytes(b"nothing")
    card = yaml.safe_load((spoilt / "card.yaml").read_text(encoding="utf-8"))
    card["sha256"]["graph.onnx"] = file_sha256(spoilt / "graph.onnx")
    (spoilt / "card.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    done = histo_("infer", slide, "--bundle", spoilt, "--out", out)
    assert done.code == 1
    assert done.says("OpenVINO cannot read the graph of formula")


@pytest.mark.parametrize("words", [[], ["--stain", "H&E"]])
def test_tissue_that_is_all_unfit_is_refused(infer, slide, out, monkeypatch, words):
    def spoilt(*args, **options):
        found = plain(*args, **options)
        halves = np.where(np.arange(found.tissue.shape[1]) % 2, np.uint8(2), np.uint8(3))
        return replace(found, exclusion=np.where(found.tissue, halves, np.uint8(0)))

    plain = survey.tissue_map
    monkeypatch.setattr(survey, "tissue_map", spoilt)
    done = infer(slide, "--out", out, *words)
    assert done.code == 1
    assert done.says("all the tissue is excluded (pen, fold)")
