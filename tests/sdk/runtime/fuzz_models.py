"""Well-formed model files that make no sense: structured mutations, each in a process of its own.

Usage: python tests/sdk/runtime/fuzz_models.py COUNT SEED [FOLDER]. Prints one JSON object with how
many files ended in which way:

- "refused": by the reader, before a runtime sees the file;
- "runtime": by the runtime, with an error;
- "ran": to the end;
- "signal N": a crash, which the probe keeps from the caller;
- "limit": of memory or time;
- "escaped": another exception than ours, which is a fault of facesdk.

With FOLDER the files that crash or escape are kept there. "signal N, accepted" counts those crashes
whose operators are all in the table of facesdk/tflite/accepted.py.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

sys.path.insert(0, str(Path(__file__).parents[2]))

from facesdk.errors import FaceSDKError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.description import describe
from facesdk.runtime.backend import load_backend
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite import weights
from facesdk.tflite.verifier import is_accepted
from native.support.binary_graph import BinaryModel
from native.support.lce_graph import BITS, Model, Pool
from sdk.tflite.models import file_of, pooled, widened_convolution
from sdk.tflite.test_sparsity import sparse_dense

_RAN, _REFUSED, _RUNTIME, _ESCAPED = 0, 10, 11, 12
_MEMORY, _SECONDS = 3 << 30, 10
_SIZES = (-1, 0, 1, 2, 3, 5, 8, 17, 64, 255, 65536, 1 << 30, (1 << 31) - 1)
_BUILTINS = [code for code in vars(schema.BuiltinOperator).values() if isinstance(code, int)]
_FAVOURITES = (
    *("SPLIT", "RELU_N1_TO_1", "CONV_2D", "ADD", "GATHER", "STRIDED_SLICE", "RESHAPE"),
    *("CONCATENATION", "SOFTMAX", "FULLY_CONNECTED", "TRANSPOSE_CONV", "DEPTHWISE_CONV_2D"),
)

SEEDS: dict[str, bytes] = {
    "pnet": registry.resolve("mtcnn-pnet").read_bytes(),
    "bits": Model(1, 6, 6, 40, 16, (3, 3), output=BITS, pool=Pool((2, 2), (2, 2), 0)).to_bytes(),
    "binary convolution": Model(1, 5, 5, 32, 8, (3, 3)).to_bytes(),
    "binary dense": BinaryModel(1, 3, 3, 40, 9, dense=True, activation_bits=8).to_bytes(),
    "widened": widened_convolution(1, "INT8"),
    "int8": file_of(pooled(8, "INT8", scale=0.5, zero_point=1)),
    "sparse": file_of(sparse_dense()),
    **{
        path.stem: path.read_bytes()
        for path in sorted((Path(__file__).parent / "corpus" / "valid").glob("*.tflite"))
    },
}


def mutant(seed: str, chance: random.Random) -> bytes:
    """A copy of a seed with one to three changes."""
    unfit = (AttributeError, TypeError, IndexError, ValueError, StopIteration)
    while True:
        tree = schema.ModelT.InitFromPackedBuf(SEEDS[seed])
        for _ in range(chance.randint(1, 3)):
            with suppress(*unfit):  # a change that this tree has no place for
                chance.choice(_CHANGES)(tree, chance)
        with suppress(*unfit):  # a number that is too large for its field
            return file_of(tree)


def _operator(tree: schema.ModelT, chance: random.Random) -> schema.OperatorT:
    return chance.choice(tree.subgraphs[0].operators)


def _rename(tree: schema.ModelT, chance: random.Random) -> None:
    code = chance.choice(tree.operatorCodes)
    name = chance.choice(_FAVOURITES)
    builtin = chance.choice((getattr(schema.BuiltinOperator, name), chance.choice(_BUILTINS)))
    code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
    code.version = chance.choice((1, code.version, 12))


def _shape(tree: schema.ModelT, chance: random.Random) -> None:
    tensor = chance.choice(tree.subgraphs[0].tensors)
    if chance.random() < 0.5:
        tensor.shape = [chance.choice(_SIZES) for _ in range(chance.randint(0, 6))]
    else:
        tensor.shape[chance.randrange(len(tensor.shape))] = chance.choice(_SIZES)


def _type(tree: schema.ModelT, chance: random.Random) -> None:
    chance.choice(tree.subgraphs[0].tensors).type = chance.randrange(23)


def _inputs(tree: schema.ModelT, chance: random.Random) -> None:
    operator, count = _operator(tree, chance), len(tree.subgraphs[0].tensors)
    row = [int(index) for index in operator.inputs]
    change = chance.randrange(4)
    if change == 0:
        row = row[: chance.randint(0, len(row))]
    elif change == 1:
        row += [chance.randrange(-1, count) for _ in range(chance.randint(1, 3))]
    elif change == 2:
        row[chance.randrange(len(row))] = chance.randrange(-1, count)
    else:
        chance.shuffle(row)
    operator.inputs = row


def _outputs(tree: schema.ModelT, chance: random.Random) -> None:
    operator = _operator(tree, chance)
    row = [int(index) for index in operator.outputs]
    operator.outputs = row[:-1] if chance.random() < 0.5 else [*row, chance.randrange(len(row) + 9)]


def _option(tree: schema.ModelT, chance: random.Random) -> None:
    options = _operator(tree, chance).builtinOptions
    field = chance.choice([name for name in vars(options) if not name.startswith("_")])
    setattr(options, field, chance.choice(_SIZES))


def _no_options(tree: schema.ModelT, chance: random.Random) -> None:
    operator = _operator(tree, chance)
    operator.builtinOptions, operator.builtinOptionsType = None, 0


def _custom_options(tree: schema.ModelT, chance: random.Random) -> None:
    operator = _operator(tree, chance)
    options = flexbuffers.Loads(bytes(operator.customOptions))
    options[chance.choice(list(options))] = chance.choice(_SIZES)
    operator.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)


def _constant(tree: schema.ModelT, chance: random.Random) -> None:
    buffer = chance.choice([row for row in tree.buffers if row.data is not None])
    data = np.array(buffer.data, np.uint8)
    if chance.random() < 0.5:
        data = data[: chance.randrange(len(data))]
    else:
        data[chance.randrange(len(data))] = chance.randrange(256)
    buffer.data = data


def _quantization(tree: schema.ModelT, chance: random.Random) -> None:
    scale = np.array([chance.choice((0.0, float("nan"), 1e30, 0.1, -1.0))], np.float32)
    zero = np.array([chance.choice((0, 300, 1 << 40))], np.int64)
    chance.choice(tree.subgraphs[0].tensors).quantization = schema.QuantizationParametersT(
        scale=scale[: chance.randint(0, 1)],
        zeroPoint=zero[: chance.randint(0, 1)],
        quantizedDimension=chance.choice((0, 3, 9)),
    )


def _sparsity(tree: schema.ModelT, chance: random.Random) -> None:
    sparsity = next(row.sparsity for row in tree.subgraphs[0].tensors if row.sparsity is not None)
    level = chance.choice(sparsity.dimMetadata)
    if chance.random() < 0.3:
        level.denseSize = chance.choice(_SIZES)
    else:
        vector = chance.choice((level.arraySegments, level.arrayIndices)).values
        vector[chance.randrange(len(vector))] = chance.randrange(256)


def _ports(tree: schema.ModelT, chance: random.Random) -> None:
    graph = tree.subgraphs[0]
    row = [chance.randrange(len(graph.tensors)) for _ in range(chance.randint(0, 2))]
    if chance.random() < 0.5:
        graph.outputs = row
    else:
        graph.inputs = row


Change = Callable[[schema.ModelT, random.Random], None]
_CHANGES: tuple[Change, ...] = (
    *(_rename, _rename, _shape, _shape, _type, _inputs, _inputs, _outputs, _option, _option),
    *(_no_options, _custom_options, _constant, _quantization, _sparsity, _ports),
)


def explore(content: bytes) -> ModelBundle:
    """All that facesdk reads of a file without a runtime."""
    bundle = ModelBundle.from_bytes(content, "mutant", trust=True)
    describe(bundle)
    for operator in bundle.graph.operators:
        with suppress(FaceSDKError):
            weights.filters(operator)
    return bundle


def attempt(content: bytes) -> int:
    """Read, load and run a file in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        bundle = explore(content)
    except FaceSDKError:
        return _REFUSED
    except Exception:
        traceback.print_exc(file=sys.__stdout__)
        return _ESCAPED
    try:
        interpreter = Interpreter(bundle)
        interpreter.run(*random_inputs(interpreter))
    except (FaceSDKError, MemoryError):
        return _RUNTIME
    except Exception:
        traceback.print_exc(file=sys.__stdout__)
        return _ESCAPED
    return _RAN


def outcome(content: bytes) -> str:
    """How a file ends, in a fork of this process."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(attempt(content))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in (9, 24):
            return "limit"
        known = is_accepted(ModelBundle.from_bytes(content, "mutant").root)
        return f"signal {number}{', accepted' if known else ''}"
    names = {_RAN: "ran", _REFUSED: "refused", _RUNTIME: "runtime"}
    return names.get(os.WEXITSTATUS(status), "escaped")


def main() -> None:
    count, start = int(sys.argv[1]), int(sys.argv[2])
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    load_backend()
    outcomes: Counter[str] = Counter()
    names = list(SEEDS)
    for number in range(start, start + count):
        content = mutant(names[number % len(names)], random.Random(number))
        ended = outcome(content)
        outcomes[ended] += 1
        if folder is not None and ended.startswith(("signal", "escaped")):
            (folder / f"{number}-{ended.replace(' ', '')}.tflite").write_bytes(content)
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
