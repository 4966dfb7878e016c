"""Model files written with the schema's own classes, as TFLite's converter writes them."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_OP, _TYPE = schema.BuiltinOperator, schema.TensorType


def file_of(tree: schema.ModelT) -> bytes:
    """The file of a model tree."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def widened_convolution(batch: int, storage: str = "INT8", *, wide: bool = True) -> bytes:
    """A 3x3 convolution of ``(batch, 5, 4, 2)`` with 8 filters, weights stored narrow.

    Args:
        batch: Images at a time.
        storage: Type of the weights in the schema; 144 numbers of it.
        wide: Whether a DEQUANTIZE widens them; else the convolution reads them as they are.
    """
    bits = {"INT8": 8, "INT4": 4, "INT2": 2, "FLOAT32": 32}[storage]
    codes = [
        schema.OperatorCodeT(_OP.DEQUANTIZE, None, 1, _OP.DEQUANTIZE),
        schema.OperatorCodeT(_OP.CONV_2D, None, 1, _OP.CONV_2D),
    ]
    weights = np.arange(144 * bits // 8, dtype=np.uint8)
    stored, given = getattr(_TYPE, storage), 2 if wide else 1
    tensors = [
        schema.TensorT(shape=[batch, 5, 4, 2], type=_TYPE.FLOAT32, buffer=0, name="image"),
        schema.TensorT(shape=[8, 3, 3, 2], type=stored, buffer=1, name="weights"),
        schema.TensorT(shape=[8, 3, 3, 2], type=_TYPE.FLOAT32, buffer=0, name="widened"),
        schema.TensorT(shape=[8], type=_TYPE.FLOAT32, buffer=2, name="bias"),
        schema.TensorT(shape=[batch, 5, 4, 8], type=_TYPE.FLOAT32, buffer=0, name="result"),
    ]
    widen = schema.OperatorT(opcodeIndex=0, inputs=[1], outputs=[2])
    convolve = schema.OperatorT(
        opcodeIndex=1,
        inputs=[0, given, 3],
        outputs=[4],
        builtinOptionsType=schema.BuiltinOptions.Conv2DOptions,
        builtinOptions=schema.Conv2DOptionsT(strideH=1, strideW=1),
    )
    graph = schema.SubGraphT(
        tensors=tensors,
        inputs=[0],
        outputs=[4],
        operators=[widen, convolve] if wide else [convolve],
        name="main",
    )
    buffers = [schema.BufferT(), schema.BufferT(weights), schema.BufferT(np.zeros(32, np.uint8))]
    return file_of(
        schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers)
    )


def pooled(
    side: int, kind: str, *, scale: float | None = None, zero_point: int = 0
) -> schema.ModelT:
    """The mean of a picture of three channels, as ``(1, 1, 1, 3)``; quantized with a ``scale``."""
    said = None
    if scale is not None:
        said = schema.QuantizationParametersT(
            scale=np.array([scale], np.float32), zeroPoint=np.array([zero_point], np.int64)
        )
    code, dtype = _OP.AVERAGE_POOL_2D, getattr(_TYPE, kind)
    tensors = [
        schema.TensorT(shape=shape, type=dtype, buffer=0, name=name, quantization=said)
        for name, shape in (("image", [1, side, side, 3]), ("mean", [1, 1, 1, 3]))
    ]
    operator = schema.OperatorT(
        opcodeIndex=0,
        inputs=[0],
        outputs=[1],
        builtinOptionsType=schema.BuiltinOptions.Pool2DOptions,
        builtinOptions=schema.Pool2DOptionsT(
            padding=1, strideW=side, strideH=side, filterWidth=side, filterHeight=side
        ),
    )
    graph = schema.SubGraphT(
        tensors=tensors, inputs=[0], outputs=[1], operators=[operator], name="main"
    )
    return schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(code, None, 2, code)],
        subgraphs=[graph],
        buffers=[schema.BufferT()],
    )
