"""Rewrite an exported U-Net so that it does less for the same answer.

Three identities, each exact up to rounding; where the graph does not have the expected shape it
stays as it is. Read from the end, a decoder is blocks of ::

    source -> nearest x2 -> concat(skip) -> 2 x (conv 3x3 -> norm or bias -> relu) -> next block

1. A 3x3 convolution of a picture whose pixels were doubled sees only 2x2 different pixels. It
   is a transposed convolution (4x4, stride 2) of the picture itself: 4 products instead of 9.
2. The last 3x3 convolution with the mean over k x k pixels behind its sigmoid is a convolution
   with stride k and k² channels, and a mean over channels. CPUs compute 16 channels at a time,
   so one output channel costs as much as 16.
3. Within the context of a tile nothing counts, so no decoder block need compute it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

__all__ = ["lighten"]

_MARGIN_PX = 2
"""Pixels kept around what counts, at a block's source. Cropping lets the zero padding of two
convolutions in: after doubling, 2 (x + 1) <= 2 (x + 2) - 2 at every block, and the head's one
pixel is within the last 4 - 2."""

_HEAD_STRIDE_PX = 4
"""Beyond 4 the growing kernel costs more than the stride saves."""


@dataclass(frozen=True)
class _Block:
    """The first convolution of a decoder block: what it reads, and the norm behind it."""

    norm: Any
    source: Any
    skips: tuple[Any, ...]


def lighten(model: Any, reduction: int, context_px: int) -> tuple[Any, int]:
    """Return the model with a mean over pixels at its end, and how much of its border it omits.

    Parameters
    ----------
    model
        An OpenVINO model with static shapes: tiles in, probabilities (N, C, H, W) out. It is
        used up; what comes of it takes tiles of other sizes, too, after a ``reshape``.
    reduction
        k: the mean over k x k pixels is appended.
    context_px
        Border of a tile whose answer nobody reads.

    Returns
    -------
    model
        Gives (N, C, (H - 2 b) / k, (W - 2 b) / k).
    border_px
        b, a multiple of k; 0 where the graph is not a plain U-Net.
    """
    last = model.output(0).get_node().input_value(0).get_node()
    blocks = list(_decoder_blocks(last)) if _is_sigmoid(last) else []
    border = 0
    for index in reversed(range(len(blocks))):
        source_scale = 2 ** (index + 1)
        unit = lcm(source_scale, reduction) // source_scale if index == 0 else 1
        keep_from = (context_px // source_scale - _MARGIN_PX) // unit * unit
        extra = max(0, keep_from - border)
        border = 2 * (border + extra)
        block = blocks[index]
        block.norm.output(0).replace(_undoubled(block, extra, border).output(0))
        model.validate_nodes_and_infer_types()  # the next block asks for its source's new size
    return _reduced(model, reduction), border


def _decoder_blocks(sigmoid: Any) -> Iterator[_Block]:
    """Yield the decoder's blocks, last first, as far as they look as expected."""
    value = _before(sigmoid.input_value(0), _is_norm, _is_plain_3x3)  # the head
    while value is not None:
        value = _before(value, _is_relu, _is_norm, _is_plain_3x3, _is_relu)
        block = None if value is None else _block(value.get_node())
        if block is None:
            return
        yield block
        value = block.source


def _before(value: Any, *kinds: Callable[[Any], bool]) -> Any:
    """Follow first inputs back through nodes of these kinds; None where one is of another."""
    for is_kind in kinds:
        node = value.get_node()
        if not is_kind(node):
            return None
        value = node.input_value(0)
    return value


def _block(norm: Any) -> _Block | None:
    read = _before(norm.output(0), _is_norm, _is_plain_3x3)
    if read is None:
        return None
    is_joint = read.get_node().get_type_name() == "Concat"
    parts = read.get_node().input_values() if is_joint else [read]
    if not _is_doubling(parts[0].get_node()):
        return None
    return _Block(norm, parts[0].get_node().input_value(0), tuple(parts[1:]))


def _is_sigmoid(node: Any) -> bool:
    return bool(node.get_type_name() == "Sigmoid")


def _is_relu(node: Any) -> bool:
    return bool(node.get_type_name() == "Relu")


def _is_norm(node: Any) -> bool:
    """Whether a node scales and shifts each channel by constants."""
    if node.get_type_name() == "BatchNormInference":
        return True
    return node.get_type_name() == "Add" and _constant(node.input_value(1)) is not None


def _is_plain_3x3(convolution: Any) -> bool:
    if convolution.get_type_name() != "Convolution":
        return False
    given = convolution.get_attributes()
    shape = list(convolution.input_value(1).get_shape())
    return (
        shape[2:] == [3, 3]
        and all(list(given[name]) == [1, 1] for name in ("strides", "dilations"))
        and all(list(given[name]) == [1, 1] for name in ("pads_begin", "pads_end"))
    )


def _is_doubling(node: Any) -> bool:
    if node.get_type_name() != "Interpolate":
        return False
    given = node.get_attributes()
    kind = [given[n] for n in ("mode", "coordinate_transformation_mode", "nearest_mode")]
    before, after = list(node.input_value(0).get_shape()), list(node.output(0).get_shape())
    doubled = [*before[:2], 2 * before[2], 2 * before[3]]
    return kind == ["nearest", "asymmetric", "floor"] and after == doubled


def _undoubled(block: _Block, extra_px: int, border_px: int) -> Any:
    """Return the block's first convolution and norm, of the source itself, with the border cut.

    The source is cut by ``extra_px`` (it may have been cut before), skips by ``border_px``.
    """
    weights, bias = _normed(block.norm)
    channels = block.source.get_shape()[1]
    kernel = ops.constant(_doubled_kernel(weights[:, :channels]))
    source = _cropped(block.source, extra_px)
    result = ops.convolution_backprop_data(
        source, kernel, [2, 2], pads_begin=[1, 1], pads_end=[1, 1], dilations=[1, 1]
    )
    if not block.skips:
        return ops.add(result, ops.constant(bias))
    skips = [_cropped(skip, border_px) for skip in block.skips]
    joint = skips[0] if len(skips) == 1 else ops.concat(skips, 1)
    rest = ops.constant(np.ascontiguousarray(weights[:, channels:]))
    beside = ops.convolution(joint, rest, [1, 1], [1, 1], [1, 1], [1, 1])
    return ops.add(ops.add(beside, ops.constant(bias)), result)


def _normed(norm: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a convolution's weights with its norm folded in, and the bias, (1, C, 1, 1)."""
    convolution = norm.input_value(0).get_node()
    weights = _constant(convolution.input_value(1))
    given = [_constant(value).ravel() for value in norm.input_values()[1:]]
    if len(given) == 1:
        slope, bias = np.float32(1), given[0]
    else:
        gamma, beta, mean, variance = given
        slope = gamma / np.sqrt(variance + np.float32(norm.get_attributes()["epsilon"]))
        bias = beta - slope * mean
        slope = slope.reshape(-1, 1, 1, 1)
    return weights * slope, bias.reshape(1, -1, 1, 1)


def _doubled_kernel(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the transposed convolution's (in, out, 4, 4) of a 3x3 convolution's (out, in, 3, 3).

    Doubling is a transposed convolution with 2x2 ones; the two kernels are convolved.
    """
    outputs, inputs = weights.shape[:2]
    kernel = np.zeros((inputs, outputs, 4, 4), dtype=np.float32)
    for row in range(3):
        for col in range(3):
            tap = weights[:, :, row, col].T[:, :, None, None]
            kernel[:, :, 2 - row : 4 - row, 2 - col : 4 - col] += tap
    return kernel


def _cropped(value: Any, pixels: int) -> Any:
    if pixels == 0:
        return value
    return ops.slice(value, [pixels, pixels], [-pixels, -pixels], [1, 1], [2, 3]).output(0)


def _reduced(model: Any, k: int) -> Any:
    """Append a mean over k x k pixels, taken into the last convolution where there is one."""
    result = model.output(0).get_node().input_value(0)
    stride = max(s for s in (1, 2, _HEAD_STRIDE_PX) if k % s == 0)
    if stride > 1 and _before(result, _is_sigmoid, _is_norm, _is_plain_3x3) is not None:
        result = _strided_head(result.get_node(), stride).output(0)
        k //= stride
    if k > 1:
        result = ops.avg_pool(result, [k, k], [0, 0], [0, 0], [k, k], exclude_pad=True)
    return ov.Model([result], model.get_parameters(), model.get_friendly_name())


def _strided_head(sigmoid: Any, k: int) -> Any:
    """Return the head's mean over k x k pixels: each becomes a channel, then these are averaged."""
    norm = sigmoid.input_value(0).get_node()
    weights, bias = _normed(norm)
    outputs, inputs = weights.shape[:2]
    kernel = np.zeros((outputs, k, k, inputs, k + 2, k + 2), dtype=np.float32)
    for row in range(k):
        for col in range(k):
            kernel[:, row, col, :, row : row + 3, col : col + 3] = weights
    logits = ops.convolution(
        norm.input_value(0).get_node().input_value(0),
        ops.constant(kernel.reshape(outputs * k * k, inputs, k + 2, k + 2)),
        [k, k],
        [1, 1],
        [1, 1],
        [1, 1],
    )
    chance = ops.sigmoid(ops.add(logits, ops.constant(np.repeat(bias, k * k, axis=1))))
    channel = ops.constant(np.array([1]))
    apart = ops.split(chance, ops.constant(1), outputs).outputs() if outputs > 1 else [chance]
    means = [ops.reduce_mean(one, channel, keep_dims=True) for one in apart]
    return ops.concat(means, 1) if outputs > 1 else means[0]


def _constant(value: Any) -> Any:
    """Return a constant's numbers as float32; fp16 ones lie behind a conversion. Else None."""
    node = value.get_node()
    while node.get_type_name() in ("Convert", "Identity", "Reshape"):
        node = node.input_value(0).get_node()
    return np.asarray(node.data).astype(np.float32) if node.get_type_name() == "Constant" else None
