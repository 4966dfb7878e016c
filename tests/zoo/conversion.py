"""What a conversion of one of the architectures gives, for the tests and for a table.

``python tests/zoo/conversion.py`` prints the table of docs/numbers/networks.md; ``--side 112 --keep
FOLDER`` writes the files for larger pictures, for ``tools.bench.networks`` to time. ``--larq-zoo
PACKAGES`` does so for Larq Zoo's own networks, whose package asks for others than ours but runs
without them: ``pip install --no-deps --target PACKAGES larq-zoo==2.4.0 zookeeper==1.4.0
typeguard==4.6.1`` puts it into a folder of its own.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import facesdk_training  # noqa: F401  # isort: skip  (chooses Keras 2 before TensorFlow is imported)
import numpy as np
import tensorflow as tf

from contracts import other
from converters.networks import look_trained
from facesdk.errors import one_line
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import InputSpec
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection import faces, parity
from facesdk_converters.inspection.agreement import Agreement
from facesdk_converters.inspection.explanation import Explanation, explain
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.lce import target
from native.support.workers import new_process, run_lce
from zoo.architectures import SIDE, ZOO

CONTRACT = other(None, None, input=InputSpec(None, None, color="RGB", mean=127.5, scale=64.0))
LARQ_ZOO = ("QuickNet", "BiRealNet", "BinaryDenseNet28", "RealToBinaryNet", "MeliusNet22")
LARQ_ZOO += ("BinaryAlexNet", "XNORNet", "BinaryResNetE18")
_IMAGES = 2


@dataclass(frozen=True)
class Conversion:
    """An architecture and its file.

    Attributes:
        source: The network.
        bundle: The file.
        agreement: How far the file is from its network.
        explanation: What ``--explain`` says.
    """

    source: Source
    bundle: ModelBundle
    agreement: Agreement
    explanation: Explanation

    @property
    def binarized(self) -> list[str]:
        """The layers that take signs of what they read, in the network."""
        layers = self.source.network.layers
        return sorted(row.name for row in layers if getattr(row, "input_quantizer", None))

    @property
    def multiplied_in_bits(self) -> list[str]:
        """Those that the file multiplies in bits."""
        rows = self.explanation.rows
        return sorted(row.layer for row in rows if (row.weight_bits, row.activation_bits) == (1, 1))

    def outputs(self) -> FloatArray:
        """What the file computes of noise."""
        interpreter = Interpreter(self.bundle)
        return np.concatenate([interpreter.run(image)[0] for image in _images()])

    def outputs_of_lce(self, process: ProcessPoolExecutor) -> FloatArray:
        """The same in Larq Compute Engine's own interpreter."""
        content = self.bundle.content
        runs = [process.submit(run_lce, content, "optimized", image) for image in _images()]
        return np.concatenate([run.result() for run in runs])


def build(name: str, side: int) -> Source:
    """An architecture for pictures of ``side`` rows and columns, with weights as if trained."""

    def model() -> Any:
        image = tf.keras.layers.Input((side, side, 3))
        return tf.keras.Model(image, ZOO[name](image), name=name)

    return _source(name, model)


def _source(name: str, build_model: Callable[[], Any]) -> Source:
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(1)
    model = look_trained(build_model())
    return Source(Path(name), KerasNetwork(model), "", CONTRACT, documented=False)


def convert(name: str) -> Conversion:
    """Build an architecture, convert it, and compare the two."""
    source = build(name, SIDE)
    bundle = target.convert(source)
    agreement = parity.check(source, bundle, faces.load())
    return Conversion(source, bundle, agreement, explain(bundle.graph, network=source.network))


def _images() -> list[FloatArray]:
    rng = np.random.default_rng(3)
    return [rng.normal(0, 1, (1, SIDE, SIDE, 3)).astype(np.float32) for _ in range(_IMAGES)]


class _Absent(type):
    """A class of a package that is not there; its attributes are such classes."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Absent(name, (), {})


def larq_zoo(packages: Path, side: int) -> Iterator[Source]:
    """Larq Zoo's networks with random weights; says which cannot be built for that size."""
    sys.path.insert(0, str(packages))
    datasets: Any = _Absent("tensorflow_datasets", (), {})  # named on import, read by no network
    sys.modules["tensorflow_datasets"] = datasets
    zoo = importlib.import_module("larq_zoo")
    for name in LARQ_ZOO:
        family = zoo.sota if name == "QuickNet" else zoo.literature
        builder = getattr(family, name)
        try:
            yield _source(name, partial(builder, input_shape=(side, side, 3), weights=None))
        except ValueError as error:  # a map that is too small for the next layer
            print(f"{name}: cannot be built for {side}x{side} ({one_line(error, 160)})", flush=True)


def keep(folder: Path, sources: Iterable[Source]) -> None:
    """Write the files of networks."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        bundle = target.convert(source)
        (folder / f"{source.path.name}.tflite").write_bytes(bundle.content)
        print(f"{source.path.name}: {len(bundle.content):,} bytes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=SIDE, help="of the pictures, with --keep")
    parser.add_argument("--keep", type=Path, help="write the files to this folder, no table")
    parser.add_argument(
        "--larq-zoo",
        type=Path,
        metavar="PACKAGES",
        help="with --keep: Larq Zoo's networks, from the folder it was installed into",
    )
    arguments = parser.parse_args()
    if arguments.larq_zoo and not arguments.keep:
        parser.error("--larq-zoo needs --keep")
    if arguments.keep is not None:
        side = arguments.side
        own = (build(name, side) for name in ZOO)
        zoo = arguments.larq_zoo
        keep(arguments.keep, larq_zoo(zoo, side) if zoo else own)
        return
    columns = ("architecture", "layers of signs", "multiply-adds of bits", "bytes")
    columns += ("least cosine, median", "off LCE's own outputs")
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    with new_process() as process:
        for name in ZOO:
            one = convert(name)
            counts = one.explanation.multiply_adds
            share = counts.get("1x1", 0) / sum(counts.values())
            ours, theirs = one.outputs(), one.outputs_of_lce(process)
            gap = np.abs(ours - theirs).max() / np.abs(theirs).max()
            print(
                f"| {name} | {len(one.multiplied_in_bits)} of {len(one.binarized)} "
                f"| {100 * share:.0f} % | {len(one.bundle.content):,} "
                f"| {one.agreement.min_cosine:.6f}, {one.agreement.median_cosine:.6f} "
                f"| {gap:.1e} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
