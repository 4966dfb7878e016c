"""Weights of a published MobileFaceNet, to start from.

Files of MobileFaceNet come from several converters and trainers, which write the same network in
other ways. What is told apart here:

- A PReLU is one operator, or ``relu(x) + a (x - |x|) / 2`` in five or six, whose multiplications
  hold half the slopes together.
- A 1x1 convolution without an activation may be followed by a further one, as after the stem, where
  the paper's table 1 has a depthwise-separable layer. Their product is one layer.
- Several linear layers may follow the global depthwise convolution. Their product is one.

Batch normalisation is folded into the layer before it. What is returned computes the same with
statistics of nothing; before it is trained, an engine measures those of its inputs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite import weights
from facesdk.tflite.graph import Operator
from facesdk.tflite.operators import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig

_LAYERS = (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED)

_SAME = 0.9999
"""Cosine of the embeddings of one face by the file and by the network that is rebuilt of it."""

Arrays = list[NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """A layer of the file.

    Attributes:
        kind: Its operator.
        kernel: float64, as the file has it: [outputs, height, width, inputs], of a depthwise one
            [1, height, width, channels], of a matrix [outputs, inputs].
        bias: float64 [outputs].
        slopes: float64 [outputs] of the PReLU after it; None without one.
    """

    kind: str
    kernel: NDArray[np.float64]
    bias: NDArray[np.float64]
    slopes: NDArray[np.float64] | None = None

    @property
    def matrix(self) -> NDArray[np.float64]:
        """[outputs, inputs] of a layer that looks at one place.

        Raises:
            ValueError: It looks at more.
        """
        if self.kind == DEPTHWISE_CONV_2D or self.kernel.shape[1:-1] not in ((), (1, 1)):
            raise ValueError(f"a kernel of {self.kernel.shape} where 1x1 is expected")
        return self.kernel.reshape(len(self.kernel), -1)


def weights_of(source: ModelBundle, config: MobileFaceNetConfig) -> dict[str, Arrays]:
    """The weights of a MobileFaceNet's file.

    Args:
        source: The file, in float32.
        config: The shape that it is to have.

    Returns:
        The arrays of each layer, by its name, as :func:`facesdk_training.runs.latent.read` returns
        them; of batch normalisation the gain 1, the folded offset, and statistics of nothing.

    Raises:
        InputError: The file is no MobileFaceNet of that shape.
    """
    try:
        layers = deque(_layers(source))
        found = _convolution("stem1", layers.popleft()) | _convolution("stem2", layers.popleft())
        if layers[0].slopes is None:
            first = layers.popleft()
            layers[0] = _product(first, layers[0])
        for stage, (_, units) in enumerate(config.stages, start=1):
            for unit in range(1, units + 1):
                for part in ("expand", "depthwise", "project"):
                    found |= _convolution(f"stage{stage}_unit{unit}_{part}", layers.popleft())
        found |= _convolution("features", layers.popleft())
        return found | _head(layers)
    except (ValueError, IndexError, ModelError) as error:
        why = "it has fewer layers" if isinstance(error, IndexError) else error
        raise InputError(
            f"{source.path} is no MobileFaceNet with the configured stages {config.stages}: {why}"
        ) from None


def require_same(
    source: ModelBundle,
    images: NDArray[np.float32],
    embed: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> None:
    """Refuses a file that has the layers of a MobileFaceNet, but puts them together otherwise.

    Args:
        source: The file.
        images: float32 [N, height, width, 3], normalised crops of the size of the network.
        embed: The network that was rebuilt of it.

    Raises:
        InputError: They compute something else.
    """
    interpreter = Interpreter(source)
    count, *shape = interpreter.input_shapes[0]
    some = images[:count]
    if list(some.shape) == [count, *shape]:
        expected, got = interpreter.run(some)[0].reshape(count, -1), embed(some)
        if got.shape == expected.shape and _least_cosine(got, expected) > _SAME:
            return
    raise InputError(
        f"{source.path} has the layers of a MobileFaceNet, but computes something else than the "
        f"configured network on {images.shape[1]}x{images.shape[2]} pixels"
    )


def _least_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.min(np.sum(a * b, axis=1) / np.maximum(lengths, 1e-12)))


def _layers(source: ModelBundle) -> list[_Layer]:
    found: list[_Layer] = []
    for operator in source.graph.working:
        constants = _constants(operator)
        if operator.name in _LAYERS:
            if not constants:
                raise ValueError(f"the weights of its {operator.name} are no floats")
            kernel, *biases = constants
            outputs = kernel.shape[-1] if operator.name == DEPTHWISE_CONV_2D else len(kernel)
            found.append(_Layer(operator.name, kernel, biases[0] if biases else np.zeros(outputs)))
        elif operator.name in ("PRELU", "MUL") and constants:
            if not found or constants[0].size not in (1, found[-1].bias.size):
                raise ValueError(f"a {operator.name} by {constants[0].size} numbers in no layer")
            before = found[-1].slopes
            if before is None:
                before = np.full(found[-1].bias.shape, 1.0 if operator.name == "PRELU" else 2.0)
            found[-1] = replace(found[-1], slopes=before * constants[0].ravel())
    return found


def _constants(operator: Operator) -> list[NDArray[np.float64]]:
    arrays = [weights.array(row) for row in operator.stored if row is not None and row.constant]
    return [array.astype(np.float64) for array in arrays if array.dtype.kind == "f"]


def _product(first: _Layer, second: _Layer) -> _Layer:
    """Two layers without an activation between them, as one."""
    kernel = (second.matrix @ first.matrix)[:, None, None, :]
    return _Layer(CONV_2D, kernel, second.matrix @ first.bias + second.bias, second.slopes)


def _convolution(name: str, layer: _Layer) -> dict[str, Arrays]:
    activated = not name.endswith("_project")
    if activated != (layer.slopes is not None):
        raise ValueError(f"{name} has {'no' if activated else 'a'} PReLU")
    found = _normalised(f"{name}_conv", f"{name}_bn", layer)
    if layer.slopes is not None:
        found[f"{name}_prelu"] = _float32(layer.slopes.reshape(1, 1, -1))
    return found


def _head(layers: deque[_Layer]) -> dict[str, Arrays]:
    found = _normalised("head_depthwise", "head_bn", layers.popleft())
    last = layers.popleft()
    while layers:
        if last.slopes is not None:
            raise ValueError("an activation among the last linear layers")
        last = _product(last, layers.popleft())
    return found | {"embedding": _float32(last.matrix.T, last.bias)}


def _normalised(convolution: str, normalisation: str, layer: _Layer) -> dict[str, Arrays]:
    """A layer's kernel, and batch normalisation that adds its bias."""
    ones, nothing = np.ones_like(layer.bias), np.zeros_like(layer.bias)
    return {
        convolution: _float32(layer.kernel.transpose(1, 2, 3, 0)),
        normalisation: _float32(ones, layer.bias, nothing, ones),
    }


def _float32(*arrays: NDArray[Any]) -> Arrays:
    return [np.ascontiguousarray(array, np.float32) for array in arrays]
