"""The one editable form of a ``.tflite`` file: everything in it, to be changed and written again.

:mod:`facesdk.tflite.graph` reads what a model computes; this changes it. The rows of the tree are
the objects of TensorFlow Lite's ``schema.fbs``, as ``schema_py_generated`` has them. Tensors,
buffers and operator codes are numbers in lists, so that whoever adds one gets its number, and
:meth:`Tree.compact` takes out, once for all, what nothing refers to any more.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike, NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import METADATA_NAME, Contract
from facesdk.results import FloatArray
from facesdk.tflite.operators import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
from facesdk.tflite.schema import BUILTIN_OPERATORS, CUSTOM, TYPES, builtin_operator, tensor_type

_SCHEMA_VERSION = 3
_FLOAT32 = "float32"
_TYPE_CODES = {name: code for code, (name, _) in enumerate(TYPES)}
_LAST_OLD_CODE = 127
"""Readers of before 2020 take an operator's code from a field of 8 bits; larger ones say this."""

CHANNEL_AXES = {CONV_2D: 0, DEPTHWISE_CONV_2D: 3, FULLY_CONNECTED: 0}
"""The operators with weights, each with the axis of the weights that counts output channels."""


class Tree:
    """A model file under construction or repair.

    What concerns operators and tensors is that of the only subgraph; a contract can be given to a
    model of several (control flow) as well.

    Args:
        model: The rows, changed in place. :meth:`of` reads them from a file, :meth:`empty` has
            none.
    """

    def __init__(self, model: schema.ModelT) -> None:
        self.model = model

    @staticmethod
    def of(bundle: ModelBundle) -> Tree:
        """The tree of a verified model file."""
        return Tree(schema.ModelT.InitFromPackedBuf(bundle.content))

    @staticmethod
    def empty(description: str) -> Tree:
        """A model without a tensor.

        Args:
            description: What the file says it is.
        """
        graph = schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[], name="main")
        return Tree(
            schema.ModelT(
                version=_SCHEMA_VERSION,
                operatorCodes=[],
                subgraphs=[graph],
                description=description,
                buffers=[schema.BufferT()],  # number 0 is that of tensors without values
            )
        )

    def copy(self) -> Tree:
        """Another tree of the same content."""
        return Tree(copy.deepcopy(self.model))

    @property
    def _graph(self) -> schema.SubGraphT:
        if len(self.model.subgraphs) != 1:
            raise ModelError("a model with several subgraphs (control flow) cannot be converted")
        return self.model.subgraphs[0]

    @property
    def tensors(self) -> list[schema.TensorT]:
        """All tensors, by their numbers."""
        tensors: list[schema.TensorT] = self._graph.tensors
        return tensors

    @property
    def operators(self) -> list[schema.OperatorT]:
        """The operators in order of execution; assign to change them."""
        operators: list[schema.OperatorT] = self._graph.operators
        return operators

    @operators.setter
    def operators(self, operators: list[schema.OperatorT]) -> None:
        self._graph.operators = operators

    @property
    def inputs(self) -> list[int]:
        """Tensors that the user sets; assign to change them."""
        return [int(tensor) for tensor in self._graph.inputs]

    @inputs.setter
    def inputs(self, inputs: list[int]) -> None:
        self._graph.inputs = inputs

    @property
    def outputs(self) -> list[int]:
        """Tensors that the user reads; assign to change them."""
        return [int(tensor) for tensor in self._graph.outputs]

    @outputs.setter
    def outputs(self, outputs: list[int]) -> None:
        self._graph.outputs = outputs

    def kind(self, operator: schema.OperatorT) -> str:
        """Name of an operator: ``CONV_2D``, as in the schema, or that of a custom operator."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        return _text(code.customCode) or builtin_operator(_builtin(code))

    def name(self, tensor: int) -> str:
        """Name of a tensor."""
        return _text(self.tensors[tensor].name)

    def type_name(self, tensor: int) -> str:
        """Type of a tensor, for example ``float32``."""
        return tensor_type(self.tensors[tensor].type)[0]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor as allocated by default."""
        sizes = self.tensors[tensor].shape
        return () if sizes is None else tuple(int(size) for size in sizes)

    def is_open(self, tensor: int, axis: int) -> bool:
        """Whether the size of an axis is known when the model runs only."""
        sizes = self.tensors[tensor].shapeSignature
        return sizes is not None and len(sizes) > axis and int(sizes[axis]) < 0

    def data(self, tensor: int) -> bytes:
        """The bytes of a constant; empty for a tensor that is computed or given."""
        data = self.model.buffers[self.tensors[tensor].buffer].data
        return b"" if data is None else bytes(data)

    def values(self, tensor: int) -> FloatArray:
        """Values of a float32 constant, read-only (see :meth:`is_float_constant`)."""
        return np.frombuffer(self.data(tensor), "<f4").reshape(self.shape(tensor))

    def is_constant(self, tensor: int) -> bool:
        """Whether a tensor has values in the file; -1, an input left out, has none."""
        if tensor < 0:
            return False
        data = self.model.buffers[self.tensors[tensor].buffer].data
        return data is not None and len(data) > 0

    def is_float_constant(self, tensor: int) -> bool:
        """Whether a tensor is a float32 constant."""
        return self.is_constant(tensor) and self.type_name(tensor) == _FLOAT32

    def activations(self, operator: schema.OperatorT) -> list[int]:
        """The inputs of an operator that are computed or given, not constants."""
        return [int(t) for t in operator.inputs if t >= 0 and not self.is_constant(int(t))]

    def weighted(self) -> list[schema.OperatorT]:
        """The convolutions and dense layers with constant float32 weights, in order."""
        return [
            operator
            for operator in self.operators
            if self.kind(operator) in CHANNEL_AXES
            and self.is_float_constant(int(operator.inputs[1]))
        ]

    def first_layers(self) -> set[int]:
        """Outputs of the operators up to the first of :meth:`weighted` on each path from inputs."""
        reached = set(self.inputs)
        found: set[int] = set()
        weighted = {id(operator) for operator in self.weighted()}
        for operator in self.operators:
            if reached.intersection(self.activations(operator)):
                outputs = [int(tensor) for tensor in operator.outputs]
                found.update(outputs)
                if id(operator) not in weighted:
                    reached.update(outputs)
        return found

    def open_batch(self, tensors: Iterable[int]) -> None:
        """Says of tensors that their first axis may be resized, also by strict runtimes."""
        for tensor in tensors:
            self.tensors[tensor].shapeSignature = [-1, *self.shape(tensor)[1:]]

    def set_constant(self, tensor: int, values: ArrayLike) -> None:
        """Gives a float32 constant other values of its shape, in a buffer of its own."""
        array = np.ascontiguousarray(values, "<f4").reshape(self.shape(tensor))
        self.tensors[tensor].buffer = self._add_buffer(array)

    def unshare_constants(self) -> None:
        """Gives each operator float32 constants of its own, so that one can be changed alone.

        Converters keep equal constants, the zero biases of two layers for example, once.
        """
        readers: set[int] = set()
        for operator in self.operators:
            inputs = [int(tensor) for tensor in operator.inputs]
            for place, tensor in enumerate(inputs):
                if self.is_float_constant(tensor):
                    if tensor in readers:
                        inputs[place] = self._add_tensor(copy.copy(self.tensors[tensor]))
                    readers.add(tensor)
            operator.inputs = inputs

    def add_activation(
        self,
        name: str,
        shape: Sequence[int],
        signature: Sequence[int] | None = None,
        *,
        type_name: str = _FLOAT32,
    ) -> int:
        """Adds a tensor that is computed or given.

        Args:
            name: Its name.
            shape: Its shape as allocated by default.
            signature: The shape with -1 for each axis that a user may resize; None for none.
            type_name: Its type; signs are ``int32``, the words that they are packed in.

        Returns:
            Its number.
        """
        return self._add_tensor(
            schema.TensorT(
                shape=shape,
                type=_TYPE_CODES[type_name],
                buffer=0,
                name=name,
                shapeSignature=signature,
            )
        )

    def add_integers(
        self, name: str, like: schema.TensorT, type_name: str, scale: float, zero_point: int
    ) -> int:
        """Adds a tensor that is computed or given, of integers that stand for real numbers.

        Args:
            name: Its name.
            like: A tensor of its shape.
            type_name: Its type, for example ``int8``.
            scale: The real number between two neighbouring integers.
            zero_point: The integer that stands for 0.

        Returns:
            Its number.
        """
        quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero_point])
        return self._add_tensor(
            schema.TensorT(
                shape=like.shape,
                type=_TYPE_CODES[type_name],
                buffer=0,
                name=name,
                quantization=quantization,
                shapeSignature=like.shapeSignature,
            )
        )

    def add_constant(
        self,
        name: str,
        values: NDArray[Any],
        *,
        type_name: str | None = None,
        shape: Sequence[int] | None = None,
        quantization: schema.QuantizationParametersT | None = None,
    ) -> int:
        """Adds a tensor with its values.

        Args:
            name: Its name.
            values: What the file is to hold: the numbers, or bytes in which they are packed.
            type_name: Its type, for example ``int4``; that of ``values`` if it is left out.
            shape: Its shape; that of ``values`` if it is left out.
            quantization: What the numbers stand for.

        Returns:
            Its number.
        """
        return self._add_tensor(
            schema.TensorT(
                shape=list(values.shape if shape is None else shape),
                type=_TYPE_CODES[type_name or values.dtype.name],
                buffer=self._add_buffer(values),
                name=name,
                quantization=quantization,
            )
        )

    def code(self, kind: str, version: int = 1) -> int:
        """Place of an operator code, added if it is not there.

        Args:
            kind: Name of an operator in the schema, or of a custom operator.
            version: What a runtime must know of it, by TensorFlow Lite's tables; 1 if custom.
        """
        custom = "" if kind in BUILTIN_OPERATORS else kind
        builtin = BUILTIN_OPERATORS.index(CUSTOM if custom else kind)
        for place, code in enumerate(self.model.operatorCodes):
            known = (_builtin(code), _text(code.customCode), code.version)
            if known == (builtin, custom, version):
                return place
        self.model.operatorCodes.append(
            schema.OperatorCodeT(min(builtin, _LAST_OLD_CODE), custom or None, version, builtin)
        )
        return len(self.model.operatorCodes) - 1

    def set_contract(self, contract: Contract) -> None:
        """Writes the contract: one buffer, which an entry of the model's metadata names.

        Runtimes ignore metadata; :class:`facesdk.models.bundle.ModelBundle` reads it. A contract
        that is there is replaced.
        """
        name = METADATA_NAME.encode()
        own = replace(contract, original=None)  # the file is written anew: it is its own original
        data = np.frombuffer(own.to_json().encode(), np.uint8)
        for entry in self.model.metadata or []:
            if entry.name == name:
                self.model.buffers[entry.buffer].data = data
                return
        self.model.metadata = [
            *(self.model.metadata or []),
            schema.MetadataT(name, self._add_buffer(data)),
        ]

    @property
    def metadata_bytes(self) -> int:
        """Bytes of the metadata, the contract among them."""
        buffers = (self.model.buffers[entry.buffer].data for entry in self.model.metadata or [])
        return sum(len(data) for data in buffers if data is not None)

    def drop_metadata(self) -> None:
        """Takes the metadata away: notes of the converter that wrote the file, and a contract."""
        self.model.metadata = None
        self.model.metadataBuffer = None

    def drop_signatures(self) -> None:
        """Takes the named inputs and outputs away, which must fit the graph's own."""
        self.model.signatureDefs = None

    def compact(self) -> None:
        """Drops tensors, buffers and operator codes that nothing refers to; order is kept.

        Runtimes resolve every operator code, and files hold every buffer.
        """
        model = self.model
        for number, graph in enumerate(model.subgraphs):
            self._drop_tensors(number, graph)
        entries = [tensor for graph in model.subgraphs for tensor in graph.tensors]
        entries += model.metadata or []
        notes = _numbers(model.metadataBuffer)
        kept = _renumber(len(model.buffers), {0, *notes, *(entry.buffer for entry in entries)})
        model.buffers = _at(model.buffers, kept)
        for entry in entries:
            entry.buffer = kept[entry.buffer]
        if model.metadataBuffer is not None:
            model.metadataBuffer = [kept[number] for number in notes]
        operators = [operator for graph in model.subgraphs for operator in graph.operators or []]
        codes = _renumber(len(model.operatorCodes), {row.opcodeIndex for row in operators})
        model.operatorCodes = _at(model.operatorCodes, codes)
        for operator in operators:
            operator.opcodeIndex = codes[operator.opcodeIndex]

    def to_bytes(self) -> bytes:
        """The file of the tree: equal trees give equal bytes."""
        return pack(self.model)

    def _add_buffer(self, array: NDArray[Any]) -> int:
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self.model.buffers.append(schema.BufferT(data))
        return len(self.model.buffers) - 1

    def _add_tensor(self, tensor: schema.TensorT) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _drop_tensors(self, number: int, graph: schema.SubGraphT) -> None:
        operators = graph.operators or []
        lists = [(graph, "inputs"), (graph, "outputs")]
        lists += [(op, name) for op in operators for name in ("inputs", "outputs", "intermediates")]
        entries = [
            entry
            for signature in self.model.signatureDefs or []
            if signature.subgraphIndex == number
            for entry in [*(signature.inputs or []), *(signature.outputs or [])]
        ]
        used = {index for owner, name in lists for index in _numbers(getattr(owner, name))}
        kept = _renumber(len(graph.tensors), used | {entry.tensorIndex for entry in entries})
        graph.tensors = _at(graph.tensors, kept)
        for owner, name in lists:
            if getattr(owner, name) is not None:
                setattr(owner, name, [kept.get(i, -1) for i in _numbers(getattr(owner, name))])
        for entry in entries:
            entry.tensorIndex = kept[entry.tensorIndex]


def write_contract(bundle: ModelBundle, contract: Contract) -> bytes:
    """A copy of a model file that carries a contract, and is otherwise equal.

    The whole file is written anew. :func:`facesdk.models.contract_writer.replace_contract`, for
    files that carry one already, changes four bytes and needs no ``convert`` extra.

    Args:
        bundle: The model; a contract it already has is replaced.
        contract: The contract to write.

    Returns:
        Content of the new file: equal arguments give equal bytes.
    """
    tree = Tree.of(bundle)
    tree.set_contract(contract)
    return tree.to_bytes()


def pack(model: schema.ModelT) -> bytes:
    """The file of a model's rows: equal rows give equal bytes."""
    builder = _AlignedBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns byte vectors to 16, as ``force_align`` of the schema demands of buffers.

    Kernels read weights in place, as float32 or wider. flatc's Python code drops ``force_align``,
    so that a packed model may crash where unaligned reads trap (armv7).
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        offset: int = super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)
        return offset


def _builtin(code: schema.OperatorCodeT) -> int:
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _text(words: bytes | str | None) -> str:
    """A string of the tree: bytes where it was read, a str where it was put in."""
    return words.decode(errors="replace") if isinstance(words, bytes) else words or ""


def _numbers(values: Iterable[int] | None) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _renumber(count: int, used: set[int]) -> dict[int, int]:
    """New numbers of the used ones of ``range(count)``."""
    return {old: new for new, old in enumerate(i for i in range(count) if i in used)}


def _at(items: list[Any], kept: dict[int, int]) -> list[Any]:
    return [items[old] for old in kept]
