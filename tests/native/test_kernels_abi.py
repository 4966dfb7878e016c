"""The kernels of every path on arrays, against NumPy operators written from their definition."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError, OperatorLibraryError
from facesdk.runtime.kernels import Kernels
from facesdk.runtime.operator_library import (
    BITS,
    BOOL,
    FLOAT32,
    INT8,
    NO_ACTIVATION,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    SAME,
    VALID,
    BConv2DOptions,
    BinaryConv2DOptions,
    BMaxPool2DOptions,
    count_runs,
    describe_library,
    library_path,
    open_library,
)
from native.support.binary_graph import BinaryModel
from native.support.numpy_windows import pack, windows
from native.support.workers import PATHS

OPTIMIZED, REFERENCE = range(2)


def numpy_convolution(
    options: BConv2DOptions, image: np.ndarray, filters: np.ndarray, multiplier: np.ndarray,
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
    low, high = {
        NO_ACTIVATION: (-total, total),
        RELU: (0, total),
        RELU_N1_TO_1: (-1, 1),
        RELU6: (0, 6),
    }[o.activation]
    clamped = np.clip(base, max(low, -total), min(high, total))
    result = (total - clamped).astype(np.float32) * slope + offset.astype(np.float32)
    if as_optimized:
        result = result + (base - dot).astype(np.float32) * slope
    if int8:
        rounded = np.sign(result) * np.floor(np.abs(result.astype(np.float64)) + 0.5)
        return np.clip(rounded, -128, 127).astype(np.int8)
    return result


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[BConv2DOptions, int]:
    small = st.integers(1, 3)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth = 32 * draw(st.integers(1, 2)) if groups > 1 else draw(st.integers(1, 130))
    options = BConv2DOptions(
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
def kernels(request: pytest.FixtureRequest) -> Kernels:
    return Kernels(request.param)


@settings(max_examples=150, deadline=None)
@given(case=convolutions())
def test_convolution_equals_numpy(kernels: Kernels, case: tuple[BConv2DOptions, int]) -> None:
    options, seed = case
    rng = np.random.default_rng(seed)
    o = options
    image_shape = (o.batch, o.input_height, o.input_width, o.channels_in)
    image = rng.choice([-1, 1], image_shape)
    shape = (o.channels_out, o.filter_height, o.filter_width, o.channels_in // o.groups)
    filters = rng.choice([-1, 1], shape)
    multiplier, bias = rng.normal(size=(2, o.channels_out)).astype(np.float32)
    thresholds = rng.integers(-3, filters[0].size + 3, o.channels_out, dtype=np.int32)
    constants = (None, None, thresholds) if o.output_type == BITS else (multiplier, bias, None)
    fits_height = (o.filter_height - 1) * o.dilation_height < o.input_height
    fits_width = (o.filter_width - 1) * o.dilation_width < o.input_width
    if o.padding == VALID and not (fits_height and fits_width):
        with pytest.raises(InputError, match="VALID padding"):
            kernels.convolution(options, pack(filters), *constants)
        return
    actual = kernels.convolution(options, pack(filters), *constants).run(pack(image))
    expected = numpy_convolution(options, image, filters, multiplier, bias, thresholds)
    assert actual.tobytes() == expected.astype(actual.dtype).tobytes()


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 6)] * 2, st.integers(1, 70), *[st.integers(1, 3)] * 4),
    padding=st.integers(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_max_pool_equals_numpy(
    kernels: Kernels, sizes: tuple[int, ...], padding: int, seed: int
) -> None:
    height, width, channels, filter_h, filter_w, stride_h, stride_w = sizes
    if padding == VALID and (filter_h > height or filter_w > width):
        padding = SAME
    options = BMaxPool2DOptions(2, *sizes, padding)
    image = np.random.default_rng(seed).choice([-1, 1], (2, height, width, channels))
    cells = windows(image, -1, (filter_h, filter_w), (stride_h, stride_w), (1, 1), padding)
    actual = kernels.max_pool(options, pack(image))
    np.testing.assert_array_equal(actual, pack(cells.max(axis=(3, 4))))


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(0, 4),
    channels=st.integers(1, 100),
    zero_point=st.integers(-200, 200),
    seed=st.integers(0, 2**32 - 1),
)
def test_quantize_equals_numpy(
    kernels: Kernels, rows: int, channels: int, zero_point: int, seed: int
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
        np.testing.assert_array_equal(kernels.quantize(values, zero_point=zero), expected)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(0, 4),
    channels=st.integers(1, 100),
    scale=st.sampled_from([0.0035, 0.01, 0.1, 1 / 3, 0.4, 0.5, 0.9, 1.0, 2.0, 2.5, 300.0]),
    zero_point=st.integers(-128, 127),
    seed=st.integers(0, 2**32 - 1),
)
def test_dequantize_equals_numpy(
    kernels: Kernels, rows: int, channels: int, scale: float, zero_point: int, seed: int
) -> None:
    signs = np.random.default_rng(seed).choice([-1, 1], (rows, channels))
    words = pack(signs)
    floats = kernels.dequantize(words, channels)
    np.testing.assert_array_equal(floats, signs.astype(np.float32))
    np.testing.assert_array_equal(kernels.dequantize(words, channels, np.bool_), signs > 0)
    unit = int(np.floor(np.float64(np.float32(1) / np.float32(scale)) + 0.5))
    expected = np.clip(zero_point + signs * unit, -128, 127)
    octets = kernels.dequantize(words, channels, np.int8, scale=scale, zero_point=zero_point)
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
def test_bad_options_are_named(kernels: Kernels, field: str, value: int, message: str) -> None:
    options = BConv2DOptions(1, 4, 4, 32, 8, 3, 3, 1, 1, 1, 1, 1, SAME, 1)
    setattr(options, field, value)
    filters, ones = np.zeros((8, 3, 3, 1), np.uint32), np.ones(8, np.float32)
    with pytest.raises(InputError, match=message):
        kernels.convolution(options, filters, ones, ones)


@pytest.mark.parametrize("bits", [0, 8])
def test_one_bit_weights_equal_numpy(kernels: Kernels, bits: int) -> None:
    model = BinaryModel(2, 6, 5, 40, 9, (3, 2), activation_bits=bits, seed=4)
    image = model.image()
    options = BinaryConv2DOptions(
        batch=2, input_height=6, input_width=5, channels_in=40, channels_out=9, filter_height=3,
        filter_width=2, stride_height=1, stride_width=1, dilation_height=1, dilation_width=1,
        padding=SAME, activation_bits=bits,
    )  # fmt: skip
    convolution = kernels.binary_convolution(
        options, pack(model.signs()), model.scale(), model.offset()
    )
    expected, tolerance = model.expected(image)
    actual = convolution.run(image)
    if bits:
        np.testing.assert_array_equal(actual, expected)
    assert (np.abs(actual - expected) <= tolerance).all()


def test_arrays_that_do_not_fit_their_options_are_refused() -> None:
    """The library cannot see how long an array is."""
    kernels = Kernels()
    options = BConv2DOptions(1, 4, 4, 32, 8, 3, 3, 1, 1, 1, 1, 1, SAME, 1)
    filters, ones = np.zeros((8, 3, 3, 1), np.uint32), np.ones(8, np.float32)
    with pytest.raises(InputError, match=r"uint32 of shape \(8, 3, 3, 1\)"):
        kernels.convolution(options, filters[:7], ones, ones)
    with pytest.raises(InputError, match=r"float32 of shape \(8,\)"):
        kernels.convolution(options, filters, ones.astype(np.float64), ones)
    convolution = kernels.convolution(options, filters, ones, ones)
    with pytest.raises(InputError, match=r"uint32 of shape \(1, 4, 4, 1\)"):
        convolution.run(np.zeros((1, 4, 3, 1), np.uint32))
    with pytest.raises(InputError, match="float32, int8 or bool"):
        kernels.quantize(np.zeros((1, 4)))


def test_a_path_that_there_is_not_is_refused() -> None:
    with pytest.raises(OperatorLibraryError, match="nonsense"):
        Kernels("nonsense")


def test_a_prepared_call_outlives_what_made_it() -> None:
    options = BConv2DOptions(1, 4, 4, 32, 8, 3, 3, 1, 1, 1, 1, 1, SAME, 1)
    filters, ones = np.zeros((8, 3, 3, 1), np.uint32), np.ones(8, np.float32)
    image = np.zeros((1, 4, 4, 1), np.uint32)
    call = Kernels().convolution(options, filters, ones, ones).prepare(image)
    gc.collect()
    call()
    np.testing.assert_array_equal(call.output, np.full((1, 4, 4, 8), 32 * 9 + 1, np.float32))


def test_forced_path_is_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    library = open_library(library_path())
    names = list(count_runs(library))
    assert {"reference", "portable"} <= set(names)
    for name in describe_library().available:
        monkeypatch.setenv("FACESDK_OPS_ISA", name)
        assert describe_library().isa == name
        before = count_runs(library)
        Kernels().quantize(np.zeros((1, 1), np.float32))
        ran = {path: count - before[path] for path, count in count_runs(library).items()}
        assert ran == {path: int(path == name) for path in names}
    monkeypatch.setenv("FACESDK_OPS_ISA", "nonsense")
    with pytest.raises(OperatorLibraryError, match="nonsense is not a kernel path"):
        describe_library()
    with pytest.raises(OperatorLibraryError, match="nonsense"):
        Kernels()
