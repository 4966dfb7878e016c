"""What a conversion of one of the architectures gives, for the tests and for a table.

``python tests/zoo/conversion.py`` prints the table of docs/numbers/networks.md; ``--side 112 --keep
FOLDER`` writes the files for larger pictures, for ``tools.bench.networks`` to time.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import facesdk_training  # noqa: F401  # isort: skip  (chooses Keras 2 before TensorFlow is imported)
import numpy as np
import tensorflow as tf

from contracts import other
from converters.networks import look_trained
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import InputSpec
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection import faces, parity
from facesdk_converters.inspection.explanation import Explanation, explain
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.lce import target
from native.support.workers import new_process, run_lce
from zoo.architectures import SIDE, ZOO

CONTRACT = other(None, None, input=InputSpec(None, None, color="RGB", mean=127.5, scale=64.0))
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
    agreement: parity.Agreement
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
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(1)
    image = tf.keras.layers.Input((side, side, 3))
    model = look_trained(tf.keras.Model(image, ZOO[name](image), name=name))
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


def keep(folder: Path, side: int) -> None:
    """Write the files of all architectures for pictures of another size."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ZOO:
        bundle = target.convert(build(name, side))
        (folder / f"{name}.tflite").write_bytes(bundle.content)
        print(f"{name}: {len(bundle.content):,} bytes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=SIDE, help="of the pictures, with --keep")
    parser.add_argument("--keep", type=Path, help="write the files to this folder, no table")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        keep(arguments.keep, arguments.side)
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
