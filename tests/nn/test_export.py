"""An exported bundle is the network that was trained, rounded once, in few bytes."""

import numpy as np
import pytest
from nn_fakes import card_values, noise_tiles

from histo.errors import BundleError
from histo.nn.bundle import GRAPH, MAX_BYTES, REFERENCE, WEIGHTS, load_bundle
from histo.provenance import file_sha256

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("segmentation_models_pytorch")

from histo.nn import export  # noqa: E402
from histo.nn.card import Card  # noqa: E402
from histo.nn.network import StromaNetwork, load_weights  # noqa: E402


def rebuilt(bundle):
    network = StromaNetwork(bundle.card.network, len(bundle.card.components)).eval()
    load_weights(network, bundle.file(WEIGHTS))
    return network


def test_weights_and_card_alone_rebuild_the_reference(made_bundle):
    pixels, expected = made_bundle.reference()
    with torch.no_grad():
        found = torch.sigmoid(rebuilt(made_bundle)(torch.from_numpy(pixels)))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_every_large_file_has_its_digest(made_bundle):
    digests = made_bundle.card.sha256
    assert set(digests) == {WEIGHTS, GRAPH, REFERENCE}
    for name, digest in digests.items():
        assert digest == file_sha256(made_bundle.folder / name)


def test_weights_are_stored_in_two_bytes_each(made_bundle):
    numbers = sum(value.numel() for value in rebuilt(made_bundle).state_dict().values())
    for name in (WEIGHTS, GRAPH):
        size = (made_bundle.folder / name).stat().st_size
        assert 2 * numbers < size < 3 * numbers, "names and the graph itself take the rest"


def test_the_graph_keeps_no_large_float_weight(made_bundle):
    graph = onnx.load(made_bundle.file(GRAPH)).graph
    large = [t.name for t in graph.initializer if np.prod(t.dims) >= 64 and t.data_type == 1]
    assert large == []


def test_the_graph_takes_pixels_of_any_batch_and_size(made_bundle):
    graph = onnx.load(made_bundle.file(GRAPH)).graph
    (entry,), (result,) = graph.input, graph.output
    dims = [d.dim_param or d.dim_value for d in entry.type.tensor_type.shape.dim]
    assert entry.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert dims == ["batch", "height", "width", 3]
    assert [d.dim_param or d.dim_value for d in result.type.tensor_type.shape.dim][1] == 2


def test_exporting_again_gives_the_same_bytes(made_bundle, tmp_path):
    again = export.export_bundle(
        tmp_path / "again", rebuilt(made_bundle), made_bundle.card, made_bundle.reference()[0]
    )
    assert again.card == made_bundle.card


def test_a_bundle_too_large_is_refused_and_is_no_bundle(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAX_BYTES", 100_000)
    card = Card.model_validate(card_values())
    network = StromaNetwork(card.network, 2)
    with pytest.raises(BundleError, match=r"^bundle tiny is 0\.\d MB; the limit is 0\.1 MB\.$"):
        export.export_bundle(tmp_path / "big", network, card, noise_tiles(1, 32, 32))
    with pytest.raises(BundleError, match="no bundle 'big'"):
        load_bundle(tmp_path / "big")


def test_the_limit_is_sixteen_megabytes():
    assert MAX_BYTES == 16 * 2**20


def test_what_the_graph_stores_in_half_it_computes_in_full(made_bundle):
    graph = onnx.load(made_bundle.file(GRAPH)).graph
    halves = {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT16}
    readers = {node.op_type for node in graph.node if halves & set(node.input)}
    assert halves
    assert readers == {"Cast"}
