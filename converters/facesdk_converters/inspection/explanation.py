"""What a model file really holds, operator by operator, and why.

Everything is read from the flatbuffer; the Keras model it was made from, where it is at hand, only
gives names and reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facesdk.models.bundle import ModelBundle
from facesdk_converters.targets.target import Remark, no_remark
from facesdk_converters.tflite import operators
from facesdk_converters.tflite.operators import BITS, Graph, Operator

_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One operator.

    Attributes:
        layer: Name of the Keras layer it comes from; of its output tensor where that is not known.
        kind: Class of that layer; empty where it is not known.
        operator: What it became.
        input_shape: Shape of its input, with the file's batch.
        output_shape: Shape of its output.
        weight_bits: Bits of a weight; None for an operator without weights.
        activation_bits: Bits of an input value.
        output_bits: Bits of an output value.
        bytes: Bytes of its constants: weights, biases, scales, shapes.
        multiply_adds: Products summed for one input.
        remark: Why it is in float or was not folded, and what to change; empty if all is well.
    """

    layer: str
    kind: str
    operator: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    weight_bits: int | None
    activation_bits: int
    output_bits: int
    bytes: int
    multiply_adds: int
    remark: str

    @property
    def precision(self) -> str:
        """Bits of weights x bits of activations, for example "1x32"; empty without weights."""
        return f"{self.weight_bits}x{self.activation_bits}" if self.weight_bits else ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A model file, explained.

    Attributes:
        rows: Its operators, in order.
        folded: Names of the Keras layers with no operator of their own, by class.
        bytes_by_kind: Bytes of the file by what they are for; their sum is the file's size.
        multiply_adds: Products summed for one input, by bits of weights x activations.
        file_bytes: Size of the file.
        float32_bytes: Size of the same network with 32 bits a weight.
        float32_measured: Whether that is the size of a float32 file that was made; else it is
            this file's with 4 bytes a weight.
    """

    rows: tuple[Row, ...]
    folded: Mapping[str, tuple[str, ...]]
    bytes_by_kind: Mapping[str, int]
    multiply_adds: Mapping[str, int]
    file_bytes: int
    float32_bytes: int
    float32_measured: bool

    @property
    def compression(self) -> float:
        """How many times smaller the file is than in float32."""
        return self.float32_bytes / self.file_bytes

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {**asdict(self), "compression": round(self.compression, 3)}


def explain_file(path: Path) -> Explanation:
    """Explains a model file on its own: without reasons, which need the Keras model.

    Raises:
        ModelError: It is not a TFLite model.
    """
    return explain(ModelBundle.load(path).content, name=path)


def explain(
    content: bytes,
    *,
    name: str | Path,
    model: Any = None,
    remark: Remark = no_remark,
    float32_bytes: int | None = None,
) -> Explanation:
    """Explains a model file.

    Args:
        content: The ``.tflite`` file.
        name: What error messages call it.
        model: The Keras model that it was made from.
        remark: Gives the reasons, for operators whose layer is known.
        float32_bytes: Size of a float32 file of that model.

    Raises:
        ModelError: It is not a TFLite model.
    """
    graph = operators.read(content, name=name)
    layers: Mapping[int, Any] = {}
    if model is not None:
        from facesdk_converters.inspection.layer_map import layers_by_operator

        layers = layers_by_operator(graph, model)
    sizes = _sizes(graph)
    rows = []
    for place, operator in enumerate(graph.operators):
        layer = layers.get(place)
        words = remark(operator, _producer(graph, operator), layer) if layer is not None else ""
        rows.append(_row(operator, layer, sizes[place], words))
    counts: Counter[str] = Counter()
    for row in rows:
        if row.multiply_adds:
            counts[row.precision] += row.multiply_adds
    return Explanation(
        rows=tuple(rows),
        folded=_folded(model, layers),
        bytes_by_kind=_bytes_by_kind(graph),
        multiply_adds=dict(counts),
        file_bytes=graph.file_bytes,
        float32_bytes=float32_bytes or _with_float_weights(graph),
        float32_measured=float32_bytes is not None,
    )


def _row(operator: Operator, layer: Any, size: int, remark: str) -> Row:
    data, output = operator.data, operator.outputs[0]
    return Row(
        layer=layer.name if layer is not None else output.name.partition(";")[0],
        kind=type(layer).__name__ if layer is not None else "",
        operator=operator.name,
        input_shape=data.shape if data is not None else (),
        output_shape=output.shape,
        weight_bits=operator.weight_bits,
        activation_bits=operator.activation_bits,
        output_bits=BITS[output.type],
        bytes=size,
        multiply_adds=operator.multiply_adds,
        remark=remark,
    )


def _producer(graph: Graph, operator: Operator) -> Operator | None:
    if operator.data is None:
        return None
    index = operator.data.index
    return next(
        (row for row in graph.operators if any(index == out.index for out in row.outputs)), None
    )


def _folded(model: Any, layers: Mapping[int, Any]) -> Mapping[str, tuple[str, ...]]:
    if model is None:
        return {}
    from facesdk_training.keras.loading import layers_of

    present = {layer.name for layer in layers.values()}
    folded: dict[str, tuple[str, ...]] = {}
    for layer in layers_of(model):
        kind = type(layer).__name__
        if layer.name not in present and kind != "InputLayer":
            folded[kind] = (*folded.get(kind, ()), layer.name)
    return folded


def _sizes(graph: Graph) -> list[int]:
    """Bytes of each operator's constants; a constant counts where it is used first."""
    seen: set[int] = set()
    sizes = []
    for operator in graph.operators:
        constants = {
            row.index: row for row in operator.inputs if row is not None and row.is_constant
        }
        sizes.append(sum(row.data.size for key, row in constants.items() if key not in seen))
        seen |= set(constants)
    return sizes


def _kernels(graph: Graph) -> list[Operator]:
    """Operators with constant weights, one for each tensor of weights."""
    found: dict[int, Operator] = {}
    for operator in graph.operators:
        if operator.weights is not None and operator.weights.is_constant:
            found.setdefault(operator.weights.index, operator)
    return list(found.values())


def _bytes_by_kind(graph: Graph) -> Mapping[str, int]:
    sizes: Counter[str] = Counter()
    for operator in _kernels(graph):
        if operator.weights is not None:
            sizes[f"{operator.weight_bits}-bit weights"] += operator.weights.data.size
    sizes["biases, scales and other constants"] = sum(_sizes(graph)) - sum(sizes.values())
    sizes["metadata and contract"] = graph.metadata_bytes
    sizes["graph"] = graph.file_bytes - sum(sizes.values())
    return dict(sizes)


def _with_float_weights(graph: Graph) -> int:
    stored = sum(row.weights.data.size for row in _kernels(graph) if row.weights is not None)
    return (
        graph.file_bytes - stored + _FLOAT_BYTES * sum(row.weight_count for row in _kernels(graph))
    )
