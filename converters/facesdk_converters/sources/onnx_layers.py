"""ONNX operators as layers of Keras, with channels last.

Tensors of four axes are kept as (batch, height, width, channels), where ONNX has channels second;
all others have ONNX's order. A convolution of signs by kernels of two values becomes Larq's
``QuantConv2D``, so that targets see a binary layer; the kernel keeps the magnitude of each filter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError, one_line
from facesdk_converters.sources.onnx_file import (
    SIGN_OF_ZERO_IS_MINUS_ONE,
    SIGN_OF_ZERO_IS_ZERO,
    SIGNS,
    Node,
    OnnxModel,
    clip_bounds,
    gives_zeros,
)

_ROUNDING = 2.5e-7
"""What ``w - clip(w) + clip(w)`` adds to a weight where the file has its result: two float steps
of a number below 1."""

_LAYERS = tf.keras.layers
_NHWC = (0, 2, 3, 1)
_NCHW = (0, 3, 1, 2)
_NHWC_OF = (0, 3, 1, 2)
"""Where each of ONNX's axes is."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """Signs that are not computed yet: a binary layer takes them itself.

    Attributes:
        of: The tensor whose signs they are, +1 where it is 0 or more.
        turned: Whether they are the opposite of that.
    """

    of: Any
    turned: bool


@dataclass(frozen=True, slots=True)
class _Flat:
    """A picture that is to be read as a vector, in ONNX's order."""

    picture: Any


class _Translator:
    def __init__(self, model: OnnxModel, path: Path) -> None:
        self.onnx = model
        self.path = path
        self.values: dict[str, Any] = {}
        self.names: set[str] = set()

    def model(self) -> tf.keras.Model:
        shape = self.onnx.input_shape
        sizes = shape[1:] if len(shape) != 4 else (shape[2], shape[3], shape[1])
        given = _LAYERS.Input(sizes, batch_size=shape[0], name=_legal(self.onnx.input))
        self.values[self.onnx.input] = given
        for node in self.onnx.nodes:
            self._add(node)
        output = self.tensor(self.onnx.output)
        if output is given:
            raise ModelError(f"{self.path} computes nothing")
        return tf.keras.Model(given, output, name=_legal(self.path.stem))

    def _add(self, node: Node) -> None:
        function = _OPERATORS.get(node.kind)
        if function is None:
            raise ModelError(
                f"{self.path}: node {node.name} is {node.kind}, which facesdk does not translate "
                "from ONNX (docs/train/convert.md lists what it does)"
            )
        try:
            results = function(self, node)
        except ModelError as error:
            raise ModelError(f"{self.path}: node {node.name} ({node.kind}) {error}") from None
        except Exception as error:  # shapes and attributes that Keras does not take
            raise ModelError(
                f"{self.path}: node {node.name} ({node.kind}) cannot be translated from ONNX "
                f"({one_line(error, 200)})"
            ) from None
        outputs = results if isinstance(results, list) else [results]
        for name, value in zip(node.outputs, outputs, strict=False):
            self.values[name] = value

    def layer_name(self, node: Node) -> str:
        name = base = _legal(node.name)
        number = 1
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names.add(name)
        return name

    def constant(self, name: str) -> NDArray[Any] | None:
        return self.onnx.constants.get(name)

    def given(self, node: Node, place: int) -> NDArray[Any]:
        """A constant input; raises where it is computed."""
        values = self.constant(node.inputs[place]) if place < len(node.inputs) else None
        if values is None:
            raise ModelError(f"takes input {place} from another operator, which must be a constant")
        return values

    def numbers(self, node: Node, name: str, place: int) -> list[int] | None:
        """Integers that are an attribute in old opsets and an input in new ones."""
        if name in node.attributes:
            value = node.attributes[name]
            return [int(n) for n in value] if isinstance(value, (list, tuple)) else [int(value)]
        if place < len(node.inputs) and node.inputs[place]:
            return [int(n) for n in self.given(node, place).reshape(-1)]
        return None

    def raw(self, name: str) -> Any:
        """A tensor, or signs or a vector that are not computed yet."""
        return self.values[name]

    def tensor(self, name: str) -> Any:
        """A tensor, computed."""
        value = self.values[name]
        if isinstance(value, _Signs):
            signs = _LAYERS.Activation(lq.quantizers.SteSign())(value.of)
            value = -signs if value.turned else signs
        elif isinstance(value, _Flat):
            value = _as_vector(value.picture)
        self.values[name] = value
        return value

    def operand(self, name: str, rank: int) -> Any:
        """A tensor, or a constant that broadcasts with tensors of that rank."""
        values = self.constant(name)
        if values is None:
            return self.tensor(name)
        values = np.asarray(values, np.float32)
        if rank == 4 and values.ndim:
            values = values.reshape((1,) * (4 - values.ndim) + values.shape).transpose(_NHWC)
            return values if values.shape[:3] != (1, 1, 1) else values.reshape(-1)
        return values


def translate(model: OnnxModel, path: Path) -> tf.keras.Model:
    """A Keras model that computes what an ONNX file computes, with channels last.

    Raises:
        ModelError: An operator, or an option of one, has no counterpart; or signs are taken of
            values that often are exactly 0, where ONNX gives 0 and a bit cannot.
    """
    return _Translator(model, path).model()


def _legal(name: str) -> str:
    """A name that Keras takes: ``/layer1/conv/Conv`` becomes ``layer1_conv_Conv``."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", name.strip("/")).lstrip("_.") or "node"


def _rank(value: Any) -> int:
    return len(value.shape)


def _as_vector(picture: Any) -> Any:
    if _rank(picture) != 4:
        return _LAYERS.Flatten()(picture)
    if picture.shape[1] != 1 or picture.shape[2] != 1:
        picture = tf.transpose(picture, _NCHW)
    return _LAYERS.Flatten()(picture)


def _pads(node: Node) -> list[int]:
    """Zeros before rows and columns, then after them."""
    mode = node.attributes.get("auto_pad", b"NOTSET")
    if mode not in (b"NOTSET", b"VALID"):
        raise ModelError(f"has auto_pad {mode.decode()}: export it with explicit pads")
    return list(node.attributes.get("pads", [0, 0, 0, 0]))


def _window(node: Node, size: list[int]) -> tuple[list[int], list[int], list[int]]:
    strides = list(node.attributes.get("strides", [1] * len(size)))
    dilations = list(node.attributes.get("dilations", [1] * len(size)))
    if len(size) != 2:
        raise ModelError(f"has {len(size)} dimensions, and only pictures are translated")
    return strides, dilations, _pads(node)


def _padded(x: Any, pads: list[int], value: float = 0.0) -> Any:
    if not any(pads):
        return x
    top, left, bottom, right = pads
    if value == 0.0:
        return _LAYERS.ZeroPadding2D(((top, bottom), (left, right)))(x)
    return tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]], constant_values=value)


def _is_same(
    x: Any, pads: list[int], size: list[int], strides: list[int], steps: list[int]
) -> bool:
    """Whether explicit zeros are those of Keras's "same"."""
    for axis in range(2):
        length, span = int(x.shape[1 + axis]), (size[axis] - 1) * steps[axis] + 1
        total = max((-(-length // strides[axis]) - 1) * strides[axis] + span - length, 0)
        if [pads[axis], pads[axis + 2]] != [total // 2, total - total // 2]:
            return False
    return True


def _magnitudes(kernel: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The one magnitude of each filter of a kernel (filters first); None if one has several."""
    rows = np.abs(kernel.reshape(len(kernel), -1))
    mean = rows.mean(axis=1, keepdims=True)
    close = np.abs(rows - mean) <= np.maximum(1e-6 * mean, _ROUNDING)
    return None if not close.all() or (mean <= 4 * _ROUNDING).any() else mean.astype(np.float32)


def _conv(translator: _Translator, node: Node) -> Any:
    kernel = np.asarray(translator.given(node, 1), np.float32)
    size = list(kernel.shape[2:])
    strides, dilations, pads = _window(node, size)
    if max(strides) > 1 and max(dilations) > 1:
        raise ModelError("has strides and dilations, which Keras does not take together")
    bias = None
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = np.asarray(translator.given(node, 2), np.float32)
    groups = int(node.attributes.get("group", 1))
    value = translator.raw(node.inputs[0])
    binary = _magnitudes(kernel)
    if (
        isinstance(value, _Signs)
        and binary is not None
        and _has_binary_form(value.of, pads, size, strides, dilations)
    ):
        return _binary_conv(translator, node, value, kernel, binary, bias, groups)
    x = translator.tensor(node.inputs[0])
    name = translator.layer_name(node)
    options: dict[str, Any] = {
        "strides": strides,
        "dilation_rate": dilations,
        "use_bias": bias is not None,
        "name": name,
    }
    if any(pads) and _is_same(x, pads, size, strides, dilations):
        options["padding"] = "same"
    else:
        x = _padded(x, pads)
    weights = [kernel.transpose(2, 3, 1, 0)]
    if groups > 1 and groups == x.shape[-1] and kernel.shape[1] == 1:
        times = len(kernel) // groups
        layer = _LAYERS.DepthwiseConv2D(size, depth_multiplier=times, **options)
        weights = [kernel.reshape(groups, times, *size).transpose(2, 3, 0, 1)]
    elif binary is not None and groups == 1:
        layer = lq.layers.QuantConv2D(
            len(kernel), size, kernel_quantizer="magnitude_aware_sign", **options
        )
        weights = [(np.sign(kernel) * binary.reshape(-1, 1, 1, 1)).transpose(2, 3, 1, 0)]
    else:
        layer = _LAYERS.Conv2D(len(kernel), size, groups=groups, **options)
    return _with_weights(layer, x, weights, bias)


def _with_weights(layer: Any, x: Any, weights: list[Any], bias: Any) -> Any:
    output = layer(x)
    layer.set_weights([*weights, *([] if bias is None else [bias])])
    return output


def _has_binary_form(
    x: Any, pads: list[int], size: list[int], strides: list[int], dilations: list[int]
) -> bool:
    """Whether a convolution of signs with these zeros around them has a binary form."""
    if not any(pads):
        return True
    for axis in range(2):
        half = (size[axis] - 1) * dilations[axis] // 2
        if size[axis] % 2 == 0 or [pads[axis], pads[axis + 2]] != [half, half]:
            return False
        length, stride = int(x.shape[1 + axis]), strides[axis]
        last = (length - 1) // stride * stride
        if (length - 1) % stride and last + half > length - 1:
            return False
    return True


def _binary_conv(
    translator: _Translator,
    node: Node,
    signs: _Signs,
    kernel: NDArray[np.float32],
    magnitudes: NDArray[np.float32],
    bias: Any,
    groups: int,
) -> Any:
    """Larq's layer. Zeros on both sides, with strides, are those of "same" for one row more.

    "Same" has as many zeros before as after where the stride divides the last row's number; rows
    and columns are added to make that so, and what they alone give is cut off.
    """
    size = list(kernel.shape[2:])
    strides, dilations, pads = _window(node, size)
    x, options = signs.of, {"padding": "valid", "pad_values": 0.0}
    more = [0, 0]
    if any(pads):
        options["padding"] = "same"
        more = [(1 - int(n)) % s for n, s in zip(x.shape[1:3], strides, strict=True)]
        if any(more):
            x = _LAYERS.ZeroPadding2D(((0, more[0]), (0, more[1])))(x)
    factor = magnitudes.reshape(-1, 1, 1, 1) * (-1.0 if signs.turned else 1.0)
    layer = lq.layers.QuantConv2D(
        len(kernel),
        size,
        strides=strides,
        dilation_rate=dilations,
        groups=groups,
        input_quantizer="ste_sign",
        kernel_quantizer="magnitude_aware_sign",
        use_bias=bias is not None,
        name=translator.layer_name(node),
        **options,
    )
    y = _with_weights(layer, x, [(np.sign(kernel) * factor).transpose(2, 3, 1, 0)], bias)
    if any(more):
        y = _LAYERS.Cropping2D(((0, min(more[0], 1)), (0, min(more[1], 1))))(y)
    return y


def _gemm(translator: _Translator, node: Node) -> Any:
    attributes = node.attributes
    kernel = np.asarray(translator.given(node, 1), np.float32)
    if node.kind == "Gemm":
        if attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1.0:
            raise ModelError("has transA or alpha, which networks do not have")
        kernel = kernel.T if attributes.get("transB", 0) else kernel
    bias = None
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = np.asarray(translator.given(node, 2), np.float32).reshape(-1)
        bias = np.broadcast_to(bias * attributes.get("beta", 1.0), (kernel.shape[1],))
    value = translator.raw(node.inputs[0])
    signs = value if isinstance(value, _Signs) else None
    x = value.of if signs is not None else value
    if isinstance(x, _Flat):
        x, kernel = _last_to_first(x.picture, kernel)
    if signs is None:
        x = x if _rank(x) == 2 else translator.tensor(node.inputs[0])
    magnitudes = _magnitudes(np.ascontiguousarray(kernel.T))
    options = {"use_bias": bias is not None, "name": translator.layer_name(node)}
    if magnitudes is None or _rank(x) != 2:
        if signs is not None:
            x = translator.tensor(node.inputs[0])
            kernel = np.asarray(kernel)
        layer = _LAYERS.Dense(kernel.shape[1], **options)
    else:
        turned = -1.0 if signs is not None and signs.turned else 1.0
        kernel = np.sign(kernel) * magnitudes.reshape(1, -1) * turned
        quantizers = {"kernel_quantizer": "magnitude_aware_sign"}
        if signs is not None:
            quantizers["input_quantizer"] = "ste_sign"
        layer = lq.layers.QuantDense(kernel.shape[1], **quantizers, **options)
    return _with_weights(layer, x, [kernel], bias)


def _last_to_first(picture: Any, kernel: NDArray[np.float32]) -> tuple[Any, NDArray[np.float32]]:
    """A picture flattened as it lies, and a kernel with its rows in that order."""
    height, width, channels = (int(n) for n in picture.shape[1:])
    rows = kernel.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
    return _LAYERS.Flatten()(picture), rows.reshape(-1, kernel.shape[1])


def _batch_norm(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    gamma, beta, mean, variance = (translator.given(node, place) for place in range(1, 5))
    layer = _LAYERS.BatchNormalization(
        epsilon=node.attributes.get("epsilon", 1e-5), name=translator.layer_name(node)
    )
    output = layer(x)
    layer.set_weights([gamma, beta, mean, variance])
    return output


def _pool(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    size = list(node.attributes["kernel_shape"])
    strides, dilations, pads = _window(node, size)
    if node.attributes.get("ceil_mode", 0):
        for axis in range(2):
            length = int(x.shape[1 + axis]) + pads[axis] + pads[axis + 2] - size[axis]
            if length % strides[axis]:
                raise ModelError("rounds its size up (ceil_mode), which TensorFlow Lite does not")
    if dilations != [1, 1]:
        raise ModelError("has dilations")
    name = translator.layer_name(node)
    if node.kind == "MaxPool":
        if any(pads):
            x = _padded(x, pads, float(np.finfo(np.float32).min))
        return _LAYERS.MaxPool2D(size, strides, name=name)(x)
    if any(pads) and not node.attributes.get("count_include_pad", 0):
        if not _is_same(x, pads, size, strides, [1, 1]):
            raise ModelError("averages without its padding, at places that are not those of `same`")
        return _LAYERS.AvgPool2D(size, strides, padding="same", name=name)(x)
    return _LAYERS.AvgPool2D(size, strides, name=name)(_padded(x, pads))


def _global_pool(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    kind = {
        "GlobalAveragePool": _LAYERS.GlobalAveragePooling2D,
        "GlobalMaxPool": _LAYERS.GlobalMaxPooling2D,
    }[node.kind]
    return kind(keepdims=True, name=translator.layer_name(node))(x)


def _reduced(function: Callable[..., Any]) -> Callable[[_Translator, Node], Any]:
    def reduce(translator: _Translator, node: Node) -> Any:
        x = translator.tensor(node.inputs[0])
        rank, keep = _rank(x), bool(node.attributes.get("keepdims", 1))
        axes = translator.numbers(node, "axes", 1) or list(range(1, rank))
        axes = [axis % rank for axis in axes]
        if rank == 4:
            axes = [_NHWC_OF[axis] for axis in axes]
            if not keep and sorted(axes) != [1, 2]:
                x, axes = tf.transpose(x, _NCHW), [_NHWC[axis] for axis in axes]  # back
        return function(x, axes, keepdims=keep)

    return reduce


def _flatten(translator: _Translator, node: Node) -> Any:
    if int(node.attributes.get("axis", 1)) != 1:
        raise ModelError("flattens from another axis than 1")
    return _flattened(translator, node)


def _flattened(translator: _Translator, node: Node) -> Any:
    value = translator.raw(node.inputs[0])
    if isinstance(value, _Signs):
        return _Signs(_as_vector(value.of), value.turned)
    if isinstance(value, _Flat):
        return value
    return _Flat(value) if _rank(value) == 4 else _LAYERS.Flatten()(value)


def _reshape(translator: _Translator, node: Node) -> Any:
    value = translator.raw(node.inputs[0])
    target = [int(n) for n in translator.given(node, 1).reshape(-1)]
    x = value.of if isinstance(value, _Signs) else value
    x = x.picture if isinstance(x, _Flat) else x
    sizes = [int(n) for n in x.shape[1:]]
    total = int(np.prod(sizes))
    if target[1:] in ([-1], [total]):
        return _flattened(translator, node)
    x = translator.tensor(node.inputs[0])
    if _rank(x) == 4:
        x = tf.transpose(x, _NCHW)
    rest = target[1:]
    if -1 in rest:
        rest[rest.index(-1)] = total // -int(np.prod(rest))
    y = _LAYERS.Reshape(rest, name=translator.layer_name(node))(x)
    return tf.transpose(y, _NHWC) if len(rest) == 3 else y


def _squeeze(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    axes = translator.numbers(node, "axes", 1)
    if _rank(x) == 4 and axes is not None and sorted(a % 4 for a in axes) == [2, 3]:
        return _LAYERS.Flatten()(x)
    if axes is None or _rank(x) == 4:
        raise ModelError("takes away other axes than height and width")
    return tf.squeeze(x, [axis % _rank(x) for axis in axes])


def _unsqueeze(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    axes = sorted(translator.numbers(node, "axes", 1) or [])
    for axis in axes:
        x = tf.expand_dims(x, axis)
    return tf.transpose(x, _NHWC) if _rank(x) == 4 else x


def _transpose(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    order = list(node.attributes["perm"])
    if _rank(x) == 4:
        return tf.transpose(tf.transpose(tf.transpose(x, _NCHW), order), _NHWC)
    return tf.transpose(x, order)


def _axis(node: Node, rank: int, default: int) -> int:
    axis = int(node.attributes.get("axis", default)) % rank
    return _NHWC_OF[axis] if rank == 4 else axis


def _concat(translator: _Translator, node: Node) -> Any:
    rank = max(_rank(translator.tensor(n)) for n in node.inputs if translator.constant(n) is None)
    parts = [translator.operand(name, rank) for name in node.inputs]
    return _LAYERS.Concatenate(_axis(node, rank, 1), name=translator.layer_name(node))(parts)


def _split(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    sizes = translator.numbers(node, "split", 1)
    axis = _axis(node, _rank(x), 0)
    return list(tf.split(x, sizes or len(node.outputs), axis))


def _slice(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    starts = translator.numbers(node, "starts", 1) or []
    ends = translator.numbers(node, "ends", 2) or []
    axes = translator.numbers(node, "axes", 3) or list(range(len(starts)))
    steps = translator.numbers(node, "steps", 4) or [1] * len(starts)
    picture = _rank(x) == 4
    parts = [slice(None)] * _rank(x)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis %= _rank(x)
        place = _NHWC_OF[axis] if picture else axis
        limit = int(x.shape[place])
        parts[place] = slice(start, end if abs(end) < limit else (None if end > 0 else end), step)
    return x[tuple(parts)]


def _pad(translator: _Translator, node: Node) -> Any:
    if node.attributes.get("mode", b"constant") != b"constant":
        raise ModelError("pads otherwise than by a constant")
    pads = translator.numbers(node, "pads", 1) or []
    value = float(node.attributes.get("value", 0.0))
    if len(node.inputs) > 2 and node.inputs[2]:
        value = float(translator.given(node, 2))
    source = translator.raw(node.inputs[0])
    if len(pads) != 8 or any(pads[axis] for axis in (0, 1, 4, 5)):
        raise ModelError("pads other axes than height and width")
    around = [pads[2], pads[3], pads[6], pads[7]]
    if isinstance(source, _Signs) and abs(value) == 1.0:
        inner = -value if source.turned else value
        return _Signs(_padded(source.of, around, inner), source.turned)
    return _padded(translator.tensor(node.inputs[0]), around, value)


def _sign(translator: _Translator, node: Node) -> Any:
    if node.kind == SIGN_OF_ZERO_IS_ZERO:
        culprit = gives_zeros(translator.onnx, node.inputs[0])
        if culprit:
            raise ModelError(
                f"takes signs of what {culprit} gives, which often is exactly 0: there ONNX gives "
                "0, so that there are three values, and a bit has two. Write "
                "torch.where(x >= 0, 1.0, -1.0) or (x > 0), and train with it"
            )
    x = translator.tensor(node.inputs[0])
    turned = node.kind == SIGN_OF_ZERO_IS_MINUS_ONE
    return _Signs(0.0 - x if turned else x, turned)  # -x would make -0.0 of 0


def _binary(function: Callable[..., Any]) -> Callable[[_Translator, Node], Any]:
    def combine(translator: _Translator, node: Node) -> Any:
        tensors = [translator.tensor(n) for n in node.inputs if translator.constant(n) is None]
        rank = max(map(_rank, tensors))
        parts = [translator.operand(name, rank) for name in node.inputs]
        result = parts[0]
        for part in parts[1:]:
            result = function(result, part)
        return result

    return combine


def _add(translator: _Translator, node: Node) -> Any:
    shapes = [translator.tensor(n).shape for n in node.inputs if translator.constant(n) is None]
    if len(shapes) == 2 and tuple(shapes[0]) == tuple(shapes[1]):
        parts = [translator.tensor(name) for name in node.inputs]
        return _LAYERS.Add(name=translator.layer_name(node))(parts)
    return _binary(tf.add)(translator, node)


def _unary(function: Callable[..., Any]) -> Callable[[_Translator, Node], Any]:
    return lambda translator, node: function(translator.tensor(node.inputs[0]))


def _relu(translator: _Translator, node: Node) -> Any:
    return _LAYERS.ReLU(name=translator.layer_name(node))(translator.tensor(node.inputs[0]))


def _clip(translator: _Translator, node: Node) -> Any:
    x, (low, high) = translator.tensor(node.inputs[0]), clip_bounds(translator.onnx, node)
    if low == 0:
        return _LAYERS.ReLU(None if high == np.inf else high, name=translator.layer_name(node))(x)
    return tf.minimum(tf.maximum(x, low), high)


def _prelu(translator: _Translator, node: Node) -> Any:
    x, slope = translator.tensor(node.inputs[0]), translator.given(node, 1)
    if _rank(x) != 4:
        layer = _LAYERS.PReLU(name=translator.layer_name(node))
        return _with_weights(layer, x, [np.broadcast_to(slope.reshape(-1), x.shape[1:])], None)
    layer = _LAYERS.PReLU(shared_axes=[1, 2], name=translator.layer_name(node))
    alpha = np.broadcast_to(slope.reshape(1, 1, -1), (1, 1, int(x.shape[-1])))
    return _with_weights(layer, x, [alpha], None)


def _softmax(translator: _Translator, node: Node) -> Any:
    x = translator.tensor(node.inputs[0])
    return tf.nn.softmax(x, _axis(node, _rank(x), -1))


def _cast(translator: _Translator, node: Node) -> Any:
    if int(node.attributes["to"]) not in (1, 10, 11):
        raise ModelError("casts to integers")
    return tf.cast(translator.tensor(node.inputs[0]), tf.float32)


def _where(translator: _Translator, node: Node) -> Any:
    condition = translator.tensor(node.inputs[0])
    parts = [translator.operand(name, _rank(condition)) for name in node.inputs[1:]]
    return tf.where(condition, *parts)


def _hard_sigmoid(translator: _Translator, node: Node) -> Any:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    return tf.minimum(tf.maximum(alpha * translator.tensor(node.inputs[0]) + beta, 0.0), 1.0)


def _leaky(translator: _Translator, node: Node) -> Any:
    return tf.nn.leaky_relu(
        translator.tensor(node.inputs[0]), float(node.attributes.get("alpha", 0.01))
    )


def _elu(translator: _Translator, node: Node) -> Any:
    layer = _LAYERS.ELU(node.attributes.get("alpha", 1.0), name=translator.layer_name(node))
    return layer(translator.tensor(node.inputs[0]))


def _depth_to_space(translator: _Translator, node: Node) -> Any:
    if node.attributes.get("mode", b"DCR") != b"DCR":
        raise ModelError("orders channels by CRD")
    return tf.nn.depth_to_space(translator.tensor(node.inputs[0]), node.attributes["blocksize"])


_OPERATORS: dict[str, Callable[[_Translator, Node], Any]] = {
    **dict.fromkeys(SIGNS, _sign),
    "Abs": _unary(tf.abs),
    "Add": _add,
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "Div": _binary(tf.divide),
    "Elu": _elu,
    "Exp": _unary(tf.exp),
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "Greater": _binary(tf.greater),
    "GreaterOrEqual": _binary(tf.greater_equal),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(lambda x: x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)),
    "LeakyRelu": _leaky,
    "Less": _binary(tf.less),
    "LessOrEqual": _binary(tf.less_equal),
    "Log": _unary(tf.math.log),
    "MatMul": _gemm,
    "Max": _binary(tf.maximum),
    "MaxPool": _pool,
    "Min": _binary(tf.minimum),
    "Mul": _binary(tf.multiply),
    "Neg": _unary(tf.negative),
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": _binary(tf.pow),
    "Reciprocal": _unary(lambda x: 1.0 / x),
    "ReduceL2": _reduced(lambda x, axes, keepdims: tf.sqrt(tf.reduce_sum(x * x, axes, keepdims))),
    "ReduceMax": _reduced(tf.reduce_max),
    "ReduceMean": _reduced(tf.reduce_mean),
    "ReduceSum": _reduced(tf.reduce_sum),
    "Relu": _relu,
    "Reshape": _reshape,
    "Sigmoid": _unary(tf.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax,
    "Softplus": _unary(tf.nn.softplus),
    "Split": _split,
    "Sqrt": _unary(tf.sqrt),
    "Squeeze": _squeeze,
    "Sub": _binary(tf.subtract),
    "Tanh": _unary(tf.tanh),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
