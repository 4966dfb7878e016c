"""Random models: every byte as LCE computes it, on every kernel path, in every stock runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from native.support.lce_graph import BITS, FLOAT32, INT8, NONE, RELU6, SAME, VALID, Model, Pool
from native.support.operator_models import RUNTIMES
from native.support.workers import PATHS, new_process, run_lce, run_stock

Compare = Callable[[Model], None]

SOME = settings(max_examples=60, suppress_health_check=list(HealthCheck))
THOUSANDS = settings(max_examples=1500, suppress_health_check=list(HealthCheck))

small = st.integers(1, 3)
pairs = st.tuples(small, small)
kernels = st.tuples(st.integers(1, 5), st.integers(1, 5)) | st.sampled_from([(1, 1), (3, 3)])
channel_counts = st.integers(1, 140) | st.sampled_from([31, 32, 33, 63, 64, 65, 96, 128, 256, 320])
filter_counts = st.integers(1, 70) | st.sampled_from([7, 8, 9, 15, 16, 17, 63, 64, 65, 128])
seeds = st.integers(0, 2**31)


@pytest.fixture(scope="module")
def compare(library: Path) -> Iterator[Compare]:
    processes: dict[str, ProcessPoolExecutor] = {name: new_process() for name in ("lce", *RUNTIMES)}

    def with_lce(model: Model) -> None:
        content, image = model.to_bytes(), model.image()
        for kernel in model.lce_kernels:
            expected = processes["lce"].submit(run_lce, content, kernel, image)
            actual = {
                runtime: processes[runtime].submit(
                    run_stock, runtime, str(library), PATHS, content, image, zero_padding=kernel
                )
                for runtime in RUNTIMES
            }
            for runtime in RUNTIMES:
                for path, output in actual[runtime].result().items():
                    assert_same_bytes(output, expected.result(), (kernel, runtime, path))

    yield with_lce
    for process in processes.values():
        process.shutdown()


def assert_same_bytes(actual: np.ndarray, expected: np.ndarray, where: tuple[str, ...]) -> None:
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), where
    different = np.flatnonzero(actual.view(np.uint8) != expected.view(np.uint8))
    assert different.size == 0, (where, different[:5])


@st.composite
def models(draw: st.DrawFn) -> Model:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels = draw(channel_counts) if groups == 1 else 32 * groups * draw(small)
    kinds = st.sampled_from([FLOAT32, INT8])
    pool = None
    if draw(st.integers(0, 3)) == 0:
        pool = Pool(draw(pairs), draw(pairs), draw(st.sampled_from([SAME, VALID])))
    return Model(
        batch=draw(st.integers(1, 3)),
        height=draw(st.integers(1, 9)),
        width=draw(st.integers(1, 9)),
        channels=channels,
        filters=groups * draw(filter_counts),
        kernel=draw(kernels),
        stride=draw(pairs),
        dilation=draw(pairs),
        padding=draw(st.sampled_from([SAME, VALID])),
        pad_value=draw(st.integers(0, 1)),
        groups=groups,
        activation=draw(st.sampled_from([NONE, NONE, 1, 2, RELU6])),
        output=draw(st.sampled_from([FLOAT32, INT8, BITS])),
        enters_as=draw(kinds),
        leaves_as=draw(kinds),
        scale=draw(st.sampled_from([0.004, 0.1, 1 / 3, 0.5, 1.0, 2.5, 40.0])),
        zero_point=draw(st.integers(-128, 127)),
        pool=pool,
        seed=draw(seeds),
    )


@st.composite
def residual_models(draw: st.DrawFn) -> Model:
    """Sums of the image and two convolutions of its size, one of them of the first sum."""
    groups = draw(st.sampled_from([1, 1, 2]))
    channels = draw(channel_counts) if groups == 1 else 64 * draw(small)
    return Model(
        batch=draw(st.integers(1, 3)),
        height=draw(st.integers(1, 9)),
        width=draw(st.integers(1, 9)),
        channels=channels,
        filters=channels,
        kernel=draw(kernels),
        dilation=draw(pairs),
        pad_value=draw(st.integers(0, 1)),
        groups=groups,
        activation=draw(st.sampled_from([NONE, NONE, 1, 2, RELU6])),
        residual=True,
        seed=draw(seeds),
    )


def is_computable(model: Model) -> bool:
    """Whether every window fits, and LCE has a kernel that is right."""
    return min(*model.pooled, *model.output_size) >= 1 and bool(model.lce_kernels)


@SOME
@given(model=models().filter(is_computable))
def test_a_random_model_equals_lce(compare: Compare, model: Model) -> None:
    compare(model)


@SOME
@given(model=residual_models().filter(is_computable))
def test_a_random_residual_model_equals_lce(compare: Compare, model: Model) -> None:
    assert model.can_add
    compare(model)


@pytest.mark.slow
@THOUSANDS
@given(model=models().filter(is_computable))
def test_thousands_of_random_models_equal_lce(compare: Compare, model: Model) -> None:
    compare(model)


LAYERS = [
    Model(1, 56, 48, 64, 64, (3, 3)),
    Model(1, 14, 14, 256, 256, (3, 3), output=BITS),
    Model(1, 7, 6, 512, 512, (3, 3), pad_value=0),
    Model(1, 28, 24, 128, 131, (3, 3), stride=(2, 2), output=INT8, enters_as=INT8),
    Model(2, 9, 8, 1024, 77, (1, 1), output=INT8),
    Model(1, 17, 13, 96, 50, (7, 7), pad_value=0),
    pytest.param(
        Model(1, 5, 5, 1024, 33, (5, 5), padding=VALID, activation=RELU6), marks=pytest.mark.slow
    ),
    pytest.param(Model(1, 28, 24, 128, 128, (3, 3), residual=True), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("model", LAYERS, ids=lambda m: f"{m.height}x{m.width}x{m.channels}")
def test_a_layer_of_a_network_equals_lce(compare: Compare, model: Model) -> None:
    compare(model)
