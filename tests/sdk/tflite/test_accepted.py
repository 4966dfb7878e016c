"""What builtin operators expect, on models that break it in one place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from facesdk.models import registry
from facesdk.tflite.accepted import ACCEPTED
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.schema import BUILTIN_OPERATORS
from facesdk.tflite.verifier import is_accepted, verify
from sdk.tflite.models import file_of

PACKAGED = ("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet", registry.DEFAULT_RECOGNIZER)
_OP, _TYPE = schema.BuiltinOperator, schema.TensorType


def tree_of(name: str) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(registry.resolve(name).read_bytes())


def operator_of(tree: schema.ModelT, builtin: int) -> schema.OperatorT:
    codes = [max(row.builtinCode, row.deprecatedBuiltinCode) for row in tree.operatorCodes]
    return next(row for row in tree.subgraphs[0].operators if codes[row.opcodeIndex] == builtin)


def input_of(tree: schema.ModelT, builtin: int, place: int) -> schema.TensorT:
    return tree.subgraphs[0].tensors[operator_of(tree, builtin).inputs[place]]


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_files_keep_every_rule(name: str) -> None:
    assert is_accepted(verify(registry.resolve(name).read_bytes()))


def test_every_operator_of_the_table_is_one_of_the_schema() -> None:
    assert set(ACCEPTED) < set(BUILTIN_OPERATORS)


def _renamed(before: int, after: int) -> Callable[[schema.ModelT], None]:
    def change(tree: schema.ModelT) -> None:
        for code in tree.operatorCodes:
            if max(code.builtinCode, code.deprecatedBuiltinCode) == before:
                code.builtinCode, code.deprecatedBuiltinCode = after, min(after, 127)
                code.customCode = None

    return change


def _inputs(builtin: int, count: int) -> Callable[[schema.ModelT], None]:
    def change(tree: schema.ModelT) -> None:
        operator = operator_of(tree, builtin)
        operator.inputs = [*operator.inputs, *operator.inputs][:count]

    return change


def _shape(builtin: int, place: int, shape: list[int]) -> Callable[[schema.ModelT], None]:
    def change(tree: schema.ModelT) -> None:
        input_of(tree, builtin, place).shape = shape

    return change


def _type(builtin: int, place: int, kind: int) -> Callable[[schema.ModelT], None]:
    def change(tree: schema.ModelT) -> None:
        input_of(tree, builtin, place).type = kind

    return change


def _option(builtin: int, field: str, value: int) -> Callable[[schema.ModelT], None]:
    def change(tree: schema.ModelT) -> None:
        setattr(operator_of(tree, builtin).builtinOptions, field, value)

    return change


def _without_options(builtin: int) -> Callable[[schema.ModelT], None]:
    def change(tree: schema.ModelT) -> None:
        operator = operator_of(tree, builtin)
        operator.builtinOptions, operator.builtinOptionsType = None, 0

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_renamed(_OP.ADD, _OP.RELU), "RELU has 2 inputs"),
        (_renamed(_OP.CONV_2D, _OP.ADD), "ADD has 3 inputs"),
        (_renamed(_OP.PRELU, _OP.CONV_2D), "CONV_2D has no options of a convolution"),
        (_renamed(_OP.CONV_2D, _OP.SPLIT), "SPLIT has 3 inputs"),
        (_renamed(_OP.ADD, _OP.SPLIT), "SPLIT has an axis that is not one number"),
        (_renamed(_OP.ADD, _OP.STRIDED_SLICE), "STRIDED_SLICE has 2 inputs"),
        (_renamed(_OP.CUSTOM, _OP.RELU_N1_TO_1), "RELU_N1_TO_1 has "),
        (_renamed(_OP.AVERAGE_POOL_2D, _OP.SQUEEZE), "SQUEEZE has options of another operator"),
        (_renamed(_OP.AVERAGE_POOL_2D, _OP.RESHAPE), "RESHAPE has options of another operator"),
        (_inputs(_OP.CONV_2D, 1), "CONV_2D has 1 inputs"),
        (_inputs(_OP.CONV_2D, 4), "CONV_2D has 4 inputs"),
        (_inputs(_OP.AVERAGE_POOL_2D, 2), "AVERAGE_POOL_2D has 2 inputs"),
        (_shape(_OP.CONV_2D, 1, [9, 3]), "a constant of shape .9, 3. has .* bytes of float32"),
        (_shape(_OP.CONV_2D, 2, []), "a constant of shape .. has .* bytes of float32"),
        (_type(_OP.CONV_2D, 0, _TYPE.INT64), "CONV_2D has an input of type int64"),
        (_type(_OP.CONV_2D, 1, _TYPE.INT32), None),
        (_type(_OP.PRELU, 1, _TYPE.INT32), "PRELU has inputs of types float32, int32"),
        (_option(_OP.CONV_2D, "strideW", 0), r"strides and dilations \[0, "),
        (_option(_OP.CONV_2D, "strideH", -3), "strides and dilations .*-3"),
        (_option(_OP.CONV_2D, "dilationHFactor", 0), "strides and dilations .* 0"),
        (_option(_OP.CONV_2D, "dilationWFactor", 1 << 30), "strides and dilations"),
        (_without_options(_OP.CONV_2D), "CONV_2D has no options"),
        (_without_options(_OP.DEPTHWISE_CONV_2D), "DEPTHWISE_CONV_2D has no options"),
        (_without_options(_OP.AVERAGE_POOL_2D), "AVERAGE_POOL_2D has no options"),
    ],
)
def test_an_operator_that_breaks_its_rule_is_named(
    change: Callable[[schema.ModelT], None], message: str | None
) -> None:
    tree = tree_of(registry.DEFAULT_RECOGNIZER)
    change(tree)
    if message is None:  # numbers of another type of the same size: the runtime refuses them
        verify(file_of(tree))
        return
    with pytest.raises(FlatbufferError, match=message):
        verify(file_of(tree))


def test_a_filter_of_another_shape_and_as_many_bytes_is_refused() -> None:
    tree = tree_of("mtcnn-pnet")
    weights = input_of(tree, _OP.CONV_2D, 1)
    filters, *taps = (int(size) for size in weights.shape)
    weights.shape = [filters * taps[0], *taps[1:], 1][:4]
    with pytest.raises(FlatbufferError, match="CONV_2D has a bias of shape"):
        verify(file_of(tree))
    weights.shape = [filters, taps[0] * taps[1] * taps[2]]
    with pytest.raises(FlatbufferError, match="CONV_2D has filters of shape"):
        verify(file_of(tree))


@pytest.mark.parametrize("other", [_OP.SVDF, _OP.UNIQUE, _OP.WHERE])
def test_an_operator_that_is_not_in_the_table_is_left_to_the_probe(other: int) -> None:
    tree = tree_of("mtcnn-pnet")
    _renamed(_OP.CONV_2D, other)(tree)
    assert not is_accepted(verify(file_of(tree)))
