"""YuNet, from the ONNX file that its authors publish to a model file whose input has any size.

W. Wu, H. Peng, S. Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence
Research 20(5), 2023. No package holds the weights, so whoever wants them brings the file.

What the conversion changes, none of which changes a result beyond float32 rounding:

- The input is RGB, channels last; the published networks want BGR, channels first, so the first
  kernel's channels are reversed.
- The four heads of a level (class, object, box, points) become one 1x1 and one depthwise
  convolution of 16 channels; Reshape, Transpose and Sigmoid go, so that a level is one map.
- The published files are made for 640x640. Enlargement without a size
  (:meth:`~facesdk_converters.tflite.layers.Layers.doubled`) lets the input be resized to any
  multiple of 32.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facesdk.errors import InputError, ModelError
from facesdk.files import read_regular, write_atomic
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, InputSpec
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.detectors.onnx_graph import Node, OnnxGraph
from facesdk_converters.inspection.agreement import Agreement, Bound
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.tflite.layers import Layers
from facesdk_converters.tflite.tree import write_contract

HEADS = ("cls", "obj", "bbox", "kps")
STRIDES = (8, 16, 32)
SIDE = 640

BOUND = Bound(min_cosine=0.9999, median_cosine=0.9999, max_difference=1e-3)
"""Least agreement with the published network, in logits, and pixels divided by the stride."""

_NETWORK = "the structure of YuNet's networks"


@dataclass(frozen=True, slots=True)
class Published:
    """A file that the authors publish.

    Attributes:
        name: Of the model file.
        file: Its name in GitHub ShiqiYu/libfacedetection.train, folder ``onnx``.
        sha256: Its digest.
    """

    name: str
    file: str
    sha256: str


KNOWN = (
    Published(
        "yunet",
        "yunet_s_640_640.onnx (OpenCV zoo: face_detection_yunet_2023mar.onnx)",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    ),
    Published(
        "yunet-large",
        "yunet_n_640_640.onnx",
        "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    ),
)
"""The small and the large network."""

TERMS = (
    "YuNet's weights: GitHub ShiqiYu/libfacedetection.train states Apache-2.0 (its README has a "
    "BSD badge), OpenCV zoo publishes the small file under MIT; trained on WIDER FACE, which is "
    "for research. They are not part of facesdk: whether you may use them is for you to judge."
)


def convert(source: Path, out: Path, *, unknown: bool = False) -> Converted:
    """Writes YuNet as a model file, proven against OpenCV's run of the published one.

    Args:
        source: The ONNX file.
        out: The file to write.
        unknown: Whether to take a file of the same structure whose digest is not known, such as one
            that was trained again.

    Raises:
        InputError: ``source`` cannot be read, is not known, or is another network.
        ModelError: The converted network differs by more than :data:`BOUND` allows; then nothing is
            written.
    """
    try:
        content = read_regular(source)
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from None
    digest = hashlib.sha256(content).hexdigest()
    known = next((row for row in KNOWN if row.sha256 == digest), None)
    if known is None and not unknown:
        rows = "; ".join(f"{row.file} has {row.sha256}" for row in KNOWN)
        raise InputError(
            f"{source} is not a published file of YuNet: its sha256 is {digest}, but {rows}. "
            "--unknown takes a file of the same structure"
        )
    written = build(OnnxGraph.read(content, str(source)), str(source))
    bundle = ModelBundle.from_bytes(written, str(out))
    agreement = agreement_with_opencv(bundle, content)
    if not agreement.meets(BOUND):
        raise ModelError(
            f"the converted network differs from {source} by {agreement.max_difference:.2g}, at "
            f"most {BOUND.max_difference:g} is accepted: report it with this OpenCV version, "
            f"{cv2.__version__}"
        )
    contract = Contract(
        name=known.name if known else out.stem,
        task="detection",
        architecture="YuNet",
        variant="float",
        input=InputSpec(height=None, width=None, color="RGB", mean=0.0, scale=1.0),
        license="Apache-2.0, as its authors state" if known else "unstated",
        source=known.file if known else source.name,
        source_sha256=digest,
        training_data="WIDER FACE with five points, by the authors" if known else "",
    )
    content = write_contract(bundle, contract)
    write_atomic(out, content)
    return Converted(out, len(content), contract, agreement, description=TERMS if known else "")


def build(graph: OnnxGraph, name: str, side: int = SIDE) -> bytes:
    """The network as a TFLite file without a contract.

    Args:
        graph: The published network.
        name: What messages call it.
        side: Height and width that the file's shapes are for.

    Raises:
        InputError: It is another network.
    """
    try:
        return _Builder(graph, side).build()
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{name} does not have {_NETWORK}: {error}") from None


class _Builder:
    def __init__(self, graph: OnnxGraph, side: int) -> None:
        self._graph = graph
        self._layers = Layers((1, 2), description="YuNet")
        pixels = self._layers.input("pixels", (1, side, side, 3))
        self._known = dict.fromkeys(graph.inputs, pixels)

    def build(self) -> bytes:
        maps = []
        for stride in STRIDES:
            heads = [self._head(f"{name}_{stride}") for name in HEADS]
            tensor = self._tensor(heads[0][0].inputs[0])
            if len({head[0].inputs[0] for head in heads}) != 1:
                raise ValueError(f"the heads of stride {stride} start apart")
            for place in (0, 1):
                parts = [self._weights(head[place]) for head in heads]
                kernel, bias = (np.concatenate(part) for part in zip(*parts, strict=True))
                tensor = self._layer(tensor, kernel, bias, depthwise=bool(place))
            if self._layers.shape(tensor)[3] != 16:
                raise ValueError(f"the heads of stride {stride} are not of 16 channels")
            maps.append(tensor)
        return self._layers.to_bytes(maps)

    def _head(self, output: str) -> tuple[Node, Node]:
        """The 1x1 and the depthwise convolution of an output."""
        node = self._maker(output)
        while node.kind in ("Sigmoid", "Reshape", "Transpose"):
            node = self._maker(node.inputs[0])
        first = self._maker(node.inputs[0])
        single = node.kind == "Conv" and self._weights(node)[0].shape[1] == 1
        if first.kind != "Conv" or not single:
            raise ValueError(f"{output} is made by {first.kind} and {node.kind}")
        return first, node

    def _tensor(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = self._made(self._maker(name))
        return self._known[name]

    def _made(self, node: Node) -> int:
        relu = node.kind == "Relu"
        if relu and self._maker(node.inputs[0]).kind == "Conv":
            node = self._maker(node.inputs[0])
        if node.kind == "Conv":
            return self._conv(node, relu)
        if node.kind == "MaxPool" and node.integers["kernel_shape"] == (2, 2):
            return self._layers.max_pool(self._tensor(node.inputs[0]), 2, 2, "valid")
        if node.kind == "Resize":
            return self._layers.doubled(self._tensor(node.inputs[0]))
        if node.kind == "Add":
            first, second = node.inputs
            return self._layers.add(self._tensor(first), self._tensor(second))
        raise ValueError(f"it has {node.kind}")

    def _conv(self, node: Node, relu: bool) -> int:
        kernel, bias = self._weights(node)
        tensor = self._tensor(node.inputs[0])
        if node.inputs[0] in self._graph.inputs:
            kernel = kernel[:, ::-1]  # RGB instead of BGR
        return self._layer(
            *(tensor, kernel, bias, node.integers["strides"][0]),
            depthwise=self._depthwise(node),
            relu=relu,
        )

    def _layer(
        self,
        tensor: int,
        kernel: FloatArray,
        bias: FloatArray,
        stride: int = 1,
        *,
        depthwise: bool,
        relu: bool = False,
    ) -> int:
        if depthwise:
            weights = kernel[:, 0].transpose(1, 2, 0)
            return self._layers.depthwise_conv2d(tensor, weights, bias, relu=relu)
        weights = kernel.transpose(2, 3, 1, 0)
        if stride == 1:
            return self._layers.conv2d(tensor, weights, bias, padding="same", relu=relu)
        # ONNX pads on all sides; "same" of TFLite would pad below and on the right only.
        return self._layers.conv2d(
            self._layers.pad_before(tensor), weights, bias, stride=stride, relu=relu
        )

    def _depthwise(self, node: Node) -> bool:
        return node.integers["group"][0] == len(self._weights(node)[0]) > 1

    def _weights(self, node: Node) -> tuple[FloatArray, FloatArray]:
        return self._graph.constants[node.inputs[1]], self._graph.constants[node.inputs[2]]

    def _maker(self, name: str) -> Node:
        if name not in self._graph.makers:
            raise ValueError(f"nothing makes {name}")
        return self._graph.makers[name]


def agreement_with_opencv(bundle: ModelBundle, onnx: bytes, side: int = SIDE) -> Agreement:
    """Compares a converted network with OpenCV's run of its ONNX file, on noise.

    Args:
        bundle: The converted network.
        onnx: The ONNX file.
        side: Height and width that it was made for.

    Raises:
        InputError: OpenCV cannot run the file.
    """
    try:
        network = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
    except cv2.error as error:
        raise InputError(f"OpenCV cannot read the ONNX file: {error.err}") from None
    interpreter = Interpreter(bundle, input_shapes=[(1, side, side, 3)])
    rng = np.random.default_rng(2023)
    cosines, largest = [], 0.0
    for _ in range(2):
        small = rng.uniform(0, 255, (24, 24, 3)).astype(np.float32)
        pixels = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 255)
        got = _probabilities(interpreter.run(pixels[None])).astype(np.float64)
        expected = _published(network, pixels).astype(np.float64)
        lengths = float(np.linalg.norm(got)) * float(np.linalg.norm(expected))
        cosines.append(float(got @ expected) / lengths if lengths else 0.0)
        largest = max(largest, float(np.abs(got - expected).max()))
    return Agreement(
        inputs=len(cosines),
        unstable=0,
        faces=False,
        max_difference=largest,
        min_cosine=min(cosines),
        median_cosine=float(np.median(cosines)),
    )


def _probabilities(maps: list[Any]) -> FloatArray:
    """Our maps as the published outputs are: rows of cells, two of 16 values as probabilities."""
    rows: FloatArray = np.concatenate([np.asarray(values).reshape(-1, 16) for values in maps])
    rows[:, :2] = 1 / (1 + np.exp(-rows[:, :2]))
    return rows.ravel()


def _published(network: Any, pixels: FloatArray) -> FloatArray:
    network.setInput(pixels[..., ::-1].transpose(2, 0, 1)[None])
    names = [f"{head}_{stride}" for stride in STRIDES for head in HEADS]
    outputs = network.forward(names)
    levels = [
        np.concatenate([part.reshape(-1, part.shape[-1]) for part in outputs[i : i + 4]], axis=1)
        for i in range(0, len(outputs), 4)
    ]
    rows: FloatArray = np.concatenate(levels)
    return rows.ravel()
