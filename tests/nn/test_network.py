"""The network a card names, and ImageNet weights of TensorFlow inside it."""

import numpy as np
import pytest
from nn_fakes import INVERTED_RESIDUALS, card_values, folded_mobilenet_v2, noise_tiles

from histo.errors import BundleError
from histo.nn.card import NetworkSpec

torch = pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from torch.nn import functional  # noqa: E402

from histo.nn.network import (  # noqa: E402
    StromaNetwork,
    load_imagenet_mobilenet_v2,
    load_weights,
    restore_batch_statistics,
    save_weights,
)

SPEC = NetworkSpec.model_validate(card_values()["network"])


@pytest.fixture
def network():
    torch.manual_seed(0)
    return StromaNetwork(SPEC, classes=2).eval()


@pytest.fixture
def imagenet(tmp_path):
    arrays, layers = folded_mobilenet_v2(seed=3)
    np.savez(tmp_path / "mobilenet.npz", **arrays)
    return tmp_path / "mobilenet.npz", layers


def tensorflow_features(pixels, layers):
    """MobileNetV2 as TensorFlow computes it, outputs at strides 2, 4, 8 and 16.

    "SAME" pads so that the output has ceil(size / stride) pixels, the odd pixel right and below;
    batch norm is applied as a norm, with TensorFlow's epsilon.
    """
    remaining = iter(layers)

    def convolve(x, stride=1, groups=1):
        layer = {name: torch.from_numpy(values) for name, values in next(remaining).items()}
        pads = []
        for length in (x.shape[3], x.shape[2]):
            total = max((-(-length // stride) - 1) * stride + layer["kernel"].shape[2] - length, 0)
            pads += [total // 2, total - total // 2]
        x = functional.conv2d(
            functional.pad(x, pads), layer["kernel"], stride=stride, groups=groups
        )
        norm = [layer[name] for name in ("mean", "variance", "gamma", "beta")]
        return functional.batch_norm(x, *norm, eps=1e-3)

    features = []
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1
    x = functional.relu6(convolve(x, stride=2))
    for expansion, _, repeats, first_stride in INVERTED_RESIDUALS:
        if first_stride == 2:
            features.append(x)
        for stride in (first_stride, *[1] * (repeats - 1)):
            wide = functional.relu6(convolve(x)) if expansion > 1 else x
            wide = functional.relu6(convolve(wide, stride, groups=wide.shape[1]))
            narrow = convolve(wide)
            x = x + narrow if narrow.shape == x.shape else narrow
    return [*features, x]


@pytest.mark.parametrize("shape", [(64, 96), (48, 40), (45, 51)])
def test_the_encoder_is_the_tensorflow_network_of_the_turned_image(network, imagenet, shape):
    path, layers = imagenet
    load_imagenet_mobilenet_v2(network, path)
    pixels = noise_tiles(2, *shape, seed=4)
    turned = torch.from_numpy(np.ascontiguousarray(pixels[:, ::-1, ::-1]))
    with torch.no_grad():
        entering = (turned.permute(0, 3, 1, 2).float() - network.mean) / network.std
        ours = [level.flip(2, 3) for level in network.body.encoder(entering)[1:]]
        theirs = tensorflow_features(pixels, layers)
    assert len(ours) == 3
    for mine, reference in zip(ours, theirs, strict=False):
        torch.testing.assert_close(mine, reference, rtol=1e-3, atol=1e-3)
        assert reference.std() > 0.1, "a flat map would agree with anything"


def test_without_the_turn_stride_two_would_disagree(network, imagenet):
    """The guard of the guard: padding matters, so the comparison above can fail."""
    path, layers = imagenet
    load_imagenet_mobilenet_v2(network, path)
    pixels = noise_tiles(1, 64, 64, seed=4)
    with torch.no_grad():
        entering = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127.5) / 127.5
        ours = network.body.encoder(entering)[1]
    assert (ours - tensorflow_features(pixels, layers)[0]).abs().max() > 0.1


def test_restored_statistics_leave_the_function_as_it_was(network, imagenet):
    load_imagenet_mobilenet_v2(network, imagenet[0])
    tiles = noise_tiles(4, 64, 64, seed=5)
    with torch.no_grad():
        before = network(torch.from_numpy(tiles))
        restore_batch_statistics(network, [tiles[:2], tiles[2:]])
        after = network(torch.from_numpy(tiles))
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def encoded_both_ways(network, tiles):
    """Deepest features in evaluation and in training mode, on the same tiles."""
    entering = (torch.from_numpy(tiles).permute(0, 3, 1, 2).float() - 127.5) / 127.5
    encoder = network.body.encoder
    with torch.no_grad():
        settled = encoder.eval()(entering)[-1]
        learning = encoder.train()(entering)[-1]
    return settled, learning


def test_restored_statistics_make_training_start_where_the_weights_are(network, imagenet):
    load_imagenet_mobilenet_v2(network, imagenet[0])
    tiles = noise_tiles(8, 64, 64, seed=6)
    settled, learning = encoded_both_ways(network, tiles)
    spread = float(settled.std())
    assert (learning - settled).abs().mean() > 0.2 * spread, "the fault it cures"
    network.eval()
    load_imagenet_mobilenet_v2(network, imagenet[0])
    restore_batch_statistics(network, [tiles])
    settled, learning = encoded_both_ways(network, tiles)
    assert (learning - settled).abs().mean() < 0.01 * spread


@pytest.mark.parametrize("training", [True, False])
def test_restoring_leaves_the_mode_as_it_was(network, training):
    network.train(training)
    restore_batch_statistics(network, [noise_tiles(1, 64, 64)])
    assert all(part.training is training for part in network.modules())


def test_a_missing_or_foreign_file_is_one_sentence(network, tmp_path):
    text, bare, empty = (tmp_path / name for name in ("text.npz", "bare.npz", "empty.npz"))
    text.write_text("no archive", encoding="utf-8")
    np.save(tmp_path / "bare.npy", np.zeros(3))
    (tmp_path / "bare.npy").rename(bare)
    empty.write_bytes(b"")
    truncated = tmp_path / "truncated.npz"
    np.savez(truncated, a=np.zeros(100))
    truncated.write_bytes(truncated.read_bytes()[:200])
    for path in (tmp_path / "none.npz", text, bare, empty, truncated):
        with pytest.raises(BundleError, match=rf"^{path.name} is no \.npz file of encoder weights"):
            load_imagenet_mobilenet_v2(network, path)


def test_too_few_layers_are_refused(network, tmp_path):
    arrays, _ = folded_mobilenet_v2(seed=3)
    few = {key: arrays[key] for key in list(arrays)[:6]}
    np.savez(tmp_path / "few.npz", **few)
    with pytest.raises(BundleError, match=r"few\.npz holds 3 layers, expected 18"):
        load_imagenet_mobilenet_v2(network, tmp_path / "few.npz")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays: arrays | {"04_DEPTHWISE_CONV_2D_w": np.zeros((1, 5, 5, 96), np.float32)},
        lambda arrays: arrays | {"04_DEPTHWISE_CONV_2D_w": np.zeros(96, np.float32)},
        lambda arrays: arrays | {"04_DEPTHWISE_CONV_2D_b": np.zeros(95, np.float32)},
        lambda arrays: {k: v for k, v in arrays.items() if k != "04_DEPTHWISE_CONV_2D_b"},
    ],
)
def test_a_layer_that_does_not_fit_is_named(network, tmp_path, spoil):
    arrays = spoil(folded_mobilenet_v2(seed=3)[0])
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(BundleError, match=r"odd\.npz: layer 04_DEPTHWISE_CONV_2D_w does not fit"):
        load_imagenet_mobilenet_v2(network, tmp_path / "odd.npz")


def test_imagenet_weights_are_for_a_mobilenet(imagenet):
    spec = NetworkSpec(
        arguments={
            "encoder_name": "efficientnet-b0",
            "encoder_depth": 3,
            "decoder_channels": [8, 8, 8],
        }
    )
    with pytest.raises(BundleError, match="mobilenet_v2 encoder only"):
        load_imagenet_mobilenet_v2(StromaNetwork(spec, classes=1), imagenet[0])


@pytest.mark.parametrize(("depth", "blocks"), [(2, 4), (3, 7), (4, 14), (5, 19)])
def test_stages_the_decoder_does_not_use_are_cut(depth, blocks):
    arguments = {**SPEC.arguments, "encoder_depth": depth, "decoder_channels": [8] * depth}
    body = StromaNetwork(NetworkSpec(arguments=arguments), classes=1).body
    assert len(body.encoder.features) == blocks


def test_cutting_changes_no_output(network):
    import segmentation_models_pytorch as smp

    whole = smp.Unet(**SPEC.arguments, encoder_weights=None, classes=2).eval()
    whole.load_state_dict(network.body.state_dict(), strict=False)
    pixels = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network.body(pixels), whole(pixels))


def test_logits_come_in_the_size_of_the_tiles(network):
    with torch.no_grad():
        assert network(torch.from_numpy(noise_tiles(2, 32, 48))).shape == (2, 2, 32, 48)


def test_normalisation_is_inside(network):
    pixels = torch.full((1, 3, 32, 32), 0.6)
    plain = torch.full((1, 32, 32, 3), round(127.5 + 0.6 * 127.5), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(network(plain), network.body(pixels), atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"library": "timm"}, "the card names the library 'timm'"),
        ({"name": "Onet"}, "the card's network cannot be built"),
        ({"arguments": {"encoder_name": "resnet0"}}, "the card's network cannot be built"),
        ({"arguments": {**SPEC.arguments, "encoder_depth": 9}}, "cannot be built"),
        ({"arguments": {"encoder": "mobilenet_v2"}}, "Unet has no argument 'encoder'"),
    ],
)
def test_a_network_nobody_can_build_is_one_sentence(changes, sentence):
    values = {**SPEC.model_dump(), **changes}
    with pytest.raises(BundleError, match=sentence):
        StromaNetwork(NetworkSpec.model_validate(values), classes=1)


def test_weights_come_back_rounded_to_half(network, tmp_path):
    save_weights(network, tmp_path / "w.safetensors")
    other = StromaNetwork(SPEC, classes=2).eval()
    load_weights(other, tmp_path / "w.safetensors")
    for name, value in network.state_dict().items():
        back = other.state_dict()[name]
        assert back.dtype == value.dtype
        torch.testing.assert_close(back, value.half().to(value.dtype), rtol=0, atol=0)


def test_weights_that_do_not_fit_are_one_sentence(network, tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(StromaNetwork(SPEC, classes=5), path)
    with pytest.raises(BundleError, match=r"^w\.safetensors does not fit the card's network\.$"):
        load_weights(network, path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BundleError, match="does not fit"):
        load_weights(network, path)
    with pytest.raises(BundleError, match="does not fit"):
        load_weights(network, tmp_path / "none.safetensors")
