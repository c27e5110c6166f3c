"""Published encoder weights come from this machine's cache; nothing is downloaded."""

import pytest
from training_fakes import training_values

torch = pytest.importorskip("torch")
for needed in ("segmentation_models_pytorch", "lightning"):
    pytest.importorskip(needed)

from safetensors.torch import save_file  # noqa: E402

from histo.errors import ConfigError  # noqa: E402
from histo.training.config import TrainingConfig  # noqa: E402
from histo.training.loop import hub  # noqa: E402
from histo.training.loop.start import new_network  # noqa: E402


def network(**arguments):
    values = training_values("none.csv")
    values["network"]["arguments"].update(arguments)
    return new_network(TrainingConfig.model_validate(values), [], None)


def test_weights_that_are_not_here_say_how_to_fetch_them(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    told = r"^the imagenet weights of mobilenet_v2 are not on this machine.* 'hf download smp-hub/"
    with pytest.raises(ConfigError, match=told):
        network(encoder_weights="imagenet")


def test_weights_nobody_published_are_refused():
    with pytest.raises(ConfigError, match=r"is 'camelyon', but .* for mobilenet_v2: imagenet\.$"):
        network(encoder_weights="camelyon")


def test_cached_weights_fill_the_encoder_that_is_left(monkeypatch, tmp_path):
    """The file holds every stage, the network those it uses."""
    plain = network(encoder_depth=4, decoder_channels=[16, 8, 8, 8]).body.encoder.state_dict()
    state = {name: torch.full_like(value, 2) for name, value in plain.items()}
    save_file(state, tmp_path / "model.safetensors")
    monkeypatch.setattr(hub, "_cached", lambda *_: tmp_path / "model.safetensors")
    filled = network(encoder_weights="imagenet").body.encoder.state_dict()
    assert len(filled) < len(state)
    assert all((value == 2).all() for value in filled.values())
    del state[next(iter(state))]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match="lack features"):
        network(encoder_weights="imagenet")


def test_a_network_too_large_for_a_bundle_is_refused_before_it_is_trained():
    with pytest.raises(ConfigError, match=r"would take \d+\.\d MB .* use fewer encoder stages"):
        network(encoder_depth=5, decoder_channels=[256, 128, 96, 48, 16])
