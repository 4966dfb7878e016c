"""The parts of TensorFlow Lite's ``schema.fbs`` that facesdk reads: fields, operators, types.

Names are those of the schema, in its file of version 3 (identifier ``TFL3``).
"""

from __future__ import annotations

IDENTIFIER = b"TFL3"

TABLES: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {
        "version": (0, "u32"),
        "operator_codes": (1, "[OperatorCode]"),
        "subgraphs": (2, "[SubGraph]"),
        "description": (3, "string"),
        "buffers": (4, "[Buffer]"),
        "metadata_buffer": (5, "[4]"),
        "metadata": (6, "[Metadata]"),
        "signature_defs": (7, "[SignatureDef]"),
        "external_buffer_groups": (8, "unsupported"),
        "external_buffers": (9, "unsupported"),
    },
    "OperatorCode": {
        "deprecated_builtin_code": (0, "i8"),
        "custom_code": (1, "string"),
        "version": (2, "i32"),
        "builtin_code": (3, "i32"),
    },
    "SubGraph": {
        "tensors": (0, "[Tensor]"),
        "inputs": (1, "[4]"),
        "outputs": (2, "[4]"),
        "operators": (3, "[Operator]"),
        "name": (4, "string"),
    },
    "Tensor": {
        "shape": (0, "[4]"),
        "type": (1, "i8"),
        "buffer": (2, "u32"),
        "name": (3, "string"),
        "quantization": (4, "QuantizationParameters"),
        "is_variable": (5, "u8"),
        "sparsity": (6, "SparsityParameters"),
        "shape_signature": (7, "[4]"),
        "has_rank": (8, "u8"),
        "variant_tensors": (9, "unsupported"),
    },
    "QuantizationParameters": {
        "min": (0, "[4]"),
        "max": (1, "[4]"),
        "scale": (2, "[4]"),
        "zero_point": (3, "[8]"),
        "details": (5, "unsupported"),
        "quantized_dimension": (6, "i32"),
    },
    "SparsityParameters": {
        "traversal_order": (0, "[4]"),
        "block_map": (1, "[4]"),
        "dim_metadata": (2, "[DimensionMetadata]"),
    },
    "DimensionMetadata": {
        "format": (0, "i8"),
        "dense_size": (1, "i32"),
        "array_segments_type": (2, "u8"),
        "array_segments": (3, "indices"),
        "array_indices_type": (4, "u8"),
        "array_indices": (5, "indices"),
    },
    "Int32Vector": {"values": (0, "[4]")},
    "Uint16Vector": {"values": (0, "[2]")},
    "Uint8Vector": {"values": (0, "[1]")},
    "Operator": {
        "opcode_index": (0, "u32"),
        "inputs": (1, "[4]"),
        "outputs": (2, "[4]"),
        "builtin_options_type": (3, "u8"),
        "builtin_options": (4, "options"),
        "custom_options": (5, "[1]"),
        "custom_options_format": (6, "i8"),
        "mutating_variable_inputs": (7, "[1]"),
        "intermediates": (8, "[4]"),
        "large_custom_options_offset": (9, "u64"),
        "large_custom_options_size": (10, "u64"),
        "builtin_options_2": (12, "unsupported"),
    },
    "Buffer": {"data": (0, "[1]"), "offset": (1, "u64"), "size": (2, "u64")},
    "Metadata": {"name": (0, "string"), "buffer": (1, "u32")},
    "SignatureDef": {
        "inputs": (0, "[TensorMap]"),
        "outputs": (1, "[TensorMap]"),
        "signature_key": (2, "string"),
        "subgraph_index": (4, "u32"),
    },
    "TensorMap": {"name": (0, "string"), "tensor_index": (1, "u32")},
    "Options": {},
    "Conv2DOptions": {
        "padding": (0, "i8"),
        "stride_w": (1, "i32"),
        "stride_h": (2, "i32"),
        "dilation_w_factor": (4, "i32"),
        "dilation_h_factor": (5, "i32"),
    },
    "DepthwiseConv2DOptions": {
        "padding": (0, "i8"),
        "stride_w": (1, "i32"),
        "stride_h": (2, "i32"),
        "dilation_w_factor": (5, "i32"),
        "dilation_h_factor": (6, "i32"),
    },
    "TransposeConvOptions": {
        "padding": (0, "i8"),
        "stride_w": (1, "i32"),
        "stride_h": (2, "i32"),
    },
    "Pool2DOptions": {
        "stride_w": (1, "i32"),
        "stride_h": (2, "i32"),
        "filter_width": (3, "i32"),
        "filter_height": (4, "i32"),
    },
    "ConcatEmbeddingsOptions": {
        "num_columns_per_channel": (1, "[4]"),
        "embedding_dim_per_channel": (2, "[4]"),
    },
    "ReshapeOptions": {"new_shape": (0, "[4]")},
    "SqueezeOptions": {"squeeze_dims": (0, "[4]")},
    "BucketizeOptions": {"boundaries": (0, "[4]")},
    "VarHandleOptions": {"container": (0, "string"), "shared_name": (1, "string")},
}
"""Tables by name, each with its fields: number and kind.

Kinds: ``u32`` and the like are scalars, ``[4]`` is a vector of 4-byte scalars, ``[Tensor]`` one of
tables, ``Tensor`` a table, ``options`` the table that ``builtin_options_type`` names
(:data:`OPTIONS`; ``Options`` where that holds nothing to follow), ``indices`` likewise the vector
that the field before it names (:data:`INDICES`), and ``unsupported`` a field that no file may use
here: a model is one file, so that it has no values in others.
"""

OPTIONS = {
    1: "Conv2DOptions",
    2: "DepthwiseConv2DOptions",
    3: "ConcatEmbeddingsOptions",
    5: "Pool2DOptions",
    17: "ReshapeOptions",
    30: "SqueezeOptions",
    49: "TransposeConvOptions",
    111: "VarHandleOptions",
    115: "BucketizeOptions",
}
"""Members of the union BuiltinOptions that hold more than scalars, or scalars to check, by tag."""

INDICES = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}
"""Members of the union SparseIndexVector by tag."""

CUSTOM = "CUSTOM"
"""What the schema calls every operator that has a name of its own."""

_OPERATOR_LIST = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6
RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL
CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM
CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE
SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW
ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK
REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS
WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG
REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL
BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD
UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR
RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY
STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL
STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL
STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER
STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE
STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE
DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT
STABLEHLO_CBRT STABLEHLO_CASE
"""
BUILTIN_OPERATORS = tuple(_OPERATOR_LIST.split())
"""Names of the built-in operators by code."""

TYPES: tuple[tuple[str, int], ...] = (
    ("float32", 32),
    ("float16", 16),
    ("int32", 32),
    ("uint8", 8),
    ("int64", 64),
    ("string", 0),
    ("bool", 8),
    ("int16", 16),
    ("complex64", 64),
    ("int8", 8),
    ("float64", 64),
    ("complex128", 128),
    ("uint64", 64),
    ("resource", 0),
    ("variant", 0),
    ("uint32", 32),
    ("uint16", 16),
    ("int4", 4),
    ("bfloat16", 16),
    ("int2", 2),
    ("uint4", 4),
    ("float8_e4m3fn", 8),
    ("float8_e5m2", 8),
)
"""Tensor types by code: name, as NumPy writes it where it has the type, and bits per number, 0
where that is not fixed."""

BITS = dict(TYPES)
"""Bits per number by the name of a type."""


def builtin_operator(code: int) -> str:
    """The name of a built-in operator; ``"BUILTIN_999"`` for one that is not in the schema."""
    known = 0 <= code < len(BUILTIN_OPERATORS)
    return BUILTIN_OPERATORS[code] if known else f"BUILTIN_{code}"


def tensor_type(code: int) -> tuple[str, int]:
    """Name and bits of a tensor type; ``("TYPE_99", 0)`` for one that is not in the schema."""
    return TYPES[code] if 0 <= code < len(TYPES) else (f"TYPE_{code}", 0)
