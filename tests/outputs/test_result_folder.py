"""A result folder is complete or absent, whatever happens."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from histo.errors import OutputError, TissueError
from histo.outputs import SlideResults, result_folder, safe_name, write_results

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_one(out: Path, name: str = "slide", text: str = "new", **options: bool) -> None:
    with result_folder(out, name, **options) as folder:
        (folder / "a.txt").write_text(text)
        (folder / "inner").mkdir()
        (folder / "inner" / "b.txt").write_text(text)


def test_a_complete_result_takes_its_name(tmp_path) -> None:
    write_one(tmp_path / "new" / "out")
    assert names(tmp_path / "new" / "out") == ["slide"]
    assert (tmp_path / "new" / "out" / "slide" / "inner" / "b.txt").read_text() == "new"


def test_nothing_has_the_final_name_before_the_end(tmp_path) -> None:
    with result_folder(tmp_path, "slide") as folder:
        assert not (tmp_path / "slide").exists()
        assert folder.parent == tmp_path
        assert folder.name.endswith(".partial")


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, TissueError("x"), NO_SPACE])
def test_any_way_out_of_the_block_leaves_nothing(tmp_path, fault) -> None:
    def work() -> None:
        with result_folder(tmp_path, "slide") as folder:
            (folder / "half.txt").write_text("half")
            raise fault

    with pytest.raises((KeyboardInterrupt, SystemExit, TissueError, OutputError)):
        work()
    assert names(tmp_path) == []


def test_an_existing_result_is_kept_unless_told_otherwise(tmp_path) -> None:
    write_one(tmp_path, text="old")
    with pytest.raises(OutputError, match="--overwrite"):
        write_one(tmp_path)
    assert (tmp_path / "slide" / "a.txt").read_text() == "old"
    write_one(tmp_path, overwrite=True)
    assert (tmp_path / "slide" / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["slide"]


def test_an_interrupted_overwrite_keeps_the_old_result(tmp_path) -> None:
    write_one(tmp_path, text="old")
    with pytest.raises(KeyboardInterrupt), result_folder(tmp_path, "slide", overwrite=True):
        raise KeyboardInterrupt
    assert (tmp_path / "slide" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["slide"]


def test_a_failed_swap_brings_the_old_result_back(tmp_path, monkeypatch) -> None:
    write_one(tmp_path, text="old")
    replace, calls = os.replace, []

    def second_fails(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise PermissionError(errno.EACCES, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(OutputError, match="Permission denied"):
        write_one(tmp_path, overwrite=True)
    assert (tmp_path / "slide" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["slide"]


def test_two_runs_of_one_name_at_once_do_not_mix(tmp_path) -> None:
    def slow_run() -> None:
        with result_folder(tmp_path, "slide") as folder:
            (folder / "a.txt").write_text("first")
            write_one(tmp_path, text="second")

    with pytest.raises(OutputError, match="exists"):
        slow_run()
    assert (tmp_path / "slide" / "a.txt").read_text() == "second"
    assert names(tmp_path) == ["slide"]


def test_a_file_in_the_way_is_named(tmp_path) -> None:
    (tmp_path / "out").write_text("")
    (tmp_path / "slide").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        write_one(tmp_path / "out")
    with pytest.raises(OutputError, match="cannot be written"):
        write_one(tmp_path / "out" / "below")
    with pytest.raises(OutputError, match="in the way"):
        write_one(tmp_path, overwrite=True)


def test_an_unwritable_folder_is_one_sentence(tmp_path, monkeypatch) -> None:
    def refuse(*_args, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"cannot be written .*\(Permission denied\)"):
        write_one(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", range(2))
def test_a_disk_that_is_full_only_when_flushed_leaves_nothing(tmp_path, monkeypatch, call) -> None:
    flush, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == call + 1:
            raise NO_SPACE
        flush(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_one(tmp_path)
    assert names(tmp_path) == []


def write_all(out: Path, results: SlideResults) -> None:
    with result_folder(out, "slide") as folder:
        write_results(folder, results)


WRITERS = [
    "scores_json.write_scores_json",
    "scores_csv.write_scores_csv",
    "regions.write_regions",
    "component_tiff.write_component_tiff",
    "overview.write_overview",
    "results._write_run",
]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_at_any_file_leaves_nothing(tmp_path, monkeypatch, results, writer) -> None:
    def full(*_args, **_options):
        raise NO_SPACE

    monkeypatch.setattr(f"histo.outputs.{writer}", full)
    with pytest.raises(OutputError, match="No space left"):
        write_all(tmp_path, results)
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file size")
@pytest.mark.parametrize("limit_bytes", [100, 5_000, 9_000, 30_000])
def test_a_write_the_system_refuses_leaves_nothing(tmp_path, results, limit_bytes) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_all(tmp_path, results)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path, request):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small disk needs privileges")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("small_disk", ["8k", "16k", "32k", "48k"], indirect=True)
def test_a_really_full_disk_leaves_nothing(small_disk, results) -> None:
    with pytest.raises(OutputError, match="No space left"):
        write_all(small_disk, results)
    assert names(small_disk) == []


@pytest.mark.parametrize("name", ["slide 7 ✨", "Präparat", "a.b-c_d", "病理", ".hidden"])
def test_ordinary_names_are_kept(tmp_path, name) -> None:
    assert safe_name(name) == name
    write_one(tmp_path, name)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("CON", "con.txt", "lpt1", "trailing.", "trailing ", "a:b", "a/b", "..\\x", "..", ""),
        *("é" * 300, "line\nbreak", "bad\udcff", " ", "*?"),
    ],
)
def test_awkward_names_become_one_safe_folder(tmp_path, name) -> None:
    safe = safe_name(name)
    assert len(safe.encode()) < 200
    assert not set('<>:"/\\|?*\n') & set(safe)
    assert safe.split(".")[0].upper() not in {"CON", "LPT1"}
    assert safe == safe.strip().rstrip(".")
    write_one(tmp_path, name)
    assert names(tmp_path) == [safe]


def test_names_made_safe_stay_different() -> None:
    awkward = ["a:b", "a?b", "a*b", "a_b", "a/b", "..", ".", "", " "]
    assert len({safe_name(name) for name in awkward}) == len(awkward)
