"""The operator models: small Keras networks that make LCE's converter emit every operator variant.

Importing this module needs NumPy only; TensorFlow, Larq and LCE are imported by :func:`build`.
"""

from __future__ import annotations

import itertools
import os
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Image = tuple[int, int, int]

# tflite-runtime's last release has no wheel for Python 3.12 and later.
RUNTIMES = ("ai_edge_litert", "tflite_runtime")[: 2 if sys.version_info < (3, 12) else 1]


def noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Uniform uint32 values, the same on every platform and NumPy version (splitmix64)."""
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        start = np.uint64(seed) * np.uint64(0x632BE59BD9B4E019)
        x = np.arange(1, count + 1, dtype=np.uint64) + start
        x *= np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x >> np.uint64(32)).astype(np.uint32).reshape(shape)


def seed_of(name: str) -> int:
    """The seed of a case: it depends on nothing but the name."""
    return zlib.crc32(name.encode())


def activations(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
    """Input values: float32 in [-2, 2] with exact zeros of both signs, int8 of the whole range."""
    bits = noise(shape, seed)
    if np.dtype(dtype) == np.int8:
        return bits.astype(np.uint8).view(np.int8)
    if np.dtype(dtype) == np.int32:
        return bits.view(np.int32)
    values = ((bits % 65).astype(np.float32) - 32.0) / 16.0
    values[bits % 64 == 7] = -0.0
    return values


def input_values(name: str, content: bytes) -> np.ndarray:
    """The input of a case: its seed's values, in the shape and type that the model declares."""
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.Model.GetRootAsModel(content, 0).Subgraphs(0)
    tensor = graph.Tensors(graph.Inputs(0))
    types = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT8: np.int8}
    shape = tuple(int(size) for size in tensor.ShapeAsNumpy())
    return activations(shape, types[tensor.Type()], seed_of(name))


def uniform(shape: tuple[int, ...], seed: int, low: float, high: float) -> np.ndarray:
    return (noise(shape, seed) / 2.0**32 * (high - low) + low).astype(np.float32)


def selection(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Weights [height, width, in, out]: for each output one power of two, of either sign."""
    weights = np.zeros(shape, np.float32).reshape(-1, shape[-1])
    rows, powers, signs = noise((3, shape[-1]), seed)
    values = np.exp2(powers % 3 - 1.0) * np.where(signs % 2 == 0, 1.0, -1.0)
    weights[rows % len(weights), np.arange(shape[-1])] = values
    return weights.reshape(shape)


@dataclass(frozen=True)
class Conv:
    """One binary convolution and the batch-norm after it."""

    filters: int
    kernel: int | tuple[int, int] = 3
    strides: int | tuple[int, int] = 1
    dilation: int | tuple[int, int] = 1
    padding: str = "same"
    pad_value: float = 1.0
    groups: int = 1
    activation: str | None = None
    norm: bool = True


@dataclass(frozen=True)
class Pool:
    """A max-pool between two binary layers."""

    size: int | tuple[int, int] = 2
    strides: int | tuple[int, int] | None = None
    padding: str = "same"


@dataclass(frozen=True)
class Sign:
    """A sign whose result leaves the binary part of the network."""


@dataclass(frozen=True)
class FloatConv:
    """A float convolution, so that the binary layers around it are separate parts of the graph."""

    filters: int
    kernel: int = 3
    exact: bool = False  # each output is one input times a power of two: no order of sums rounds


@dataclass(frozen=True)
class Residual:
    """A binary convolution, added to its input, or to an exact float 1x1 convolution of that."""

    conv: Conv
    shortcut: bool = False


@dataclass(frozen=True)
class PReLU:
    """A float activation with a learned slope per channel."""


@dataclass(frozen=True)
class Case:
    """One model: input size, layers, and the custom operators the file must contain.

    LCE's reference kernel refuses zero padding of an odd channel count, its optimised ones refuse
    zero padding unless the output is float without activation, and leave it out at windows that
    hang over both borders (``overhang``). ``oracles`` says which kernels remain.
    """

    image: Image
    layers: tuple[Conv | Pool | Sign | FloatConv | Residual | PReLU, ...]
    ops: frozenset[str]
    batch: int = 1
    int8: str = ""  # "", "io" (int8 input and output) or "inner" (float input and output)
    patch: dict[str, int] = field(default_factory=dict)  # options of the first node that has them
    oracles: tuple[str, ...] = ("optimized", "reference")  # kernels of LCE to agree with
    overhang: bool = False


QUANTIZE, DEQUANTIZE = "LceQuantize", "LceDequantize"
CONV, POOL = "LceBconv2d", "LceBMaxPool2d"
ADD, CONV_2D, MAX_POOL_2D, PRELU = "builtin 0", "builtin 3", "builtin 17", "builtin 54"
RELU_N1_TO_1 = 2


def _conv(image: Image, filters: int, batch: int = 1, **options: Any) -> Case:
    layers = (Conv(filters, **options),)
    odd_zero = options.get("pad_value") == 0.0 and image[2] % 2 == 1
    oracles = ("optimized",) if odd_zero else ("optimized", "reference")
    return Case(image, layers, frozenset({QUANTIZE, CONV}), batch=batch, oracles=oracles)


def _chain(image: Image, *layers: Conv | Pool, batch: int = 1, extra: str = CONV) -> Case:
    return Case(image, layers, frozenset({QUANTIZE, CONV, extra}), batch=batch)


def _cases() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    # Float output: channel counts around word boundaries, each padding.
    for channels in (1, 3, 31, 32, 33, 64, 70, 96):
        cases[f"float_same_one_c{channels}"] = _conv((6, 5, channels), 8)
    for channels in (1, 31, 32, 64, 65):
        cases[f"float_same_zero_c{channels}"] = _conv((6, 5, channels), 8, pad_value=0.0)
    for channels in (7, 32, 40):
        cases[f"float_valid_c{channels}"] = _conv((6, 5, channels), 8, padding="valid")
    for filters in (1, 5, 33, 64):
        cases[f"float_filters{filters}"] = _conv((5, 4, 32), filters)
    # Kernel sizes, strides, dilation.
    cases["float_1x1"] = _conv((5, 4, 64), 16, kernel=1)
    cases["float_1x1_stride2"] = _conv((6, 5, 64), 8, kernel=1, strides=2, padding="valid")
    cases["float_1x1_stride2_zero"] = _conv((6, 5, 64), 8, kernel=1, strides=2, pad_value=0.0)
    cases["float_2x2"] = _conv((6, 5, 32), 8, kernel=2)
    cases["float_2x2_zero"] = _conv((6, 5, 32), 8, kernel=2, pad_value=0.0)
    cases["float_5x5"] = _conv((8, 7, 32), 8, kernel=5)
    cases["float_5x5_zero"] = _conv((8, 7, 32), 8, kernel=5, pad_value=0.0)
    cases["float_1x3"] = _conv((6, 5, 32), 8, kernel=(1, 3))
    cases["float_3x1_zero"] = _conv((6, 5, 32), 8, kernel=(3, 1), pad_value=0.0)
    cases["float_stride2"] = _conv((8, 7, 32), 8, strides=2)
    cases["float_stride2_zero"] = _conv((8, 7, 32), 8, strides=2, pad_value=0.0)
    cases["float_stride2_valid"] = _conv((8, 7, 32), 8, strides=2, padding="valid")
    cases["float_stride3x2"] = _conv((9, 8, 32), 8, strides=(3, 2))
    cases["float_stride3_zero"] = _conv((9, 8, 32), 8, strides=3, pad_value=0.0)
    cases["float_dilation2"] = _conv((8, 7, 32), 8, dilation=2)
    cases["float_dilation2_zero"] = _conv((8, 7, 32), 8, dilation=2, pad_value=0.0)
    cases["float_dilation2_valid"] = _conv((8, 7, 32), 8, dilation=2, padding="valid")
    cases["float_dilation1x3"] = _conv((6, 9, 40), 8, dilation=(1, 3))
    cases["float_deep"] = _conv((4, 4, 256), 24)
    cases["float_no_norm"] = _conv((6, 5, 32), 8, norm=False)
    # Groups.
    cases["float_groups2"] = _conv((5, 4, 64), 8, groups=2)
    cases["float_groups3"] = _conv((5, 4, 96), 9, groups=3)
    cases["float_groups2_zero"] = _conv((5, 4, 128), 12, groups=2, pad_value=0.0)
    cases["float_groups2_stride2_valid"] = _conv(
        (7, 6, 64), 6, groups=2, strides=2, padding="valid"
    )
    # Batch.
    cases["float_batch2"] = _conv((5, 4, 40), 8, batch=2)
    cases["float_batch2_zero_stride2"] = _conv((5, 4, 32), 8, batch=2, pad_value=0.0, strides=2)
    cases["float_batch3_groups2"] = _conv((4, 3, 64), 4, batch=3, groups=2)
    # Activations.
    cases["relu_same"] = _conv((6, 5, 32), 8, activation="relu")
    cases["relu_valid"] = _conv((6, 5, 33), 8, activation="relu", padding="valid")
    cases["relu6_same"] = _conv((6, 5, 1), 8, activation="relu6")
    cases["relu6_valid"] = _conv((6, 5, 32), 8, activation="relu6", padding="valid")
    cases["relu_n1_to_1"] = replace(
        _conv((6, 5, 3), 8), patch={"fused_activation_function": RELU_N1_TO_1}
    )
    # Bit output.
    cases["bits"] = _chain((5, 4, 32), Conv(32), Conv(4))
    cases["bits_odd_channels"] = _chain((5, 4, 20), Conv(45), Conv(4))
    cases["bits_relu"] = _chain((5, 4, 32), Conv(40, activation="relu"), Conv(4))
    cases["bits_valid_stride2"] = _chain((8, 7, 32), Conv(33, strides=2, padding="valid"), Conv(4))
    cases["bits_groups2"] = _chain((5, 4, 64), Conv(64, groups=2), Conv(4, kernel=1))
    cases["bits_batch2"] = _chain((4, 4, 32), Conv(33), Conv(4), batch=2)
    cases["bits_then_zero"] = _chain((5, 4, 32), Conv(32), Conv(4, pad_value=0.0))
    # Max-pool.
    cases["pool_2x2"] = _chain((6, 5, 32), Conv(33), Pool(2), Conv(4), extra=POOL)
    cases["pool_3x3_stride2"] = _chain((7, 6, 32), Conv(32), Pool(3, 2), Conv(4), extra=POOL)
    cases["pool_3x2_stride1x2_valid"] = _chain(
        (7, 6, 32), Conv(32), Pool((3, 2), (1, 2), "valid"), Conv(4), extra=POOL
    )
    cases["pool_batch2"] = _chain((5, 5, 32), Conv(40), Pool(2), Conv(4), batch=2, extra=POOL)
    cases["pool_first"] = _chain((6, 5, 40), Pool(2), Conv(4), extra=POOL)
    # Dequantize.
    for channels in (5, 32, 45):
        cases[f"dequantize_c{channels}"] = Case(
            (4, 3, 32), (Conv(channels), Sign()), frozenset({QUANTIZE, CONV, DEQUANTIZE})
        )
    # Binary layers on both sides of a float one.
    cases["mixed"] = Case(
        (7, 6, 3), (FloatConv(32), Conv(32), FloatConv(32), Conv(8)),
        frozenset({QUANTIZE, CONV, CONV_2D}),
    )  # fmt: skip
    # Residual sums, as QuickNet and CompactFaceNet have them. Float convolutions round differently
    # in different runtimes, and their results reach the output: they are exact ones.
    stem = FloatConv(32, exact=True)
    residual = frozenset({QUANTIZE, CONV, CONV_2D, ADD})
    cases["residual_chain"] = Case((9, 8, 3), (stem, *3 * (Residual(Conv(32)),)), residual)
    cases["residual_batch3_zero"] = Case(
        (7, 6, 3), (stem, *2 * (Residual(Conv(32, pad_value=0.0)),)), residual, batch=3
    )
    cases["residual_pool"] = Case(
        (10, 9, 3),
        (stem, Residual(Conv(32)), Pool(3, 2), FloatConv(40, 1, exact=True),
         Residual(Conv(40)), Residual(Conv(40))),
        residual | {MAX_POOL_2D},
    )  # fmt: skip
    cases["residual_shortcut"] = Case(
        (9, 8, 3),
        (stem, Residual(Conv(40, strides=2), shortcut=True), Residual(Conv(40))),
        residual,
    )
    cases["residual_prelu"] = Case(
        (7, 6, 3),
        (stem, Residual(Conv(32)), PReLU(), Residual(Conv(32)), PReLU()),
        residual | {PRELU},
    )
    # int8.
    int8_ops = frozenset({QUANTIZE, CONV})
    cases["int8"] = Case((5, 4, 32), (Conv(8),), int8_ops, int8="io")
    cases["int8_relu"] = Case((5, 4, 33), (Conv(8, activation="relu"),), int8_ops, int8="io")
    cases["int8_stride2_valid"] = Case(
        (8, 7, 40), (Conv(12, strides=2, padding="valid"),), int8_ops, int8="io"
    )
    cases["int8_groups2"] = Case((5, 4, 64), (Conv(8, groups=2),), int8_ops, int8="io")
    cases["int8_dequantize"] = Case(
        (4, 3, 32), (Conv(40), Sign()), int8_ops | {DEQUANTIZE}, int8="io"
    )
    # Windows that hang over both borders, which LCE's optimised kernels leave uncorrected.
    cases["overhang_2x2"] = replace(
        _conv((2, 2, 32), 8, pad_value=0.0), oracles=("reference",), overhang=True
    )
    cases["overhang_3x1_5x5"] = replace(
        _conv((3, 1, 32), 8, kernel=5, pad_value=0.0), oracles=("reference",), overhang=True
    )
    # Zero padding where LCE has its reference kernel only. (With bit output that crashes.)
    for name in ("relu_same", "relu_n1_to_1", "int8"):
        image = (*cases[name].image[:2], 32)
        cases[f"{name}_zero"] = replace(
            cases[name],
            image=image,
            patch=cases[name].patch | {"pad_values": 0},
            oracles=("reference",),
        )
    return cases


CASES: dict[str, Case] = _cases()


def build(name: str) -> bytes:
    """Build and convert one model with LCE; returns the flatbuffer."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import larq
    import larq_compute_engine
    import tensorflow as tf

    from tools.bench.ops.models import saved

    case = CASES[name]
    keras = tf.keras
    keras.backend.clear_session()
    seeds = itertools.count(seed_of(name))

    def constant(low: float, high: float) -> Callable[..., Any]:
        return lambda shape, dtype=None: tf.constant(uniform(tuple(shape), next(seeds), low, high))

    def fake_quantize(x: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(x, -3.0, 3.0) if case.int8 else x

    def binary(x: Any, layer: Conv) -> Any:
        x = larq.layers.QuantConv2D(
            layer.filters,
            layer.kernel,
            strides=layer.strides,
            dilation_rate=layer.dilation,
            padding=layer.padding,
            pad_values=layer.pad_value,
            groups=layer.groups,
            activation=getattr(tf.nn, layer.activation) if layer.activation else None,
            input_quantizer="ste_sign",
            kernel_quantizer="ste_sign",
            kernel_initializer=constant(-1.0, 1.0),
            use_bias=False,
        )(x)
        if not layer.norm:
            return x
        return keras.layers.BatchNormalization(
            gamma_initializer=constant(-1.5, 1.5),
            beta_initializer=constant(-1.0, 1.0),
            moving_mean_initializer=constant(-6.0, 6.0),
            moving_variance_initializer=constant(5.0, 40.0),
        )(x)

    def selecting(shape: tuple[int, ...], dtype: Any = None) -> Any:
        return tf.constant(selection(tuple(shape), next(seeds)))

    def floating(x: Any, layer: FloatConv, strides: int | tuple[int, int] = 1) -> Any:
        kernel = selecting if layer.exact else constant(-1.0, 1.0)
        return keras.layers.Conv2D(
            layer.filters, layer.kernel, strides=strides, kernel_initializer=kernel
        )(x)

    def residual(x: Any, layer: Residual) -> Any:
        around = x
        if layer.shortcut:
            around = floating(x, FloatConv(layer.conv.filters, 1, exact=True), layer.conv.strides)
        return keras.layers.Add()([around, binary(x, layer.conv)])

    x = inputs = keras.Input(case.image, batch_size=case.batch)
    x = fake_quantize(x)
    for layer in case.layers:
        if isinstance(layer, Pool):
            x = keras.layers.MaxPooling2D(layer.size, layer.strides, layer.padding)(x)
        elif isinstance(layer, Sign):
            x = larq.quantizers.SteSign()(x)
        elif isinstance(layer, FloatConv):
            x = floating(x, layer)
        elif isinstance(layer, Residual):
            x = residual(x, layer)
        elif isinstance(layer, PReLU):
            slope = constant(-0.5, 0.5)
            x = keras.layers.PReLU(slope, shared_axes=[1, 2])(x)
        else:
            x = binary(x, layer)
        x = fake_quantize(x)
    kind = tf.int8 if case.int8 else tf.float32
    with saved(keras.Model(inputs, x)) as folder:
        content = larq_compute_engine.convert_saved_model(
            folder, inference_input_type=kind, inference_output_type=kind
        )
    for key, value in case.patch.items():
        content = patch_option(content, key, value)
    return content


def patch_option(content: bytes, key: str, value: int) -> bytes:
    """Change a custom option of the first operator that has it; it must be inline, one byte."""
    at = option_position(content, key)
    return content[:at] + bytes([value]) + content[at + 1 :]


def option_position(content: bytes, key: str) -> int:
    """Where the value of a custom option is, if its FlexBuffer map has a width of one byte."""
    start, size = option_bytes(content, key)
    options = content[start : start + size]
    values = size - 3 - options[-3]  # the root offset counts back to the values
    count = options[values - 1]
    keys = values - 3 - options[values - 3]
    names = [
        options[keys + i - options[keys + i] :].split(b"\0", 1)[0].decode() for i in range(count)
    ]
    return start + values + names.index(key)


def option_bytes(content: bytes, key: str) -> tuple[int, int]:
    """Position and size of the first operator's custom options that contain ``key``."""
    from ai_edge_litert import schema_py_generated as schema

    base = np.frombuffer(content, np.uint8).ctypes.data
    graph = schema.Model.GetRootAsModel(content, 0).Subgraphs(0)
    for i in range(graph.OperatorsLength()):
        options = graph.Operators(i).CustomOptionsAsNumpy()
        if not isinstance(options, int) and key.encode() in options.tobytes():
            return options.ctypes.data - base, len(options)
    raise KeyError(key)


def operators(content: bytes) -> list[str]:
    """Names of the operators in a model file, built-in ones as ``builtin <code>``."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    names = []
    for i in range(graph.OperatorsLength()):
        code = model.OperatorCodes(graph.Operators(i).OpcodeIndex())
        custom = code.CustomCode()
        names.append(custom.decode() if custom else f"builtin {code.BuiltinCode()}")
    return names
