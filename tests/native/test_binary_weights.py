"""FacesdkBinaryConv2D and FacesdkBinaryDense in stock runtimes, on every path, against NumPy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facesdk.tflite.verifier import verify
from native.support.binary_graph import RELU6, SAME, VALID, BinaryModel
from native.support.operator_models import RUNTIMES, option_position
from native.support.workers import PATHS, new_process, run_stock

HERE = Path(__file__).parent
SOME = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

Compare = Callable[..., None]

small = st.integers(1, 3)
pairs = st.tuples(small, small)
channel_counts = st.integers(1, 70) | st.sampled_from([31, 32, 33, 64, 96, 128, 260])
filter_counts = st.integers(1, 70) | st.sampled_from([7, 8, 15, 16, 17, 31, 32, 33, 64])


@pytest.fixture(scope="module")
def compare(library: Path) -> Iterator[Compare]:
    processes: dict[str, ProcessPoolExecutor] = {name: new_process() for name in RUNTIMES}

    def with_numpy(model: BinaryModel, image: np.ndarray | None = None, threads: int = 1) -> None:
        content = model.to_bytes()
        verify(content)
        values = model.image() if image is None else image
        expected, bound = model.expected(values)
        runs = {
            name: process.submit(
                run_stock, name, str(library), PATHS, content, values, threads=threads
            )
            for name, process in processes.items()
        }
        for name, run in runs.items():
            for path, output in run.result().items():
                assert (output.dtype, output.shape) == (np.float32, expected.shape)
                different = np.abs(output - expected) > bound
                assert not different.any(), (name, path, np.argwhere(different)[:3])

    yield with_numpy
    for process in processes.values():
        process.shutdown()


@st.composite
def convolutions(draw: st.DrawFn) -> BinaryModel:
    return BinaryModel(
        batch=draw(small),
        height=draw(st.integers(1, 8)),
        width=draw(st.integers(1, 8)),
        channels=draw(channel_counts),
        filters=draw(filter_counts),
        kernel=draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        stride=draw(pairs),
        dilation=draw(pairs),
        padding=draw(st.sampled_from([SAME, VALID])),
        activation=draw(st.integers(0, 3)),
        activation_bits=draw(st.sampled_from([0, 8])),
        bias=draw(st.booleans()),
        unused_bits=draw(st.booleans()),
        seed=draw(st.integers(0, 2**31)),
    )


@st.composite
def images(draw: st.DrawFn, model: BinaryModel) -> np.ndarray:
    """Of any scale, with edges: all zero, one sign, one value far from the others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(size=model.image().shape).astype(np.float32)
    kind = draw(st.sampled_from(["any", "any", "zero", "positive", "outlier", "small", "large"]))
    if kind == "zero":
        values[:] = -0.0
    if kind == "positive":
        values = np.abs(values)
    if kind == "outlier":
        values.flat[rng.integers(values.size)] = 1e4
    return values * np.float32({"small": 1e-20, "large": 1e20}.get(kind, 1.0))


@SOME
@given(data=st.data())
def test_a_random_convolution_equals_numpy(compare: Compare, data: st.DataObject) -> None:
    model = data.draw(convolutions().filter(lambda m: m.fits))
    compare(model, data.draw(images(model)))


@settings(parent=SOME, max_examples=15)
@given(
    batch=st.integers(1, 4),
    channels=channel_counts | st.just(2048),
    filters=filter_counts,
    activation_bits=st.sampled_from([0, 8]),
    bias=st.booleans(),
    data=st.data(),
)
def test_a_random_dense_layer_equals_numpy(
    compare: Compare, batch: int, channels: int, filters: int, activation_bits: int, bias: bool,
    data: st.DataObject,
) -> None:  # fmt: skip
    model = BinaryModel(
        batch, channels=channels, filters=filters, activation_bits=activation_bits, bias=bias,
        dense=True,
    )  # fmt: skip
    compare(model, data.draw(images(model)))


LAYERS = [
    BinaryModel(1, 20, 18, 64, 48, padding=VALID),
    BinaryModel(1, 20, 18, 64, 48, activation_bits=8),
    BinaryModel(1, 5, 4, 512, 40, (5, 4), padding=VALID, activation_bits=8, activation=RELU6),
    BinaryModel(2, channels=10240, filters=35, dense=True, activation_bits=8),
]


@pytest.mark.parametrize(
    "model", LAYERS, ids=lambda m: f"{m.name}-{m.channels}-{m.activation_bits}"
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_layer_of_a_network_equals_numpy(
    compare: Compare, model: BinaryModel, threads: int
) -> None:
    compare(model, threads=threads)


def refusals(runtime: str, library: Path, files: list[bytes], folder: Path) -> list[str]:
    """Errors of models that must not load, from a process of their own."""
    jobs = []
    for number, content in enumerate(files):
        path = folder / f"{number}.tflite"
        path.write_bytes(content)
        jobs.append({"file": str(path), "edits": []})
    command = [sys.executable, str(HERE / "support" / "load_mutants.py"), runtime, str(library)]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-2000:]}"
    errors = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(errors) == len(files) and None not in errors, errors
    return errors


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_bad_value_is_named(library: Path, runtime: str, tmp_path: Path) -> None:
    convolution, dense = BinaryModel(), BinaryModel(dense=True)
    cases = [
        (convolution, "version", 2, "version 2, but this library knows version 1; update facesdk"),
        (convolution, "activation_bits", 4, "activation_bits must be 0 (float32) or 8, but got 4"),
        (convolution, "channels_in", 0, "channels_in (0) does not go with a filter of 2 words"),
        (convolution, "channels_in", 41, "the filter is for 41 channels, but the input has 40"),
        (convolution, "channels_in", 65, "channels_in (65) does not go with a filter of 2 words"),
        (convolution, "stride_height", 0, "stride height must be in 1..65536, but got 0"),
        (convolution, "dilation_width_factor", 0, "dilation width must be in 1..65536"),
        (convolution, "padding", 2, "padding must be 0 (SAME) or 1 (VALID), but got 2"),
        (convolution, "fused_activation_function", 4, "fused activation function must be in 0..3"),
        (dense, "version", 0, "version 0"),
        (dense, "activation_bits", 1, "activation_bits must be 0 (float32) or 8, but got 1"),
        (dense, "channels_in", 33, "the filter is for 33 channels, but the input has 40"),
    ]
    files = []
    for model, key, value, _ in cases:
        content = bytearray(model.to_bytes())
        content[option_position(bytes(content), key)] = value
        files.append(bytes(content))
    for (model, _, _, message), error in zip(
        cases, refusals(runtime, library, files, tmp_path), strict=True
    ):
        assert f"facesdk operators: {model.name} (node 0): " in error
        assert message in error


@pytest.mark.parametrize("name", ["convolution", "dense"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_random_damage_never_crashes(
    library: Path, runtime: str, name: str, tmp_path: Path
) -> None:
    content = BinaryModel(dense=name == "dense", activation_bits=8).to_bytes()
    position = option_position(content, "version")
    rng = np.random.default_rng(1)
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    jobs = [
        {"file": str(path), "edits": [(position + int(offset), int(value))]}
        for offset, value in zip(rng.integers(-60, 12, 150), rng.integers(0, 256, 150), strict=True)
    ]
    command = [sys.executable, str(HERE / "support" / "load_mutants.py"), runtime, str(library)]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-2000:]}"
    errors = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(errors) == len(jobs)
    assert sum(error is not None for error in errors) > 30
