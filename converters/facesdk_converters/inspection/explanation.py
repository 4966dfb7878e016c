"""What a model file really holds, operator by operator, and why.

Everything is read from the file's graph; the network it was made from, where it is at hand, only
gives names and reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from facesdk.tflite import macs
from facesdk.tflite.graph import Graph, Operator, Tensor
from facesdk_converters.inspection.layer_map import layers_by_operator, name_of

if TYPE_CHECKING:  # sources load TensorFlow, which a model file alone does not need
    from facesdk_converters.sources.network import Network

_FLOAT_BYTES = 4

_PREPARES = ("ADD", "DEQUANTIZE", "MUL", "PAD", "PADV2", "QUANTIZE", "RESHAPE", "SUB")
"""What a network does with its input before the first layer with weights."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What to remark on.

    Attributes:
        operator: An operator.
        layer: The Keras layer it comes from.
        makers: The operator that writes each tensor, by the tensor's index.
        translated: Whether that layer is a translation of something else, which has none of Keras's
            arguments.
    """

    operator: Operator
    layer: Any
    makers: Mapping[int, Operator]
    translated: bool = False

    def maker(self, tensor: Tensor | None) -> Operator | None:
        """The operator that writes a tensor; None for an input of the network and a constant."""
        return None if tensor is None else self.makers.get(tensor.index)

    def before(self) -> Iterator[Operator]:
        """The operators on its way from the network's input, nearest first.

        Of several inputs that are no constants, by the first.
        """
        found = self.maker(self.operator.data)
        while found is not None:
            yield found
            found = self.maker(found.data)

    @property
    def producer(self) -> Operator | None:
        """The operator that writes its input; None for the network's input.

        Of an operator with weights, the next one before it that is none of padding and arithmetic.
        """
        weighted = self.operator.weights is not None
        found = (row for row in self.before() if not weighted or row.name not in _PREPARES)
        return next(found, None)


Remark = Callable[[Subject], str]
"""Why an operator is no better, and what to change; empty if all is well."""


def no_remark(subject: Subject) -> str:
    """The remark of targets that promise nothing."""
    return ""


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
        float32_bytes: Size of the same network with 32 bits per weight.
        float32_measured: Whether that is the size of a float32 file that was made; else it is
            this file's with 4 bytes per weight.
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


def explain(
    graph: Graph,
    *,
    network: Network | None = None,
    remark: Remark = no_remark,
    float32_bytes: int | None = None,
) -> Explanation:
    """Explains a model file.

    Args:
        graph: What is in the file.
        network: What it was made from; without it there are no reasons.
        remark: Gives the reasons, for operators whose layer is known.
        float32_bytes: Size of a float32 file of that network.
    """
    layers = {} if network is None else layers_by_operator(graph, network)
    makers = {tensor.index: row for row in graph.operators for tensor in row.outputs}
    sizes = _sizes(graph)
    rows = []
    for operator, size in zip(graph.working, sizes, strict=True):
        layer = layers.get(operator.index)
        name = words = ""
        if layer is not None and network is not None:
            name = name_of(layer, network)
            words = remark(Subject(operator, layer, makers, network.translated))
        rows.append(_row(operator, layer, name, size, words))
    return Explanation(
        rows=tuple(rows),
        folded={} if network is None else _folded(network, layers),
        bytes_by_kind=_bytes_by_kind(graph),
        multiply_adds=macs.totals(graph.working, macs.stored),
        file_bytes=graph.file_bytes,
        float32_bytes=float32_bytes or _with_float_weights(graph),
        float32_measured=float32_bytes is not None,
    )


def _row(operator: Operator, layer: Any, name: str, size: int, remark: str) -> Row:
    data, output = operator.data, next(iter(operator.outputs), None)
    written = output.name.partition(";")[0] if output is not None else ""
    return Row(
        layer=name or written,
        kind=type(layer).__name__ if layer is not None else "",
        operator=operator.name,
        input_shape=data.shape if data is not None else (),
        output_shape=output.shape if output is not None else (),
        weight_bits=operator.weight_bits,
        activation_bits=operator.activation_bits,
        output_bits=output.bits if output is not None else 0,
        bytes=size,
        multiply_adds=macs.stored(operator).count,
        remark=remark,
    )


def _folded(network: Network, layers: Mapping[int, Any]) -> Mapping[str, tuple[str, ...]]:
    seen = {id(layer) for layer in layers.values()}
    folded: dict[str, tuple[str, ...]] = {}
    for layer in network.layers:
        kind = type(layer).__name__
        if id(layer) not in seen and kind != "InputLayer":
            folded[kind] = (*folded.get(kind, ()), name_of(layer, network))
            seen.add(id(layer))
    return folded


def _sizes(graph: Graph) -> list[int]:
    """Bytes of each operator's constants; a constant counts where it is used first."""
    seen: set[int] = set()
    sizes = []
    for operator in graph.working:
        constants = {row.index: row for row in operator.stored if row is not None and row.constant}
        sizes.append(sum(len(row.data) for key, row in constants.items() if key not in seen))
        seen |= set(constants)
    return sizes


def _kernels(graph: Graph) -> list[Operator]:
    """Operators with constant weights, one for each tensor of weights."""
    found: dict[int, Operator] = {}
    for operator in graph.working:
        if operator.weights is not None and operator.weights.constant:
            found.setdefault(operator.weights.index, operator)
    return list(found.values())


def _bytes_by_kind(graph: Graph) -> Mapping[str, int]:
    sizes: Counter[str] = Counter()
    for operator in _kernels(graph):
        if operator.weights is not None:
            sizes[f"{operator.weight_bits}-bit weights"] += len(operator.weights.data)
    sizes["biases, scales and other constants"] = sum(_sizes(graph)) - sum(sizes.values())
    sizes["metadata and contract"] = graph.metadata_bytes
    sizes["graph"] = graph.file_bytes - sum(sizes.values())
    return dict(sizes)


def _with_float_weights(graph: Graph) -> int:
    stored = sum(len(row.weights.data) for row in _kernels(graph) if row.weights is not None)
    return (
        graph.file_bytes - stored + _FLOAT_BYTES * sum(row.weight_count for row in _kernels(graph))
    )
