"""The doctor says what is there, and how to add what is not."""

import pytest

from histo.cli import doctor


def test_a_sound_installation(histo_):
    done = histo_("doctor", "--json")
    assert done.code == 0, done.err
    report = done.json
    assert {"histo", "python", "numpy", "openvino"} <= set(report["versions"])
    assert report["devices"][-1] == "cpu"
    assert report["backends"]["openvino"].startswith("ready")
    assert report["backends"]["openslide"].startswith("ready")
    assert "he-collagen" in report["bundles"]
    assert report["faults"] == []


def test_a_core_installation_is_told_what_could_be_added(histo_, monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    monkeypatch.setattr("histo.nn.backends.find_spec", lambda _: None)
    done = histo_("doctor")
    assert done.code == 0, done.err
    assert "To add GPU inference: pip install 'histo-stroma[gpu]'" in done.out
    assert "To add training: pip install 'histo-stroma[train]'" in done.out
    assert "not installed" in done.out


@pytest.mark.parametrize(
    ("probe", "remedy"),
    [
        ("_openvino", "pip install --force-reinstall openvino"),
        ("_openslide", "pip install --force-reinstall openslide-python openslide-bin"),
        ("_torch", "pip install --force-reinstall torch torchvision"),
    ],
)
def test_a_library_that_does_not_load_is_a_fault_with_a_remedy(histo_, monkeypatch, probe, remedy):
    def broken():
        raise OSError("libfoo.so: cannot open shared object file")

    monkeypatch.setattr(doctor, "find_spec", lambda _: object())
    monkeypatch.setattr("histo.nn.backends.available_devices", lambda: ["cpu"])
    monkeypatch.setattr(doctor, probe, broken)
    done = histo_("doctor")
    assert done.code == 1
    assert remedy in done.err
    assert "Traceback" not in done.err
    assert "does not load" in done.out


def test_without_bundles_nothing_can_be_scored(histo_, monkeypatch):
    monkeypatch.setattr("histo.assets.bundle_names", list)
    done = histo_("doctor", "--json")
    assert done.code == 1
    assert "no bundle was found" in done.json["faults"][0]
    listed = histo_("models", "list")
    assert listed.code == 0
    assert "No bundle" in listed.err
