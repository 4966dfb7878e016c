"""What packing saves on model files, what other coders would save, and what loading costs.

    python -m tools.bench.pack compactfacenet-qb MobileFaceNet.tflite --share 16

Sizes are those of the whole file. The other coders see the whole file as one stream:

- Huffman: zlib with Z_HUFFMAN_ONLY, the code alone
- Deflate: zlib, level 9
- LZMA: Python's lzma, preset 9, raw stream
- LZMA, 4: the same with literals coded by their place among four bytes (lc=0, lp=2)

Loading is `ModelBundle.load`: the file is read (from the page cache), unpacked and verified. First
inference adds an interpreter and one run.
"""

from __future__ import annotations

import argparse
import lzma
import platform
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from facesdk.measure.timing import Policy, measure
from facesdk.models import registry
from facesdk.models.bundle import MAX_MODEL_BYTES, ModelBundle
from facesdk.models.packed import pack, unpack
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.graph import read_graph
from facesdk.tflite.verifier import verify
from tools.bench.heading import heading
from tools.bench.markdown import Timing

_SHARED_AT_LEAST = 1024
"""Tensors of fewer weights stay as they are."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model file and what to call it."""

    name: str
    content: bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="packaged names or .tflite files")
    parser.add_argument(
        "--share",
        type=int,
        metavar="K",
        help="also each float32 model with K weight values per tensor (k-means)",
    )
    parser.add_argument("--only", choices=["sizes", "times"], help="one of the two tables")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=3)
    arguments = parser.parse_args()

    models = [_read(name) for name in arguments.models]
    if arguments.share:
        models += _shared(models, arguments.share)
    versions = f"zlib {zlib.ZLIB_RUNTIME_VERSION}, Python {platform.python_version()}"
    policy = Policy(arguments.runs, arguments.warm_up, warm_up_seconds=0.0)
    print(f"{heading(policy, 1)}, {versions}")
    if arguments.only != "times":
        print(f"\n{sizes(models)}")
    if arguments.only != "sizes":
        print(f"\n{times(models, policy)}")


def sizes(models: Iterable[Model]) -> str:
    """A Markdown table of sizes, in percent of the model's."""
    coders: dict[str, Callable[[bytes], bytes]] = {
        "packed": pack,
        "Huffman": lambda data: _zlib(data, zlib.Z_HUFFMAN_ONLY),
        "Deflate": lambda data: _zlib(data, zlib.Z_DEFAULT_STRATEGY),
        "LZMA": _lzma,
        "LZMA, 4": lambda data: _lzma(data, lc=0, lp=2),
    }
    lines = [
        f"| model | bytes | packed bytes | {' | '.join(coders)} |",
        f"| --- | --- | --- |{' --- |' * len(coders)}",
    ]
    for model in models:
        found = [len(coder(model.content)) for coder in coders.values()]
        shares = " | ".join(f"{100 * size / len(model.content):.1f} %" for size in found)
        lines.append(f"| {model.name} | {len(model.content):,} | {found[0]:,} | {shares} |")
    return "\n".join(lines)


def times(models: Iterable[Model], policy: Policy) -> str:
    """A Markdown table of what it takes to load models, plain and packed, and to decode them."""
    lines = [
        "Plain and packed in turn; min / median\n",
        "| model | load, ms | packed, ms | ratio | first inference, ms | packed, ms | ratio "
        "| unpack alone, ms | LZMA alone, ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            plain, packed = Path(folder, "plain.tflite"), Path(folder, "packed.tflite.pack")
            plain.write_bytes(model.content)
            packed.write_bytes(pack(model.content))
            cells = []
            for call in (ModelBundle.load, _first_inference):
                found = measure(
                    {path: lambda path=path, call=call: call(path) for path in (plain, packed)},
                    policy,
                    untimed=0,
                )
                before, after = Timing.of(found[plain]), Timing.of(found[packed])
                cells += [_cell(before), _cell(after)]
                cells.append(
                    f"{after.minimum / before.minimum:.2f} / {after.median / before.median:.2f}"
                )
            container, stream = packed.read_bytes(), _lzma(model.content)
            decoders = {
                "pack": partial(unpack, container, max_bytes=MAX_MODEL_BYTES),
                "lzma": partial(lzma.decompress, stream, lzma.FORMAT_RAW, filters=_lzma_filters()),
            }
            found = measure(decoders, policy, untimed=0)
            cells += [_cell(Timing.of(row)) for row in found.values()]
            lines.append(f"| {model.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(timing: Timing) -> str:
    return f"{timing.minimum:.1f} / {timing.median:.1f}"


def _first_inference(path: Path) -> None:
    interpreter = Interpreter(ModelBundle.load(path))
    interpreter.run(*(np.zeros(shape, np.float32) for shape in interpreter.input_shapes))


def _read(name: str) -> Model:
    path = registry.resolve(name)
    return Model(path.stem, ModelBundle.load(path).content)


def _zlib(data: bytes, strategy: int) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
    return stream.compress(data) + stream.flush()


def _lzma(data: bytes, **options: int) -> bytes:
    return lzma.compress(data, lzma.FORMAT_RAW, filters=_lzma_filters(**options))


def _lzma_filters(**options: int) -> list[dict[str, int]]:
    return [{"id": lzma.FILTER_LZMA2, "preset": 9, **options}]


def _shared(models: Iterable[Model], count: int) -> list[Model]:
    """The models that have large float32 tensors, with shared weights."""
    result = []
    for model in models:
        content = bytearray(model.content)
        for start, size in _float_weights(model.content):
            weights = np.frombuffer(content, np.float32, size // 4, start)
            content[start : start + size] = _k_means(weights, count).tobytes()
        if content != model.content:
            result.append(Model(f"{model.name}, {count} values per tensor", bytes(content)))
    return result


def _float_weights(content: bytes) -> set[tuple[int, int]]:
    model = verify(content)
    large = {
        tensor.buffer
        for tensor in read_graph(model).tensors
        if tensor.constant and tensor.dtype == "float32" and tensor.size >= 4 * _SHARED_AT_LEAST
    }
    buffers = enumerate(model.tables("buffers"))
    return {buffer.vector("data") for number, buffer in buffers if number in large}


def _k_means(weights: np.ndarray, count: int) -> np.ndarray:
    """Each weight replaced by the nearest of some values (Lloyd's algorithm, from quantiles)."""
    values = np.quantile(weights, (np.arange(count) + 0.5) / count).astype(np.float32)
    for _ in range(10):
        places = np.searchsorted((values[1:] + values[:-1]) / 2, weights)
        sums = np.bincount(places, weights, minlength=count)
        counts = np.bincount(places, minlength=count)
        values = np.sort(np.where(counts, sums / np.maximum(counts, 1), values)).astype(np.float32)
    return values[np.searchsorted((values[1:] + values[:-1]) / 2, weights)]


if __name__ == "__main__":
    main()
