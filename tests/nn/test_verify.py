"""Verifying names what is wrong with a bundle; it never fails itself."""

import json

import pytest
from nn_fakes import write_card, write_paper_bundle
from safetensors.numpy import save_file

from histo.nn import verify
from histo.nn.bundle import GRAPH, REFERENCE, WEIGHTS, load_bundle
from histo.nn.verify import verify_bundle
from histo.provenance import file_sha256


def by_name(checks):
    return {check.name: check for check in checks}


def test_a_fresh_bundle_passes_on_every_backend(made_bundle):
    checks = verify_bundle(made_bundle)
    assert [check for check in checks if not check.passed] == []
    names = " ".join(check.name for check in checks)
    for part in ("sha256 of", "size", "licence", "openvino cpu f32", "torch cpu f32", "bf16"):
        assert part in names


def test_a_check_is_plain_values(made_bundle):
    check = verify_bundle(made_bundle)[0]
    assert json.loads(json.dumps(check.as_dict()))["passed"] is True


@pytest.mark.parametrize(
    ("name", "parity"), [(GRAPH, "cpu f32"), (WEIGHTS, "torch-cpu f32"), (REFERENCE, "cpu f32")]
)
def test_a_flipped_byte_fails_its_digest_and_what_depends_on_it(own_bundle, name, parity):
    path = own_bundle.folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    checks = by_name(verify_bundle(own_bundle))
    assert not checks[f"sha256 of {name}"].passed
    assert not checks[f"parity on {parity}"].passed
    assert "SHA-256 differs" in checks[f"sha256 of {name}"].detail
    assert checks["size"].passed
    assert checks["licence"].passed


def test_files_that_are_no_network_fail_without_an_error(tmp_path):
    """The digests are true, so only reading the files shows what they are."""
    bundle = load_bundle(write_paper_bundle(tmp_path / "tiny"))
    checks = by_name(verify_bundle(bundle))
    assert checks[f"sha256 of {GRAPH}"].passed
    parity = [check for name, check in checks.items() if name.startswith("parity")]
    assert parity
    assert not any(check.passed for check in parity)


def test_another_networks_reference_fails_the_parity(own_bundle):
    """Digests true, files sound, but output and network are not of one piece."""
    pixels, chance = own_bundle.reference()
    path = own_bundle.folder / REFERENCE
    save_file({"input": pixels, "output": chance[:, ::-1].copy()}, path)
    digests = {**own_bundle.card.sha256, REFERENCE: file_sha256(path)}
    write_card(own_bundle.folder, sha256=digests)
    checks = by_name(verify_bundle(load_bundle(own_bundle.folder)))
    assert not checks["parity of openvino cpu f32"].passed
    assert not checks["parity of torch cpu f32"].passed
    assert "largest difference" in checks["parity of torch cpu f32"].detail


def test_a_missing_file_is_a_failed_check(paper_bundle):
    (paper_bundle / WEIGHTS).unlink()
    checks = by_name(verify_bundle(load_bundle(paper_bundle)))
    assert not checks[f"sha256 of {WEIGHTS}"].passed
    assert "lacks weights.safetensors" in checks[f"sha256 of {WEIGHTS}"].detail


def test_too_large_a_folder_is_a_failed_check(paper_bundle, monkeypatch):
    monkeypatch.setattr(verify, "MAX_BYTES", 10)
    checks = by_name(verify_bundle(load_bundle(paper_bundle)))
    assert not checks["size"].passed


def test_bf16_this_cpu_lacks_is_no_fault_of_the_bundle(own_bundle, monkeypatch):
    monkeypatch.setattr("histo.nn.openvino_predictor.cpu_has_bf16", lambda: False)
    checks = by_name(verify_bundle(own_bundle))
    assert checks["parity on cpu bf16"].passed
    assert "no bf16" in checks["parity on cpu bf16"].detail
