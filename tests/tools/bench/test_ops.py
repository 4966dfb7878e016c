"""The measuring tool: its rooflines count, its ratios are right, and it measures what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facesdk.measure.timing import Policy, measure
from facesdk.runtime.kernels import Kernels
from facesdk.runtime.operator_library import (
    count_runs,
    describe_library,
    library_path,
    open_library,
)
from facesdk.tflite.weights import pack_signs
from tools.bench.markdown import Timing
from tools.bench.ops import roofline
from tools.bench.ops.candidates import CandidateError, Model
from tools.bench.ops.measurements import (
    LayerTimes,
    NetworkTimes,
    PathTimes,
    convolution,
    proven,
)
from tools.bench.ops.models import NETWORKS, Layer, Network, ensure
from tools.bench.ops.targets import Ratio, Verdict, at_roof, share_of_roof, verdicts

ROOT = Path(__file__).parents[3]
MODELS = Path(__file__).with_name("ops_models")
LAYER = Layer(6, 5, 32)
FOUR_LEVELS = 16
"""Words that a carry-save roofline adds up before it counts one."""


def bench_ops(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The tool in a process of its own, which fails if TensorFlow comes in."""
    program = (
        "import sys\nfrom tools.bench.ops import __main__ as bench_ops\n"
        "status = bench_ops.main(sys.argv[1:])\n"
        "sys.exit('TensorFlow was imported' if 'tensorflow' in sys.modules else status)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def rooflines(tmp_path_factory: pytest.TempPathFactory) -> list[roofline.Roofline]:
    return roofline.build(tmp_path_factory.mktemp("roofline"))


def expected_count(name: str, rounds: int) -> int:
    """Bits a loop must count: its inputs are multiples of a constant, its weight is ``rounds``."""
    kind, width = name.split()
    inputs, repeats = {
        "popcnt": (5, 1), "vpopcntq": (12, 1), "pshufb": (4, 15), "carry-save": (2, 8),
    }[kind]  # fmt: skip
    words = [(i + 1) * 0x9E3779B97F4A7C15 % 2**64 ^ rounds for i in range(inputs)]
    return sum(map(int.bit_count, words)) * rounds * repeats * int(width) // 64


def test_rooflines_count_every_bit(rooflines):
    assert rooflines
    for roof in rooflines:
        rounds = roof.call.args[1]
        expected, counted = expected_count(roof.name, rounds), roof.call()
        if roof.name.startswith("carry-save"):
            bits = int(roof.name.split()[1])
            assert 0 <= expected - FOUR_LEVELS * counted < FOUR_LEVELS * bits, roof.name
        else:
            assert counted == expected, roof.name


def test_rooflines_are_plausible(rooflines):
    times = measure({roof.name: roof.call for roof in rooflines}, Policy(3, 1, 0.0), untimed=0)
    for roof in rooflines:
        rate = roof.operations / times[roof.name].min() * 1e3
        assert 1e9 < rate < 1e15, roof.name


def test_rooflines_need_a_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(roofline.CompilerError, match="C compiler"):
        roofline.build(tmp_path)


def timing(minimum: float, median: float) -> Timing:
    return Timing(minimum, median, 10)


def layer_times() -> LayerTimes:
    """A layer of 1,000 operations whose roofline takes 0.1 and 0.2 ms for 100."""
    fast = PathTimes(
        timing(3, 8), timing(0.5, 0.5), timing(2, 4), timing(3, 8), timing(1.5, 5)
    )  # fmt: skip
    slow = PathTimes(timing(25, 25), timing(1, 1), timing(20, 20), None, None)
    return LayerTimes(
        "1x1x32", 1000, timing(42, 84), timing(0, 0), timing(9, 28), timing(30, 30),
        {"popcnt": slow, "avx512vpopcntdq": fast},
        {"vpopcntq 512": (100, timing(0.1, 0.2)), "popcnt 64": (100, timing(1, 1))},
    )  # fmt: skip


def test_ratios_are_the_peers_time_over_ours():
    assert Ratio.of(timing(6, 10), timing(3, 4)) == Ratio(2, 2.5)


def test_a_verdict_takes_the_worse_of_both_ratios():
    assert Verdict("", 2, Ratio(2, 2.5)).met
    missed = Verdict("", 2, Ratio(3, 1.5))
    assert not missed.met
    assert missed.missing == 0.25
    assert Verdict("", 2, Ratio(3, 3)).missing == 0


def test_share_of_the_roofline():
    times = layer_times()
    assert at_roof(times, "avx512vpopcntdq") == timing(1, 2)
    assert share_of_roof(times, "avx512vpopcntdq") == Ratio(0.5, 0.5)
    assert share_of_roof(times, "popcnt") == Ratio(0.5, 0.5)
    assert at_roof(times, "neon") is None


def test_the_roof_is_the_fastest_way_to_count():
    times = layer_times()
    times.roofs.update(
        {"pshufb 256": (100, timing(3, 3)), "carry-save 256": (1000, timing(20, 40))}
    )
    assert at_roof(times, "avx2") == timing(20, 30)


def test_every_target_has_its_verdict():
    network = NetworkTimes(
        "8x8", 2000, timing(40, 44), timing(0, 0), timing(3, 3),
        {"popcnt": timing(50, 50), "avx512vpopcntdq": timing(5, 4)},
        {"vpopcntq 512": (100, timing(0.1, 0.2))},
    )  # fmt: skip
    rows = {row.target: row for row in verdicts([layer_times()], [network], "avx512vpopcntdq")}
    where = "1x1x32, avx512vpopcntdq: "
    assert rows == {
        row.target: row
        for row in [
            Verdict("1x1x32, popcnt: LCE / ours", 1, Ratio(1.68, 3.36), Ratio(4.2, 8.4)),
            Verdict(where + "LCE / ours", 14, Ratio(14, 10.5), Ratio(42, 42)),
            Verdict(where + "share of the roofline", 0.7, Ratio(0.5, 0.5)),
            Verdict(where + "XNNPACK int8 / ours", 3.5, Ratio(3, 3.5), Ratio(9, 14)),
            Verdict(where + "one thread / two", 1.7, Ratio(2, 1.6)),
            Verdict(
                "network 8x8, avx512vpopcntdq: LCE + XNNPACK / ours",
                8, Ratio(8, 11), Ratio(8, 44 / 7),
            ),
        ]
    }  # fmt: skip


def test_operations_are_two_a_bit():
    assert Layer(14, 14, 256).operations == 2 * 14 * 14 * 3 * 3 * 256 * 256
    sections = ((56, 56, 64), (28, 28, 128), (14, 14, 256), (7, 7, 512))
    total = sum(4 * 2 * 9 * h * w * c * c for h, w, c in sections)
    assert Network(224, 224).operations == total
    sections = ((28, 24, 64), (14, 12, 128), (7, 6, 256), (3, 3, 512))
    assert Network(112, 96).operations == sum(4 * 2 * 9 * h * w * c * c for h, w, c in sections)


@pytest.mark.parametrize("text", ["14x14", "0x14x32", "14x14x33", "14x14x256x1", "axbxc", ""])
def test_odd_shapes_are_refused(text):
    with pytest.raises(ValueError, match="HEIGHTxWIDTHxCHANNELS"):
        Layer.parse(text)
    assert Layer.parse("6x5x32") == LAYER


@pytest.mark.parametrize("kind", ["int8", "float"])
def test_xnnpack_runs_the_peers(kind):
    file = LAYER.file(MODELS, kind)
    assert Model(file).delegated
    assert not Model(file, xnnpack=False).delegated


def test_the_int8_peer_is_quantized_a_channel():
    model = Model(LAYER.file(MODELS, "int8"))
    assert max(model.scales) == LAYER.channels
    image = np.random.default_rng(0).standard_normal(LAYER.shape).astype(np.float32)
    quantized = model.run(image)
    assert quantized.dtype == np.int8
    scale, zero_point = model._output["quantization"]
    expected = Model(LAYER.file(MODELS, "float")).run(image)
    difference = np.abs((quantized.astype(np.float32) - zero_point) * scale - expected)
    assert np.median(difference) < 2 * scale


@pytest.mark.parametrize("path", describe_library().available)
def test_a_model_runs_on_the_path_that_was_asked_for(path):
    file, library = LAYER.file(MODELS, "binary"), open_library(library_path())
    image = np.random.default_rng(0).standard_normal(LAYER.shape).astype(np.float32)
    expected = Model(file, path="reference").run(image)
    before = count_runs(library)[path]
    proven(file, path, image, expected)()
    assert count_runs(library)[path] == before + 4  # sign and convolution, twice
    with pytest.raises(CandidateError, match="disagree"):
        proven(file, path, image, expected + 1)


@pytest.mark.parametrize("path", describe_library().available)
def test_operators_alone_compute_what_the_model_does(path):
    image = np.random.default_rng(0).standard_normal(LAYER.shape).astype(np.float32)
    words = Kernels(path).quantize(image)
    assert np.array_equal(words, pack_signs(image))
    outputs = []
    for name in (path, "reference"):
        call = convolution(Kernels(name), LAYER, words)
        call()
        outputs.append(call.output)
    assert np.array_equal(*outputs)
    assert len(np.unique(outputs[0])) > 100


def test_a_small_run(tmp_path):
    out = tmp_path / "ops.json"
    run = bench_ops(
        "--shapes", LAYER.name, "--paths", "reference", "portable", "--runs", "2",
        "--warm-up", "1", "--models", str(MODELS), "--json", str(out),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    for words in (
        "n = 2, warm-up 1", "larq-compute-engine 0.16", "| LCE indirect bgemm |",
        "| XNNPACK int8 |", "| XNNPACK float32 |", "| ours, portable |", "| ours, reference |",
        "## Targets",
    ):  # fmt: skip
        assert words in run.stdout
    content = json.loads(out.read_text())
    assert content["settings"] == {"runs": 2, "warm_up": 1}
    (layer,) = content["layers"]
    assert layer["operations"] == LAYER.operations
    timings = [layer["int8"], layer["float32"], layer["larq_copies"]]
    for path in ("reference", "portable"):
        timings += [layer["paths"][path][part] for part in ("model", "sign", "convolution")]
    timings += [row for _, row in layer["roofs"].values()]
    assert all(0 < row["minimum"] <= row["median"] and row["runs"] == 2 for row in timings)
    reference, portable = (layer["paths"][path] for path in ("reference", "portable"))
    assert reference["convolution"]["minimum"] > portable["convolution"]["minimum"]
    targets = [row["target"] for row in content["targets"]]
    assert f"{LAYER.name}, portable: XNNPACK int8 / ours" in targets


def test_wrong_use_gets_one_line():
    run = bench_ops("--shapes", LAYER.name, "--models", str(MODELS), "--paths", "neon9000")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "not a kernel path of this CPU: neon9000; available: reference, portable" in run.stderr
    assert bench_ops("--shapes").returncode == 2
    assert "HEIGHTxWIDTHxCHANNELS" in bench_ops("--shapes", "3x3").stderr


@pytest.mark.slow
def test_models_are_converted_once(tmp_path):
    first = bench_ops(
        "--shapes", "4x4x32", "--network", "--runs", "1", "--warm-up", "1",
        "--models", str(tmp_path),
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    assert "## QuickNet-shaped network, 112x96" in first.stdout
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(files) == 7
    ensure(tmp_path, [Layer(4, 4, 32)], NETWORKS)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
