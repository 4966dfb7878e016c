"""Teachers from model files: float networks of the operators that face networks have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.tflite import weights
from facesdk.tflite.graph import Operator, Tensor
from facesdk_training.torch.device.teachers import Reading, Teacher

_ELEMENTWISE = {"ADD": "add", "SUB": "sub", "MUL": "mul", "RELU": "relu", "ABS": "abs"}
_MOST_STRIDE = 8

_ACTIVATION = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 4,
    **dict.fromkeys(("FULLY_CONNECTED", "ADD", "SUB", "MUL"), 0),
}
_DILATIONS = {"CONV_2D": (4, 5), "DEPTHWISE_CONV_2D": (5, 6)}
"""Numbers of fields in the options of operators, by TensorFlow Lite's ``schema.fbs``."""


class UnknownOperatorError(InputError):
    """A model has an operator that no teacher on the device has."""


def read_teacher(model: Path, contract: Path | None) -> Teacher:
    """Reads a recognition model of float operators.

    Args:
        model: A ``.tflite``.
        contract: How to feed it, where the file does not say.

    Raises:
        UnknownOperatorError: It has an operator that is not known here, or does more to its
            embeddings than its operators do.
        InputError: It cannot be read, or carries no contract.
    """
    bundle = ModelBundle.load(model)
    found = bundle.contract if contract is None else Contract.read(contract)
    if found is None:
        raise InputError(f"{model} carries no contract: give one with teacher.contract")
    if found.removed_direction is not None or found.flip_concatenation:
        raise UnknownOperatorError(
            f"{model} has embeddings by `facesdk calibrate --flip` or --center, which a teacher on "
            "the device has not"
        )
    constants: dict[str, NDArray[Any]] = {}
    operators = [_described(operator, constants, model) for operator in bundle.graph.operators]
    graph = {
        "input": _name(bundle.graph.inputs[0]),
        "output": _name(bundle.graph.outputs[0]),
        "ops": [operator for operator in operators if operator],
        "layers": {
            tensor.name: _name(tensor)
            for operator in bundle.graph.working
            for tensor in operator.outputs
            if len(tensor.shape) == 4
        },
    }
    reading = Reading(found.input.color == "BGR", found.input.mean, found.input.scale)
    return Teacher(graph, constants, reading)


def _name(tensor: Tensor) -> str:
    return f"t{tensor.index}"


def _described(
    operator: Operator, constants: dict[str, NDArray[Any]], model: Path
) -> dict[str, Any]:
    if _does_more(operator):
        raise UnknownOperatorError(
            f"{model} has a {operator.name} with an activation or a dilation, which a teacher on "
            "the device cannot have"
        )
    inputs = [tensor for tensor in operator.stored if tensor is not None]
    if operator.widens_constant and inputs[0].dtype.startswith("float"):
        return {}
    output = _name(operator.outputs[0])
    for tensor in inputs:
        if tensor.constant and tensor.dtype.startswith("float"):
            constants[_name(tensor)] = _flat(weights.array(tensor).astype(np.float32))
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        depthwise = operator.name != "CONV_2D"
        kernel = weights.array(inputs[1]).astype(np.float32)
        constants[_name(inputs[1])] = kernel.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        sides = list(
            zip(
                inputs[0].shape[1:3], operator.outputs[0].shape[1:3], kernel.shape[1:3], strict=True
            )
        )
        strides, same = _window(sides, model)
        return {
            "op": "conv",
            "in": [_name(inputs[0])],
            "out": output,
            "kernel": _name(inputs[1]),
            "bias": _name(inputs[2]) if len(inputs) > 2 else None,
            "stride": strides,
            "same": same,
            "groups": kernel.shape[3] if depthwise else 1,
        }
    if operator.name == "PRELU":
        slope = _name(inputs[1])
        return {"op": "prelu", "in": [_name(inputs[0])], "out": output, "slope": slope}
    if operator.name == "FULLY_CONNECTED":
        constants[_name(inputs[1])] = weights.array(inputs[1]).astype(np.float32)
        bias = _name(inputs[2]) if len(inputs) > 2 else None
        dense = {"op": "dense", "in": [_name(inputs[0])], "out": output}
        return {**dense, "kernel": _name(inputs[1]), "bias": bias}
    if operator.name == "RESHAPE":
        wide = len(inputs[0].shape) == 4  # in the file channels are the last axis
        return {"op": "flatten", "in": [_name(inputs[0])], "out": output, "channels_last": wide}
    if operator.name == "PAD" and (sides := _sides(inputs)) is not None:
        return {"op": "pad", "in": [_name(inputs[0])], "out": output, "pads": sides}
    if operator.name in _ELEMENTWISE:
        names = [_name(tensor) for tensor in inputs]
        return {"op": _ELEMENTWISE[operator.name], "in": names, "out": output}
    raise UnknownOperatorError(
        f"{model} has the operator {operator.name}, which a teacher on the device cannot have"
    )


def _does_more(operator: Operator) -> bool:
    """Whether an operator has an activation of its own, or steps over pixels."""
    fields = _DILATIONS.get(operator.name, ())
    activated = operator.name in _ACTIVATION and _option(operator, _ACTIVATION[operator.name], 0)
    return bool(activated) or any(_option(operator, field, 1) != 1 for field in fields)


def _option(operator: Operator, field: int, default: int) -> int:
    """A scalar below 256 among an operator's options.

    They are a FlatBuffers table: its vtable, and its fields after the first four bytes.
    """
    raw, entry = operator.raw_options, 4 + 2 * field
    size = int.from_bytes(raw[:2], "little")
    offset = int.from_bytes(raw[entry : entry + 2], "little") if entry < size else 0
    return raw[size + offset - 4] if offset else default


def _sides(inputs: list[Tensor]) -> list[int] | None:
    """Zeros above, below, left and right of a map; None where others are added."""
    if len(inputs[0].shape) != 4 or not inputs[1].constant:
        return None
    images, rows, columns, channels = weights.array(inputs[1]).tolist()
    return [*rows, *columns] if images == channels == [0, 0] else None


def _flat(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Constants per channel, such as [1, 1, C], as [C]; others as they are."""
    return values.reshape(-1) if values.ndim and values.size == values.shape[-1] else values


def _window(sides: list[tuple[int, int, int]], model: Path) -> tuple[list[int], bool]:
    """Strides and padding of a convolution, by the sizes of its input, output and kernel."""
    for stride in range(1, _MOST_STRIDE + 1):
        for same in (True, False):
            if all(
                out == (-(-side // stride) if same else -(-(side - extent + 1) // stride))
                for side, out, extent in sides
            ):
                return [stride, stride], same
    raise InputError(f"{model} has a convolution whose stride cannot be told from its sizes")
