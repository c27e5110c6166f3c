"""The settings choose who runs a bundle; what is missing is named with its remedy."""

import pytest

from histo.config import InferenceSettings
from histo.errors import BackendError
from histo.nn import backends
from histo.nn.backends import available_devices, load_predictor
from histo.nn.bundle import load_bundle


@pytest.fixture
def no_torch(monkeypatch):
    """A core installation: torch cannot be found."""
    monkeypatch.setattr(backends, "find_spec", lambda _: None)


def settings(device, **more):
    return InferenceSettings(device=device, **more)


def test_without_torch_there_is_the_cpu(no_torch):
    assert available_devices() == ["cpu"]


def test_the_fastest_device_comes_first(monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("segmentation_models_pytorch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert available_devices() == ["cuda", "cpu"]


@pytest.mark.parametrize("device", ["cuda", "mps", "torch-cpu"])
def test_without_torch_the_sentence_gives_the_command(paper_bundle, no_torch, device):
    with pytest.raises(BackendError) as caught:
        load_predictor(load_bundle(paper_bundle), settings(device))
    assert str(caught.value) == (
        f"--device {device} needs torch; install it with: pip install 'histo-stroma[gpu]'"
    )


@pytest.mark.parametrize("no_driver", [True, False])
def test_auto_without_torch_is_openvino(made_bundle, no_torch, monkeypatch, no_driver):
    monkeypatch.setattr(backends, "_no_gpu_driver", lambda: no_driver)
    predict = load_predictor(made_bundle, settings("auto", precision="f32"))
    assert predict.name == "openvino cpu f32"


def test_auto_without_a_driver_does_not_ask_torch(made_bundle, monkeypatch):
    monkeypatch.setattr(backends, "_no_gpu_driver", lambda: True)
    monkeypatch.setattr(backends, "available_devices", lambda: pytest.fail("imports torch"))
    assert load_predictor(made_bundle, settings("auto")).name.startswith("openvino")


def test_auto_takes_the_first_device_there_is(made_bundle, monkeypatch):
    monkeypatch.setattr(backends, "_no_gpu_driver", lambda: False)
    monkeypatch.setattr(backends, "available_devices", lambda: ["torch-cpu", "cpu"])
    assert load_predictor(made_bundle, settings("auto")).name == "torch cpu f32"


@pytest.mark.parametrize(
    ("device", "name"), [("cpu", "openvino cpu f32"), ("torch-cpu", "torch cpu f32")]
)
def test_a_device_is_taken_at_its_word_with_reduction_and_precision(made_bundle, device, name):
    predict = load_predictor(made_bundle, settings(device, precision="f32"), reduction=4)
    assert (predict.name, predict.reduction) == (name, 4)
