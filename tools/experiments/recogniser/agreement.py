r"""How near converted files are to their float network, on photos as they are and spoilt.

    python -m tools.experiments.recogniser.agreement extremes.tflite least-squares.tflite \
        --source training/runs/accurate --teacher MobileFaceNet.tflite:CONTRACT --faces faces \
        --cache build/accuracy

Prints, for the crops of every fourth of the held-out people, the mean cosine of each file's
embedding with the one of the float network, and the cosine that one crop in twenty is below.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.recognition.embedding import Embedder
from facesdk_converters.convert import Request, convert
from facesdk_converters.targets import registry as targets
from tools.experiments.accuracy_tables import DEGRADED, Crops, HeldOut, Model, held_out, load, table


def float_network(source: Path) -> Embedder:
    """A run or a float model, converted to float32."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "float.tflite"
        convert(Request(source, output), targets.load("float32"))
        return Embedder.load(output, trust=True)


def spoilt(people: HeldOut) -> Iterator[tuple[str, Crops]]:
    """The crops as they are, then at the strongest level of each degradation."""
    yield "as they are", people.crops
    for kind, levels in DEGRADED.items():
        level, change = list(levels.items())[-1]
        rng = np.random.default_rng(1)
        yield f"{kind} {level}", np.stack([change(crop.copy(), rng) for crop in people.crops])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--source", type=Path, required=True, help="run or float model")
    parser.add_argument("--teacher", required=True, help="FILE[:CONTRACT], for the split")
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args(arguments)
    given.cache.mkdir(parents=True, exist_ok=True)
    people = held_out(given.faces, load(given.teacher, given.cache)).part()
    source = Model(float_network(given.source), given.cache)
    files = [Model(Embedder.load(file), given.cache) for file in given.files]
    rows = []
    for words, crops in spoilt(people):
        expected = source.vectors(words, crops)
        cosines = [np.sum(file.vectors(words, crops) * expected, axis=1) for file in files]
        said = [f"{np.mean(row):.4f}, {np.quantile(row, 0.05):.4f}" for row in cosines]
        rows.append((words, *said))
    table(("photos", *(file.stem for file in given.files)), rows)


if __name__ == "__main__":
    main()
