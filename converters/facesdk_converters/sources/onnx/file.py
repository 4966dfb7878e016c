"""What an ONNX file says, made plain: constants known, training's detours gone, signs recognised.

Binarized PyTorch networks take signs with the gradient of something else, and write that as a sum:
``sign(x).detach() - clip(x).detach() + clip(x)``. In the file it is arithmetic whose value is the
sign, up to rounding, and so it is replaced by it. What is a sign then is seen from the operators:
``Sign``, ``Where(x >= 0, 1, -1)``, ``2 * Cast(x > 0) - 1`` and ``Sign(Sign(x) + 0.1)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from facesdk.errors import InputError, ModelError, one_line
from facesdk.files import require_regular

SIGN_OF_ZERO_IS_ONE, SIGN_OF_ZERO_IS_MINUS_ONE, SIGN_OF_ZERO_IS_ZERO = "AtLeast", "Above", "Sign"
"""Kinds of recognised signs: +1 where x >= 0, +1 where x > 0, and ONNX's own."""

SIGNS = (SIGN_OF_ZERO_IS_ONE, SIGN_OF_ZERO_IS_MINUS_ONE, SIGN_OF_ZERO_IS_ZERO)
_OPSET = 15
"""Before 14 a BatchNormalization may also train, and ONNX's reference then updates its mean."""
_EXTERNAL = (
    "{path} keeps weights in other files: save it with them inside, "
    "onnx.save_model(onnx.load(PATH), OTHER, save_as_external_data=False)"
)
_BROADCASTING = {"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Where"}
_KEEP_ZEROS = ("MaxPool", "Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Transpose")


@dataclass(frozen=True, slots=True)
class Node:
    """An operator of the graph.

    Attributes:
        kind: Its type, ``Conv`` for example, or one of :data:`SIGNS`.
        name: Its name; never empty.
        inputs: Names of the tensors that it takes; empty for those left out.
        outputs: Names of those that it makes.
        attributes: Numbers, lists, text and arrays by name.
        proto: The operator as it is in the file.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: onnx.NodeProto


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A graph.

    Attributes:
        nodes: What is needed for the outputs, in order of execution.
        constants: Arrays by name.
        inputs: Names of the inputs.
        input_shapes: Their shapes, the batch included; the batch is None where any will do.
        outputs: Names of the tensors that are the outputs.
        proto: The file.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any]]
    inputs: tuple[str, ...]
    input_shapes: tuple[tuple[int | None, ...], ...]
    outputs: tuple[str, ...]
    proto: onnx.ModelProto

    def maker(self, tensor: str) -> Node | None:
        """The node that computes a tensor; None for an input or a constant."""
        return next((node for node in self.nodes if tensor in node.outputs), None)


def read(path: Path) -> OnnxModel:
    """Reads a file.

    Raises:
        InputError: There is no such file.
        ModelError: It is no ONNX model, keeps weights in other files, is of an opset that cannot be
            read, or has an input that is not float32 or not of fixed shape.
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
    constants = {row.name: numpy_helper.to_array(row) for row in graph.initializer}
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
    return _simplified(OnnxModel(nodes, constants, names, shapes, outputs, proto))


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


def _shape(value: onnx.ValueInfoProto, path: Path) -> tuple[int | None, ...]:
    kind = value.type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT:
        raise ModelError(f"{path} takes an input that is not float32: export the float network")
    sizes = [row.dim_value if row.HasField("dim_value") else None for row in kind.shape.dim]
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
    for step in (_without_copies, _without_detours, _with_shapes, _folded, _with_signs, _needed):
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


def _with_shapes(model: OnnxModel) -> OnnxModel:
    """With the results of Shape in its place; a batch of any size counts as 1."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for value in proto.graph.input:
        if value.name in model.inputs:
            shape = model.input_shapes[model.inputs.index(value.name)]
            value.type.tensor_type.shape.dim[0].dim_value = shape[0] or 1
    del proto.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    shapes = {
        value.name: [row.dim_value for row in value.type.tensor_type.shape.dim]
        for value in [*graph.value_info, *graph.input]
    }
    constants, kept = dict(model.constants), []
    for node in model.nodes:
        sizes = shapes.get(node.proto.input[0] if node.proto.input else "", [])
        if node.kind == "Shape" and sizes and all(sizes):
            constants[node.outputs[0]] = np.array(sizes, np.int64)
        else:
            kept.append(node)
    return replace(model, nodes=tuple(kept), constants=constants)


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
    constants, kept = dict(model.constants), []
    versions = {row.domain: row.version for row in model.proto.opset_import}
    for node in model.nodes:
        given = [name for name in node.inputs if name]
        if all(name in constants for name in given) and "Random" not in node.kind:
            evaluator = ReferenceEvaluator(node.proto, opsets=versions)
            renamed = dict(zip(node.proto.input, node.inputs, strict=True))
            feeds = {old: constants[new] for old, new in renamed.items() if old}
            results = evaluator.run(None, feeds)
            for name, values in zip(node.outputs, results, strict=True):
                constants[name] = np.asarray(values)
        else:
            kept.append(node)
    return replace(model, nodes=tuple(kept), constants=constants)


def _with_signs(model: OnnxModel) -> OnnxModel:
    """With one node of :data:`SIGNS` in place of each way to write a sign."""
    nodes = []
    for node in model.nodes:
        found = next((row for form in _FORMS if (row := form(model, node)) is not None), None)
        if found is None:
            nodes.append(node)
        else:
            kind, source = found
            nodes.append(replace(node, kind=kind, inputs=(source,)))
    return replace(model, nodes=tuple(nodes))


def _constant(model: OnnxModel, name: str) -> float | None:
    """The value of a constant of equal numbers."""
    values = model.constants.get(name)
    if values is None or values.size == 0 or not (values == values.flat[0]).all():
        return None
    return float(values.flat[0])


def _above_zero(model: OnnxModel, name: str) -> tuple[str, str, bool] | None:
    """The kind of a comparison with 0, what is compared, and whether it is true below."""
    node = model.maker(name)
    kinds = {
        "GreaterOrEqual": (SIGN_OF_ZERO_IS_ONE, False),
        "Greater": (SIGN_OF_ZERO_IS_MINUS_ONE, False),
        "Less": (SIGN_OF_ZERO_IS_ONE, True),
        "LessOrEqual": (SIGN_OF_ZERO_IS_MINUS_ONE, True),
    }
    if node is not None and node.kind == "Not":
        inner = _above_zero(model, node.inputs[0])
        return None if inner is None else (inner[0], inner[1], not inner[2])
    if node is None or node.kind not in kinds or _constant(model, node.inputs[1]) != 0:
        return None
    kind, below = kinds[node.kind]
    return kind, node.inputs[0], below


def _chosen(model: OnnxModel, node: Node) -> tuple[str, str] | None:
    """``Where(x >= 0, 1, -1)``."""
    if node.kind != "Where" or (found := _above_zero(model, node.inputs[0])) is None:
        return None
    kind, source, below = found
    values = [_constant(model, name) for name in node.inputs[1:]]
    return (kind, source) if values == ([-1, 1] if below else [1, -1]) else None


def _stretched(model: OnnxModel, node: Node) -> tuple[str, str] | None:
    """``2 * Cast(x > 0) - 1``, also with its factor or its sum on the other side."""
    if node.kind not in ("Sub", "Add"):
        return None
    offset = 1.0 if node.kind == "Sub" else -1.0
    scaled = next((n for n in node.inputs if _constant(model, n) is None), "")
    other = [name for name in node.inputs if name != scaled]
    product = model.maker(scaled)
    if product is None or product.kind != "Mul" or [_constant(model, n) for n in other] != [offset]:
        return None
    cast = [name for name in product.inputs if _constant(model, name) is None]
    if len(cast) != 1 or 2.0 not in [_constant(model, name) for name in product.inputs]:
        return None
    step = model.maker(cast[0])
    if step is None or step.kind != "Cast":
        return None
    found = _above_zero(model, step.inputs[0])
    return None if found is None or found[2] else found[:2]


def _of_a_sign(model: OnnxModel, node: Node) -> tuple[str, str] | None:
    """``Sign(Sign(x) + 0.1)``, which Larq writes."""
    if node.kind != "Sign" or (sum_ := model.maker(node.inputs[0])) is None or sum_.kind != "Add":
        return None
    for inner, other in (sum_.inputs, sum_.inputs[::-1]):
        sign, offset = model.maker(inner), _constant(model, other)
        if sign is not None and sign.kind == "Sign" and offset is not None and 0 < offset < 1:
            return SIGN_OF_ZERO_IS_ONE, sign.inputs[0]
    return None


def _of_a_clip(model: OnnxModel, node: Node) -> tuple[str, str] | None:
    """``Sign(Clip(x, -1, 1))`` is the sign of x."""
    clip = model.maker(node.inputs[0]) if node.kind == "Sign" else None
    if clip is None or clip.kind != "Clip":
        return None
    low, high = clip_bounds(model, clip)
    return (SIGN_OF_ZERO_IS_ZERO, clip.inputs[0]) if low < 0 < high else None


_FORMS: tuple[Callable[[OnnxModel, Node], tuple[str, str] | None], ...] = (
    _chosen,
    _stretched,
    _of_a_sign,
    _of_a_clip,
)


def clip_bounds(model: OnnxModel, node: Node) -> tuple[float, float]:
    """The bounds of a Clip: inputs since opset 11, attributes before."""
    bounds = [node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)]
    for place, name in enumerate(node.inputs[1:3]):
        if name:
            bounds[place] = float(model.constants[name])
    return float(bounds[0]), float(bounds[1])


def gives_zeros(model: OnnxModel, tensor: str) -> str:
    """The node that makes many values of a tensor exactly 0, of which ONNX's sign is 0; or ""."""
    for node in _backwards(model, tensor):
        if node.kind == "Relu" or (node.kind == "Clip" and clip_bounds(model, node)[0] == 0):
            return f"{node.kind} {node.name}"
        if node.kind == "Pad" and node.attributes.get("mode", b"constant") == b"constant":
            return f"{node.kind} {node.name}"
    return ""


def is_sum_of_signs(model: OnnxModel, tensor: str) -> bool:
    """Whether it is a sum of two signs, which is 0 where they differ: ternary quantizers."""
    node = model.maker(tensor)
    if node is None or node.kind not in ("Add", "Sub"):
        return False
    makers = [model.maker(name) for name in node.inputs]
    return all(maker is not None and maker.kind in SIGNS for maker in makers)


def _backwards(model: OnnxModel, tensor: str) -> Iterator[Node]:
    """A tensor's maker, and those before it while they keep values as they are."""
    node = model.maker(tensor)
    while node is not None:
        yield node
        if node.kind not in _KEEP_ZEROS:
            return
        node = model.maker(node.inputs[0])
