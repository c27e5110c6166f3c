"""Bundles are listed, shown and verified."""

import shutil

import pytest

from histo.assets import bundle_names


@pytest.fixture
def shipped():
    if "he-collagen" not in bundle_names():
        pytest.skip("no bundle is here yet")
    return "he-collagen"


@pytest.fixture(autouse=True)
def core_only(monkeypatch):
    """Only OpenVINO answers, as the bundle of one formula has no weights."""
    for room in ("backends", "verify"):
        monkeypatch.setattr(f"histo.nn.{room}.find_spec", lambda _: None)


def test_shipped_bundles_are_listed(histo_, shipped):
    done = histo_("models", "list")
    assert done.code == 0
    line = next(line for line in done.out.splitlines() if line.startswith(shipped))
    assert "H&E" in line
    assert "collagen" in line
    assert "µm/px" in line
    assert shipped in [card["name"] for card in histo_("models", "list", "--json").json]


def test_a_card_is_shown(histo_, bundle):
    done = histo_("models", "show", bundle)
    assert done.code == 0
    assert "What takes green light away is collagen." in done.out
    assert histo_("models", "show", bundle, "--json").json["thresholds"] == {"collagen": 0.5}


def test_a_sound_bundle_is_verified(histo_, bundle):
    done = histo_("models", "verify", bundle, "--json")
    assert done.code == 0, done.out
    checks = {check["name"]: check for check in done.json}
    assert {"sha256 of graph.onnx", "size", "licence"} <= set(checks)
    assert any(name.startswith("parity of openvino cpu f32") for name in checks)
    assert all(check["passed"] for check in done.json)


def test_a_spoilt_bundle_fails_the_check(histo_, bundle, tmp_path):
    spoilt = shutil.copytree(bundle, tmp_path / "spoilt")
    with (spoilt / "weights.safetensors").open("r+b") as stream:
        stream.write(b"\xff")
    done = histo_("models", "verify", spoilt)
    assert done.code == 1
    assert "FAIL  sha256 of weights.safetensors" in done.out
    assert "ok    sha256 of graph.onnx" in done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["show", "verify"])
def test_a_bundle_that_is_not_there(histo_, command):
    done = histo_("models", command, "nonsense")
    assert done.code == 1
    assert done.says("no bundle 'nonsense'", "card.yaml")
