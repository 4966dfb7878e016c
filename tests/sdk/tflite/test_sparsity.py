"""Sparse tensors: valid ones are read, damaged ones refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.description import describe
from facesdk.tflite import weights
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.verifier import verify
from sdk.tflite.models import file_of

_SEED = 3


def levels(matrix: np.ndarray, kind: str) -> list[schema.DimensionMetadataT]:
    """Rows dense and columns listed, in blocks of four numbers."""
    rows, columns = matrix.shape
    blocks = (matrix.reshape(rows, columns // 4, 4) != 0).any(axis=2)
    listed = [np.flatnonzero(row) for row in blocks]
    segments = np.cumsum([0, *map(len, listed)])
    dtype = {"Int32Vector": np.int32, "Uint16Vector": np.uint16, "Uint8Vector": np.uint8}[kind]

    def vector(values: np.ndarray) -> object:
        made = getattr(schema, f"{kind}T")()
        made.values = values.astype(dtype)
        return made

    tag = getattr(schema.SparseIndexVector, kind)
    return [
        schema.DimensionMetadataT(format=0, denseSize=rows),
        schema.DimensionMetadataT(
            format=1,
            denseSize=0,
            arraySegmentsType=tag,
            arraySegments=vector(segments),
            arrayIndicesType=tag,
            arrayIndices=vector(np.concatenate(listed)),
        ),
        schema.DimensionMetadataT(format=0, denseSize=4),
    ]


def sparse_dense(kind: str = "Uint8Vector") -> schema.ModelT:
    """A dense layer of 16 inputs and 6 outputs, half of whose blocks of weights are zero."""
    rng = np.random.default_rng(_SEED)
    matrix = rng.standard_normal((6, 16)).astype(np.float32)
    kept = np.arange(24).reshape(6, 4) % 2 == 0
    matrix *= np.repeat(kept, 4, axis=1)
    stored = matrix.reshape(6, 4, 4)[kept].reshape(-1)
    float32 = schema.TensorType.FLOAT32
    sparsity = schema.SparsityParametersT(
        traversalOrder=[0, 1, 2], blockMap=[1], dimMetadata=levels(matrix, kind)
    )
    tensors = [
        schema.TensorT(shape=[1, 16], type=float32, buffer=0, name="input"),
        schema.TensorT(shape=[6, 16], type=float32, buffer=1, name="weights", sparsity=sparsity),
        schema.TensorT(shape=[1, 6], type=float32, buffer=0, name="output"),
    ]
    code = schema.BuiltinOperator.FULLY_CONNECTED
    operator = schema.OperatorT(
        opcodeIndex=0,
        inputs=[0, 1, -1],
        outputs=[2],
        builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
        builtinOptions=schema.FullyConnectedOptionsT(),
    )
    graph = schema.SubGraphT(
        tensors=tensors, inputs=[0], outputs=[2], operators=[operator], name="main"
    )
    return schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(code, None, 8, code)],
        subgraphs=[graph],
        buffers=[schema.BufferT(), schema.BufferT(stored.view(np.uint8))],
    )


@pytest.mark.parametrize("kind", ["Int32Vector", "Uint16Vector", "Uint8Vector"])
def test_a_sparse_tensor_is_described(kind: str) -> None:
    bundle = ModelBundle.from_bytes(file_of(sparse_dense(kind)), "sparse")
    description = describe(bundle)
    assert description.constants == {"float32": 12 * 4 * 4}
    assert [row.name for row in description.operators] == ["FULLY_CONNECTED"]
    with pytest.raises(ModelError, match="has 192 bytes of float32"):
        weights.filters(bundle.graph.operators[0])


def _sparsity(tree: schema.ModelT) -> schema.SparsityParametersT:
    return tree.subgraphs[0].tensors[1].sparsity


def _index(tree: schema.ModelT) -> None:
    _sparsity(tree).dimMetadata[1].arrayIndices.values[0] = 200


def _segment(tree: schema.ModelT) -> None:
    _sparsity(tree).dimMetadata[1].arraySegments.values[1] = 250


def _end(tree: schema.ModelT) -> None:
    _sparsity(tree).dimMetadata[1].arraySegments.values[-1] += 1


def _rows(tree: schema.ModelT) -> None:
    _sparsity(tree).dimMetadata[0].denseSize = 1 << 20


def _block(tree: schema.ModelT) -> None:
    _sparsity(tree).dimMetadata[2].denseSize = 0


def _mapped(tree: schema.ModelT) -> None:
    _sparsity(tree).blockMap = [9]


def _order(tree: schema.ModelT) -> None:
    _sparsity(tree).traversalOrder = [0, 1, 7]


def _levels(tree: schema.ModelT) -> None:
    _sparsity(tree).dimMetadata.pop()


def _kind(tree: schema.ModelT) -> None:
    _sparsity(tree).dimMetadata[1].arraySegments = None


def _values(tree: schema.ModelT) -> None:
    tree.buffers[1].data = tree.buffers[1].data[:-4]


@pytest.mark.parametrize(
    "change",
    [_index, _segment, _end, _rows, _block, _mapped, _order, _levels, _kind, _values],
)
def test_a_damaged_sparse_tensor_is_refused(change: Callable[[schema.ModelT], None]) -> None:
    tree = sparse_dense()
    change(tree)
    with pytest.raises(FlatbufferError, match=r"sparse tensor|constant of shape"):
        verify(file_of(tree))
