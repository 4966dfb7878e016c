"""The C ABI through ctypes, against NumPy operators written from their definition."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.support.numpy_windows import pack, windows
from native.support.workers import PATHS
from tools.bench.ops.operators import ConvolutionOptions as ConvOptions

FLOAT32, INT8, BOOL, BITS = range(4)
SAME, VALID = range(2)
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
OPTIMIZED, REFERENCE = range(2)

int32, size_t, pointer = ctypes.c_int32, ctypes.c_size_t, ctypes.c_void_p


class Error(ctypes.Structure):
    _fields_ = [("message", ctypes.c_char * 256)]


class PoolOptions(ctypes.Structure):
    _fields_ = [
        (name, int32) for name in (
            "batch", "input_height", "input_width", "channels", "filter_height", "filter_width",
            "stride_height", "stride_width", "padding",
        )
    ]  # fmt: skip


class Operators:
    """The library on one kernel path, on NumPy arrays of -1 and +1."""

    def __init__(self, library: Path, isa: str) -> None:
        self.library = ctypes.CDLL(str(library))
        self.path = pointer()
        self.error = Error()
        self.call("facesdk_ops_find", isa.encode(), ctypes.byref(self.path))

    def call(self, name: str, *arguments: Any) -> None:
        function = getattr(self.library, name)
        function.restype = ctypes.c_int
        status = function(*arguments, ctypes.byref(self.error))
        if status:
            raise ValueError(self.error.message.decode())

    def quantize(self, values: np.ndarray, zero_point: int = 0) -> np.ndarray:
        kind = {np.dtype(np.float32): FLOAT32, np.dtype(np.int8): INT8, np.dtype(bool): BOOL}
        rows, channels = values.shape
        words = np.full((rows, -(-channels // 32)), 0xA5A5A5A5, np.uint32)
        self.call(
            "facesdk_quantize", self.path, kind[values.dtype], address(values), size_t(rows),
            size_t(channels), zero_point, address(words), 1,
        )  # fmt: skip
        return words

    def dequantize(
        self, words: np.ndarray, channels: int, kind: int, scale: float = 0.0, zero_point: int = 0
    ) -> np.ndarray:
        dtype = {FLOAT32: np.float32, INT8: np.int8, BOOL: bool}[kind]
        values = np.zeros((len(words), channels), dtype)
        self.call(
            "facesdk_dequantize", self.path, address(words), size_t(len(words)), size_t(channels),
            kind, ctypes.c_float(scale), zero_point, address(values),
        )  # fmt: skip
        return values

    def pool(self, options: PoolOptions, words: np.ndarray) -> np.ndarray:
        shape = (int32 * 4)()
        self.call("facesdk_bmaxpool2d_output_shape", ctypes.byref(options), shape)
        output = np.zeros((*shape[:3], words.shape[3]), np.uint32)
        arguments = (ctypes.byref(options), address(words), address(output))
        self.call("facesdk_bmaxpool2d", self.path, *arguments)
        return output

    def convolve(
        self, options: ConvOptions, words: np.ndarray, filters: np.ndarray,
        multiplier: np.ndarray, bias: np.ndarray, thresholds: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        shape = (int32 * 4)()
        self.call("facesdk_bconv2d_output_shape", ctypes.byref(options), shape)
        last = -(-shape[3] // 32) if options.output_type == BITS else shape[3]
        dtype = {FLOAT32: np.float32, INT8: np.int8, BITS: np.uint32}[options.output_type]
        output = np.zeros((*shape[:3], last), dtype)
        op = pointer()
        self.call(
            "facesdk_bconv2d_create", self.path, ctypes.byref(options), address(filters),
            address(multiplier), address(bias), address(thresholds), ctypes.byref(op),
        )  # fmt: skip
        self.library.facesdk_bconv2d_run(op, address(words), None, address(output), int32(1))
        self.library.facesdk_bconv2d_destroy(op)
        return output


def address(array: np.ndarray) -> pointer:
    assert array.flags.c_contiguous
    return pointer(array.ctypes.data)


def numpy_convolution(
    options: ConvOptions, image: np.ndarray, filters: np.ndarray, multiplier: np.ndarray,
    bias: np.ndarray, thresholds: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The convolution from its definition; rounding follows LCE's fused constants."""
    o = options
    geometry = (
        (o.filter_height, o.filter_width), (o.stride_height, o.stride_width),
        (o.dilation_height, o.dilation_width), o.padding,
    )  # fmt: skip
    depth = o.channels_in // o.groups
    total = o.filter_height * o.filter_width * depth

    def dots(fill: float) -> np.ndarray:
        cells = windows(image, fill, *geometry)
        parts = []
        for group, kernels in enumerate(np.split(filters, o.groups)):
            part = cells[..., group * depth : (group + 1) * depth]
            parts.append(np.einsum("bhwyxc,oyxc->bhwo", part, kernels))
        return np.concatenate(parts, -1)

    dot = dots(o.pad_value)
    if o.output_type == BITS:
        return pack(np.where((total - dot) / 2 > thresholds, -1, 1))
    int8 = o.output_type == INT8
    scale, zero = (float(np.float32(o.output_scale)), o.output_zero_point) if int8 else (1.0, 0)
    slope = (-multiplier.astype(np.float64) / scale).astype(np.float32)
    offset = (bias.astype(np.float64) + total * multiplier.astype(np.float64)) / scale + zero
    as_optimized = (
        o.zero_padding == OPTIMIZED and not o.activation and not int8 and o.padding == SAME
        and o.pad_value == 0
    )  # fmt: skip
    base = dots(1.0) if as_optimized else dot
    low, high = {NONE: (-total, total), RELU: (0, total), RELU_N1_TO_1: (-1, 1), RELU6: (0, 6)}[
        o.activation
    ]
    clamped = np.clip(base, max(low, -total), min(high, total))
    result = (total - clamped).astype(np.float32) * slope + offset.astype(np.float32)
    if as_optimized:
        result = result + (base - dot).astype(np.float32) * slope
    if int8:
        rounded = np.sign(result) * np.floor(np.abs(result.astype(np.float64)) + 0.5)
        return np.clip(rounded, -128, 127).astype(np.int8)
    return result


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[ConvOptions, int]:
    small = st.integers(1, 3)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth = 32 * draw(st.integers(1, 2)) if groups > 1 else draw(st.integers(1, 130))
    options = ConvOptions(
        batch=draw(st.integers(1, 2)),
        input_height=draw(st.integers(1, 6)),
        input_width=draw(st.integers(1, 6)),
        channels_in=groups * depth,
        channels_out=groups * draw(st.integers(1, 12)),
        filter_height=draw(small),
        filter_width=draw(small),
        groups=groups,
        stride_height=draw(small),
        stride_width=draw(small),
        dilation_height=draw(small),
        dilation_width=draw(small),
        padding=draw(st.integers(0, 1)),
        pad_value=draw(st.integers(0, 1)),
        activation=draw(st.integers(0, 3)),
        output_type=draw(st.sampled_from([FLOAT32, INT8, BITS])),
        zero_padding=draw(st.integers(0, 1)),
        output_scale=draw(st.sampled_from([0.1, 0.37, 1.0, 2.5])),
        output_zero_point=draw(st.integers(-128, 127)),
    )
    return options, draw(st.integers(0, 2**32 - 1))


@pytest.fixture(scope="module", params=PATHS)
def operators(library: Path, request: pytest.FixtureRequest) -> Operators:
    return Operators(library, request.param)


@settings(max_examples=150, deadline=None)
@given(case=convolutions())
def test_convolution_equals_numpy(operators: Operators, case: tuple[ConvOptions, int]) -> None:
    options, seed = case
    rng = np.random.default_rng(seed)
    o = options
    image_shape = (o.batch, o.input_height, o.input_width, o.channels_in)
    image = rng.choice([-1, 1], image_shape)
    shape = (o.channels_out, o.filter_height, o.filter_width, o.channels_in // o.groups)
    filters = rng.choice([-1, 1], shape)
    multiplier, bias = rng.normal(size=(2, o.channels_out)).astype(np.float32)
    thresholds = rng.integers(-3, filters[0].size + 3, o.channels_out, dtype=np.int32)
    arguments = (multiplier, bias, thresholds)
    fits_height = (o.filter_height - 1) * o.dilation_height < o.input_height
    fits_width = (o.filter_width - 1) * o.dilation_width < o.input_width
    if o.padding == VALID and not (fits_height and fits_width):
        with pytest.raises(ValueError, match="VALID padding"):
            operators.convolve(options, pack(image), pack(filters), *arguments)
        return
    actual = operators.convolve(options, pack(image), pack(filters), *arguments)
    expected = numpy_convolution(options, image, filters, *arguments)
    assert actual.tobytes() == expected.astype(actual.dtype).tobytes()


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 6)] * 2, st.integers(1, 70), *[st.integers(1, 3)] * 4),
    padding=st.integers(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_max_pool_equals_numpy(
    operators: Operators, sizes: tuple[int, ...], padding: int, seed: int
) -> None:
    height, width, channels, filter_h, filter_w, stride_h, stride_w = sizes
    if padding == VALID and (filter_h > height or filter_w > width):
        padding = SAME
    options = PoolOptions(2, *sizes, padding)
    image = np.random.default_rng(seed).choice([-1, 1], (2, height, width, channels))
    cells = windows(image, -1, (filter_h, filter_w), (stride_h, stride_w), (1, 1), padding)
    actual = operators.pool(options, pack(image))
    np.testing.assert_array_equal(actual, pack(cells.max(axis=(3, 4))))


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(0, 4),
    channels=st.integers(1, 100),
    zero_point=st.integers(-200, 200),
    seed=st.integers(0, 2**32 - 1),
)
def test_quantize_equals_numpy(
    operators: Operators, rows: int, channels: int, zero_point: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    floats = rng.choice(np.float32([-2, -0.0, 0, 1, np.nan, np.inf, -np.inf]), (rows, channels))
    octets = rng.integers(-128, 128, (rows, channels), dtype=np.int8)
    truths = rng.choice([False, True], (rows, channels))
    for values, negative, zero in (
        (floats, floats < 0, 0),
        (octets, octets.astype(int) < zero_point, zero_point),
        (truths, ~truths, 0),
    ):
        expected = pack(np.where(negative, -1, 1))
        np.testing.assert_array_equal(operators.quantize(values, zero), expected)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(0, 4),
    channels=st.integers(1, 100),
    scale=st.sampled_from([0.0035, 0.01, 0.1, 1 / 3, 0.4, 0.5, 0.9, 1.0, 2.0, 2.5, 300.0]),
    zero_point=st.integers(-128, 127),
    seed=st.integers(0, 2**32 - 1),
)
def test_dequantize_equals_numpy(
    operators: Operators, rows: int, channels: int, scale: float, zero_point: int, seed: int
) -> None:
    signs = np.random.default_rng(seed).choice([-1, 1], (rows, channels))
    words = pack(signs)
    floats = operators.dequantize(words, channels, FLOAT32)
    np.testing.assert_array_equal(floats, signs.astype(np.float32))
    np.testing.assert_array_equal(operators.dequantize(words, channels, BOOL), signs > 0)
    unit = int(np.floor(np.float64(np.float32(1) / np.float32(scale)) + 0.5))
    expected = np.clip(zero_point + signs * unit, -128, 127)
    octets = operators.dequantize(words, channels, INT8, scale, zero_point)
    np.testing.assert_array_equal(octets, expected)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("groups", 2, "multiple of 32"),
        ("stride_height", 0, "stride height must be in 1..65536, but got 0"),
        ("activation", 5, "fused activation function must be in 0..3, but got 5"),
        ("output_type", BOOL, "output type must be float32, int8 or bits, but got 2"),
    ],
)
def test_bad_options_are_named(operators: Operators, field: str, value: int, message: str) -> None:
    options = ConvOptions(1, 4, 4, 32, 8, 3, 3, 1, 1, 1, 1, 1, SAME, 1)
    setattr(options, field, value)
    shape = (int32 * 4)()
    with pytest.raises(ValueError, match=message):
        operators.call("facesdk_bconv2d_output_shape", ctypes.byref(options), shape)


def test_forced_path_is_the_one_that_runs(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ops = ctypes.CDLL(str(library))
    ops.facesdk_ops_isa.restype = ctypes.c_char_p
    ops.facesdk_ops_isa_name.restype = ctypes.c_char_p
    ops.facesdk_ops_isa_runs.restype = size_t
    numbers = range(ops.facesdk_ops_isa_count())
    names = [ops.facesdk_ops_isa_name(size_t(i)) for i in numbers]
    assert {b"reference", b"portable"} <= set(names)

    def runs() -> np.ndarray:
        return np.array([ops.facesdk_ops_isa_runs(size_t(i)) for i in numbers])

    word, value, one = np.zeros(1, np.uint32), np.zeros(1, np.float32), size_t(1)
    for number in numbers:
        if not ops.facesdk_ops_isa_supported(size_t(number)):
            continue
        monkeypatch.setenv("FACESDK_OPS_ISA", names[number].decode())
        assert ops.facesdk_ops_isa() == names[number]
        before = runs()
        path = pointer()
        assert ops.facesdk_ops_default(ctypes.byref(path), None) == 0
        arguments = (address(value), one, one, 0, address(word), 1, None)
        assert ops.facesdk_quantize(path, FLOAT32, *arguments) == 0
        np.testing.assert_array_equal(runs() - before, np.eye(len(names))[number])
    monkeypatch.setenv("FACESDK_OPS_ISA", "nonsense")
    assert ops.facesdk_ops_isa() is None
