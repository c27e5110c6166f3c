"""Encoder weights that the library's hub publishes, from this machine's cache alone."""

from pathlib import Path

from safetensors.torch import load_file

from histo.errors import ConfigError
from histo.nn.network import StromaNetwork

__all__ = ["load_hub_encoder"]

_FILE = "model.safetensors"


def load_hub_encoder(network: StromaNetwork, weights: str) -> None:
    """Fill the encoder with published weights, such as ``imagenet``; nothing is downloaded.

    The card's ``network.mean`` and ``std`` have to be those the weights were made with.

    Raises
    ------
    ConfigError
        If there are no such weights, or they are not on this machine: how to fetch them.
    """
    encoder = network.body.encoder
    name = str(network.spec.arguments.get("encoder_name", "resnet34"))
    found = load_file(str(_cached(name, weights)))
    wanted = encoder.state_dict()
    missing = [key for key in wanted if key not in found and "num_batches" not in key]
    if missing:
        raise ConfigError(
            f"the published weights of {name} lack {missing[0]}; set "
            "network.arguments.encoder_weights: null to train from scratch."
        )
    encoder.load_state_dict({key: found.get(key, value) for key, value in wanted.items()})


def _cached(name: str, weights: str) -> Path:
    from huggingface_hub import hf_hub_download
    from segmentation_models_pytorch.encoders import encoders

    published = encoders.get(name, {}).get("pretrained_settings", {})
    if weights not in published:
        known = ", ".join(published) or "none"
        raise ConfigError(
            f"network.arguments.encoder_weights is '{weights}', but the library publishes for "
            f"{name}: {known}."
        )
    place = published[weights]
    repository, revision = place["repo_id"], place["revision"]
    try:
        return Path(hf_hub_download(repository, _FILE, revision=revision, local_files_only=True))
    except OSError as fault:
        raise ConfigError(
            f"the {weights} weights of {name} are not on this machine, and training downloads "
            f"nothing: run 'hf download {repository} {_FILE} --revision {revision}' where there is "
            "a network, name a file as imagenet_weights, or set "
            "network.arguments.encoder_weights: null to train from scratch."
        ) from fault
