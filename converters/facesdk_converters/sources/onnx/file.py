"""What an ONNX file says, made plain: constants known, training's detours gone, signs recognised.

Binarized PyTorch networks take signs with the gradient of something else, and write that as a sum:
``sign(x).detach() - clip(x).detach() + clip(x)``. In the file it is arithmetic whose value is the
sign, up to rounding, and so it is replaced by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
from numpy.typing import NDArray
from onnx import numpy_helper

from facesdk.errors import InputError, ModelError, one_line
from facesdk.files import require_regular
from facesdk_converters.sources.onnx.finite import require_finite
from facesdk_converters.sources.onnx.gelus import with_gelus
from facesdk_converters.sources.onnx.graph import SEVERAL, Node, OnnxModel
from facesdk_converters.sources.onnx.reference import evaluated, evaluated_for_several
from facesdk_converters.sources.onnx.signs import with_signs

_OPSET = 15
"""Before 14 a BatchNormalization may also train, and ONNX's reference then updates its mean."""
_EXTERNAL = (
    "{path} keeps weights in other files: save it with them inside, "
    "onnx.save_model(onnx.load(PATH), OTHER, save_as_external_data=False)"
)
_BROADCASTING = {"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Where"}


def read(path: Path) -> OnnxModel:
    """Reads a file.

    Raises:
        InputError: There is no such file.
        ModelError: It is no ONNX model, keeps weights in other files, is of an opset that cannot be
            read, has weights that are not finite, or an input that is not float32 or not of fixed
            shape.
    """
    try:
        require_regular(path)
        proto = onnx.load_model(path, load_external_data=False)
        if any(row.data_location == onnx.TensorProto.EXTERNAL for row in proto.graph.initializer):
            raise ModelError(_EXTERNAL.format(path=path))
        onnx.checker.check_model(proto)
    except ModelError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except onnx.checker.ValidationError as error:
        raise ModelError(f"{path} breaks ONNX's rules ({one_line(error, 200)})") from None
    except Exception as error:  # a file of others: DecodeError, ...
        raise ModelError(f"{path} is not an ONNX model ({one_line(error, 200)})") from None
    proto = _of_known_opset(proto, path)
    graph = proto.graph
    constants = {row.name: _array(row, path) for row in graph.initializer}
    inputs = [row for row in graph.input if row.name not in constants]
    if not inputs or not graph.output:
        raise ModelError(f"{path} has {len(inputs)} inputs and {len(graph.output)} outputs")
    shapes = tuple(_shape(row, path) for row in inputs)
    if len({shape[0] for shape in shapes}) != 1:
        raise ModelError(
            f"{path} takes inputs of different batches: export it for inputs of the same one"
        )
    nodes = tuple(_node(row, number) for number, row in enumerate(graph.node))
    names = tuple(row.name for row in inputs)
    outputs = tuple(row.name for row in graph.output)
    written = OnnxModel(nodes, constants, names, shapes, outputs, proto)
    try:
        model = _simplified(written)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    for stage in (written, model):
        require_finite(_needed(stage), path)
    return model


def _of_known_opset(proto: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The same model with the operators of opset 15, if it has older ones."""
    version = max(row.version for row in proto.opset_import if row.domain in ("", "ai.onnx"))
    if version >= _OPSET:
        return proto
    try:
        return onnx.version_converter.convert_version(proto, _OPSET)
    except Exception as error:  # whatever ONNX's own converter raises
        raise ModelError(
            f"{path} is of opset {version}, and ONNX cannot make it one of {_OPSET} "
            f"({one_line(error, 150)}): export it again with opset_version={_OPSET}"
        ) from None


def _array(tensor: onnx.TensorProto, path: Path) -> NDArray[Any]:
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # NumPy's and ONNX's own, of types and sizes that are none
        raise ModelError(
            f"{path} has weights {tensor.name} that are not of their type and shape "
            f"({one_line(error, 150)})"
        ) from None


def _shape(value: onnx.ValueInfoProto, path: Path) -> tuple[int | None, ...]:
    kind = value.type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT:
        raise ModelError(f"{path} takes an input that is not float32: export the float network")
    sizes = [row.dim_value if row.dim_value > 0 else None for row in kind.shape.dim]
    if len(sizes) < 2 or None in sizes[1:]:
        raise ModelError(
            f"{path} takes inputs of variable size {tuple(sizes)}: export it for an input of fixed "
            "shape, with at most the batch among dynamic_axes"
        )
    return tuple(sizes)


def _node(proto: onnx.NodeProto, number: int) -> Node:
    attributes = {row.name: onnx.helper.get_attribute_value(row) for row in proto.attribute}
    kind = proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}"
    name = proto.name or f"{kind}_{number}"
    return Node(kind, name, tuple(proto.input), tuple(proto.output), attributes, proto)


def _simplified(model: OnnxModel) -> OnnxModel:
    for step in (
        _without_copies,
        _without_detours,
        _with_softmaxes,
        _with_shapes,
        _folded,
        with_signs,
        with_gelus,
        _needed,
    ):
        model = step(model)
    return model


def _renamed(model: OnnxModel, aliases: dict[str, str]) -> OnnxModel:
    """The model with tensors read under other names."""

    def final(name: str) -> str:
        while name in aliases:
            name = aliases[name]
        return name

    nodes = tuple(
        replace(node, inputs=tuple(final(name) for name in node.inputs)) for node in model.nodes
    )
    return replace(model, nodes=nodes, outputs=tuple(final(name) for name in model.outputs))


def _without_copies(model: OnnxModel) -> OnnxModel:
    readers: dict[str, set[str]] = {}
    for node in model.nodes:
        for name in node.inputs:
            readers.setdefault(name, set()).add(node.kind)
    copies = [
        node
        for node in model.nodes
        if node.kind in ("Identity", "Dropout")
        or (node.kind == "Expand" and readers.get(node.outputs[0], set()) <= _BROADCASTING)
    ]
    return _renamed(model, {node.outputs[0]: node.inputs[0] for node in copies})


def _with_softmaxes(model: OnnxModel) -> OnnxModel:
    """With one node for Softmax before opset 13, which is of all axes from one on, together.

    Where ONNX's converter of opsets cannot tell how many axes there are, it writes Flatten, Softmax
    and Reshape, which would put the inputs of a batch together.
    """
    makers = {name: node for node in model.nodes for name in node.outputs}
    nodes = (_softmax_of(node, makers) or node for node in model.nodes)
    return _needed(replace(model, nodes=tuple(nodes)))


def _softmax_of(node: Node, makers: Mapping[str, Node]) -> Node | None:
    """Softmax of what is flattened for it, if a node brings its result back into shape."""
    if node.kind != "Reshape":
        return None
    softmax, shape = (makers.get(name) for name in node.inputs)
    if softmax is None or shape is None or softmax.kind not in ("Softmax", "LogSoftmax"):
        return None
    flat = makers.get(softmax.inputs[0])
    if flat is None or (flat.kind, shape.kind, flat.inputs) != ("Flatten", "Shape", shape.inputs):
        return None
    together = {"axis": flat.attributes.get("axis", 1), "together": True}
    return replace(softmax, inputs=flat.inputs, outputs=node.outputs, attributes=together)


def _with_shapes(model: OnnxModel) -> OnnxModel:
    """With the results of Shape in its place; a batch of any size counts as 1."""
    shapes, others = _shapes(model, 1), _shapes(model, SEVERAL)
    constants, several, kept = dict(model.constants), {}, []
    for node in model.nodes:
        given = node.proto.input[0] if node.proto.input else ""
        sizes = shapes.get(given, [])
        if node.kind != "Shape" or not sizes or not all(sizes):
            kept.append(node)
            continue
        part, (name,) = node.part_of_shape, node.outputs
        constants[name] = np.array(sizes[part], np.int64)
        if others[given][part] != sizes[part]:
            several[name] = np.array(others[given][part], np.int64)
    return replace(model, nodes=tuple(kept), constants=constants, several=several)


def _shapes(model: OnnxModel, batch: int) -> dict[str, list[int]]:
    """Sizes of tensors by their names in the file, 0 for unknown ones, for so many inputs."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for value in proto.graph.input:
        if value.name in model.inputs:
            shape = model.input_shapes[model.inputs.index(value.name)]
            value.type.tensor_type.shape.dim[0].dim_value = shape[0] or batch
    del proto.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    return {
        value.name: [row.dim_value for row in value.type.tensor_type.shape.dim]
        for value in [*graph.value_info, *graph.input]
    }


def _without_detours(model: OnnxModel) -> OnnxModel:
    """``a - b + b``, ``b + (a - b)`` and ``a + b - b`` are a, up to rounding."""
    makers = {name: node for node in model.nodes for name in node.outputs}
    aliases = {}
    for node in model.nodes:
        if node.kind not in ("Add", "Sub"):
            continue
        first, second = node.inputs
        pairs = [(first, second), (second, first)] if node.kind == "Add" else [(first, second)]
        for inner, other in pairs:
            maker = makers.get(inner)
            opposite = "Sub" if node.kind == "Add" else "Add"
            if maker is None or maker.kind != opposite or other not in maker.inputs:
                continue
            place = 1 - maker.inputs.index(other)
            if maker.kind == "Add" or place == 0:
                aliases[node.outputs[0]] = maker.inputs[place]
    return _needed(_renamed(model, aliases))


def _needed(model: OnnxModel) -> OnnxModel:
    """Without nodes that no output needs."""
    wanted, kept = {*model.outputs}, []
    for node in reversed(model.nodes):
        if wanted & set(node.outputs):
            kept.append(node)
            wanted |= set(node.inputs)
    return replace(model, nodes=tuple(reversed(kept)))


def _folded(model: OnnxModel) -> OnnxModel:
    """With the results of nodes that read constants alone in their place."""
    constants, several, kept = dict(model.constants), dict(model.several), []
    for node in model.nodes:
        if node.reads_only(constants):
            constants |= evaluated(node, constants, model.opsets)
            several |= evaluated_for_several(node, constants, several, model.opsets)
        else:
            kept.append(node)
    return replace(model, nodes=tuple(kept), constants=constants, several=several)
