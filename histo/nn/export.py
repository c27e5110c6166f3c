"""Write a bundle: weights, exported graph, reference and card, checked against each other."""

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from torch import Tensor, nn

from histo.errors import BundleError
from histo.nn.bundle import CARD, GRAPH, MAX_BYTES, REFERENCE, WEIGHTS, Bundle, load_bundle
from histo.nn.card import Card
from histo.nn.network import StromaNetwork, load_weights, save_weights
from histo.nn.readme import bundle_readme
from histo.provenance import file_sha256

__all__ = ["export_bundle"]


class _Probability(nn.Module):
    """The network with its sigmoid: what the graph computes."""

    def __init__(self, network: StromaNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, tiles: Tensor) -> Tensor:
        return torch.sigmoid(self.network(tiles))


def export_bundle(
    folder: Path, network: StromaNetwork, card: Card, reference: NDArray[np.uint8]
) -> Bundle:
    """Write a bundle and return it loaded.

    The weights are rounded to fp16 first, and graph and reference are made from the rounded
    ones, so that every backend is checked against the network a user gets.

    Parameters
    ----------
    reference
        uint8, (1, H, W, 3): a tile made in code, never a patient's.

    Raises
    ------
    BundleError
        If the files are larger than 16 MB together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(network, folder / WEIGHTS)
    load_weights(network, folder / WEIGHTS)
    whole = _Probability(network.cpu().float().eval())
    with torch.no_grad():
        output = whole(torch.from_numpy(reference)).numpy()
    # safetensors writes memory as it lies, and torch's maps lie channels last
    values = {"input": reference, "output": output.astype(np.float32)}
    save_file({name: np.ascontiguousarray(v) for name, v in values.items()}, folder / REFERENCE)
    _export_graph(whole, folder / GRAPH, card)
    digests = {name: file_sha256(folder / name) for name in (WEIGHTS, GRAPH, REFERENCE)}
    final = card.model_copy(update={"sha256": digests})
    (folder / CARD).write_text(_yaml(final), encoding="utf-8", newline="\n")
    (folder / "README.md").write_text(bundle_readme(final), encoding="utf-8", newline="\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    if size > MAX_BYTES:
        (folder / CARD).unlink()  # without a card it is no bundle
        limit = f"{MAX_BYTES / 1e6:.1f} MB"
        raise BundleError(f"bundle {card.name} is {size / 1e6:.1f} MB; the limit is {limit}.")
    return load_bundle(folder)


def _yaml(card: Card) -> str:
    values: dict[str, Any] = card.model_dump(mode="json")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _export_graph(network: nn.Module, path: Path, card: Card) -> None:
    """Export to ONNX with any batch and tile size, weights kept as fp16.

    "Preserve" keeps each batch norm a node, in evaluation mode; else it would be folded into its
    convolution, whose weights would then be rounded a second time. Runtimes fold it in fp32.
    """
    stride = card.network.stride_px
    example = torch.zeros((2, 4 * stride, 6 * stride, 3), dtype=torch.uint8)
    dims = {0: "batch", 1: "height", 2: "width"}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(scratch) / "graph.onnx"
        torch.onnx.export(
            network,
            (example,),
            str(file),
            input_names=["tiles"],
            output_names=["probability"],
            dynamic_axes={"tiles": dims, "probability": {0: "batch", 2: "height", 3: "width"}},
            opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE,
            dynamo=False,
        )
        graph = onnx.load(file)
    onnx.save(_halved(graph), path)


def _halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float weights as fp16 behind a Cast: half the file, the arithmetic stays fp32."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < 64:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_fp16"))
        casts.append(helper.make_node("Cast", [f"{name}_fp16"], [name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)
    onnx.checker.check_model(model)
    return model
