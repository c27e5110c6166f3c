"""Build a network from its card, fill its encoder with ImageNet weights, read and write weights."""

from collections.abc import Iterable
from inspect import signature
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from histo.errors import BundleError
from histo.nn.card import NetworkSpec

__all__ = [
    "StromaNetwork",
    "load_imagenet_mobilenet_v2",
    "load_weights",
    "restore_batch_statistics",
    "save_weights",
]


class StromaNetwork(nn.Module):
    """uint8 tiles in, one logit map a component out.

    Normalisation is inside, so that every backend and every caller feeds plain pixels.
    """

    def __init__(self, spec: NetworkSpec, classes: int) -> None:
        super().__init__()
        self.spec = spec
        self.body = _body(spec, classes)
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, tiles: Tensor) -> Tensor:
        """Return logits (N, C, H, W) of RGB tiles (N, H, W, 3), uint8."""
        pixels = tiles.permute(0, 3, 1, 2).to(self.mean.dtype)
        logits: Tensor = self.body((pixels - self.mean) / self.std)
        return logits


def _body(spec: NetworkSpec, classes: int) -> nn.Module:
    if spec.library != "segmentation_models_pytorch":
        raise BundleError(
            f"the card names the library '{spec.library}'; "
            "this version builds networks of segmentation_models_pytorch only."
        )
    import segmentation_models_pytorch as smp

    arguments: dict[str, Any] = {**spec.arguments, "encoder_weights": None, "classes": classes}
    try:
        kind = getattr(smp, spec.name)
        unknown = sorted(set(arguments) - set(signature(kind).parameters))
        if unknown:  # smp swallows them and builds its default
            raise TypeError(f"{spec.name} has no argument '{unknown[0]}'")
        body: nn.Module = kind(**arguments)
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise BundleError(f"the card's network cannot be built: {fault}") from fault
    _drop_unused_stages(body)
    return body


def _drop_unused_stages(body: nn.Module) -> None:
    """Cut a MobileNetV2 encoder after its last used stage.

    smp computes one stage more than a shallow decoder asks for, and keeps all weights.
    """
    encoder = body.encoder
    stages = getattr(encoder, "_out_indexes", None)
    if stages is not None and isinstance(getattr(encoder, "features", None), nn.Sequential):
        encoder.features = encoder.features[: stages[encoder._depth - 1] + 1]


def save_weights(network: StromaNetwork, path: Path) -> None:
    """Write the weights as fp16 safetensors (no pickle)."""
    state = {
        name: value.half().contiguous() if value.is_floating_point() else value.contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(state, str(path))


def load_weights(network: StromaNetwork, path: Path) -> None:
    """Read weights written by :func:`save_weights`.

    Raises
    ------
    BundleError
        If the file is damaged or does not fit the network.
    """
    try:
        state = {name: value.float() for name, value in load_file(str(path)).items()}
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError, OSError) as fault:
        raise BundleError(f"{path.name} does not fit the card's network.") from fault


def load_imagenet_mobilenet_v2(network: StromaNetwork, path: Path) -> None:
    """Fill a MobileNetV2 encoder with ImageNet weights whose batch norms were folded away.

    The file holds convolutions in forward order, ``NN_*_w`` (out, kh, kw, in) and ``NN_*_b``, of a
    TensorFlow network with "SAME" padding. That padding puts the odd pixel right and below, where
    torch's stride-2 convolutions have it left and above; so the kernels are turned by 180°, which
    makes the torch network the same function of the turned image, exactly. Each batch norm becomes
    the affine it was folded to; :func:`restore_batch_statistics` then finds its statistics.

    Raises
    ------
    BundleError
        If the file is not of that kind or does not fit the encoder.
    """
    layers = _conv_norm_pairs(network.body.encoder)
    arrays = _read_arrays(path)
    keys = sorted(key for key in arrays if key.endswith("_w"))
    if len(keys) < len(layers):
        raise BundleError(f"{path.name} holds {len(keys)} layers, expected {len(layers)}.")
    for (conv, norm), key in zip(layers, keys, strict=False):
        weight, bias = arrays[key], arrays.get(f"{key[:-1]}b")
        axes = (3, 0, 1, 2) if conv.groups > 1 else (0, 3, 1, 2)  # depthwise: (1, kh, kw, out)
        turned = weight.transpose(axes)[:, :, ::-1, ::-1] if weight.ndim == 4 else weight
        if bias is None or turned.shape != conv.weight.shape or bias.shape != norm.bias.shape:
            raise BundleError(f"{path.name}: layer {key} does not fit {conv}.")
        conv.weight.data.copy_(torch.from_numpy(turned.copy()))
        norm.weight.data.fill_(float(np.sqrt(1 + norm.eps)))
        norm.bias.data.copy_(torch.from_numpy(bias))
        norm.reset_running_stats()


def _read_arrays(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        with path.open("rb") as stream, np.load(stream) as archive:
            return dict(archive)
    except (OSError, EOFError, ValueError, TypeError, BadZipFile) as fault:
        raise BundleError(f"{path.name} is no .npz file of encoder weights.") from fault


def restore_batch_statistics(network: StromaNetwork, tiles: Iterable[NDArray[np.uint8]]) -> None:
    """Turn fixed affines back into batch norms: same function, but with true running statistics.

    Layer after layer, the mean m and variance v of what enters the norm are measured on ``tiles``
    (each (N, H, W, 3)); the norm then gets statistics (m, v), scale a·sqrt(v + eps) and shift
    b + a·m where it was a·x + b. Without this, the first training step would rescale every layer.
    Whether the network is in training or evaluation mode stays as it was.
    """
    batches = [torch.from_numpy(np.ascontiguousarray(batch)) for batch in tiles]
    was_training = network.training
    network.eval()
    for conv, norm in _conv_norm_pairs(network.body.encoder):
        values: list[Tensor] = []
        handle = conv.register_forward_hook(lambda _m, _i, out, keep=values: keep.append(out))
        with torch.no_grad():
            for batch in batches:
                network(batch)
        handle.remove()
        outputs = torch.cat([v.transpose(0, 1).flatten(1) for v in values], dim=1).double()
        mean, variance = outputs.mean(1).float(), outputs.var(1).float()
        slope = norm.weight.data / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias.data - slope * norm.running_mean
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.data.copy_(slope * torch.sqrt(variance + norm.eps))
        norm.bias.data.copy_(shift + slope * mean)
    network.train(was_training)


def _conv_norm_pairs(encoder: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    if len(convolutions) != len(norms):
        raise BundleError("these ImageNet weights are for a mobilenet_v2 encoder only.")
    return list(zip(convolutions, norms, strict=True))
