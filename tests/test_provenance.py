"""A run's record identifies by content and holds no path, name or tag."""

import hashlib
import json
import platform

import pytest

from histo import __version__
from histo.provenance import RunRecord, file_sha256, slide_fingerprint, versions


def test_versions_name_histo_python_and_what_can_move_a_number():
    found = versions()
    assert found["histo"] == __version__
    assert found["python"] == platform.python_version()
    assert {"platform", "numpy", "scipy", "openvino", "openslide-bin"} <= set(found)


def test_versions_do_not_name_the_machine():
    assert platform.node() not in versions().values()


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_the_digest_of_a_file_is_sha256(tmp_path, size):
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(data)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def fingerprint_of(folder, data: bytes, name: str = "slide.svs") -> str:
    (folder / name).write_bytes(data)
    return slide_fingerprint(folder / name, block=64)


def test_the_fingerprint_is_of_the_content_not_the_name(tmp_path):
    data = bytes(range(256)) * 4
    assert fingerprint_of(tmp_path, data) == fingerprint_of(tmp_path, data, "müller 🔬.svs")


@pytest.mark.parametrize("place", [0, 63, 480, 543, 960, 1023])
def test_a_changed_byte_in_head_middle_or_tail_changes_the_fingerprint(tmp_path, place):
    data = bytearray(range(256)) * 4
    before = fingerprint_of(tmp_path, bytes(data))
    data[place] ^= 1
    assert fingerprint_of(tmp_path, bytes(data)) != before


def test_a_changed_size_changes_the_fingerprint(tmp_path):
    assert fingerprint_of(tmp_path, bytes(1000)) != fingerprint_of(tmp_path, bytes(1001))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65])
def test_files_smaller_than_a_block_have_a_fingerprint(tmp_path, size):
    assert len(fingerprint_of(tmp_path, bytes(size))) == 64


def test_stages_add_up_also_when_one_fails():
    record = RunRecord()
    with record.timed("read"):
        pass
    first = record.timings_s["read"]
    with pytest.raises(OSError, match="disk"), record.timed("read"):
        raise OSError("disk")
    assert record.timings_s["read"] > first > 0


def test_a_warning_is_kept_once_in_order():
    record = RunRecord()
    for message in ("pale", "small", "pale"):
        record.warn(message)
    assert record.warnings == ["pale", "small"]


def test_the_record_is_plain_values():
    record = RunRecord(settings={"batch": 4})
    record.timings_s["read"] = 1.23456789
    values = json.loads(json.dumps(record.as_dict()))
    assert set(values) == {"versions", "settings", "slide", "bundles", "timings_s", "warnings"}
    assert values["timings_s"] == {"read": 1.2346}


def test_two_records_share_nothing():
    RunRecord().warn("mine")
    assert RunRecord().warnings == []
