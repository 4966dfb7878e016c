"""Draws the pictures of docs/train/compression.md: what methods make of the weights of one network.

    python -m tools.docs.compression_pictures --network float-network --data small \
        --row table/amc-70-error.before.json

Writes docs/images/compress-*.svg. The curves are what the methods compute, but for the shares of
AMC, which a row of ``tools.experiments.compression_table`` has. ``small`` is what its ``data``
made.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.files import write_atomic
from facesdk.pages import charts
from facesdk.pages.axes import Scale
from facesdk.results import FloatArray

FOLDER = Path(__file__).parents[2] / "docs" / "images"
LAYERS = ("stage1_unit2_project_conv", "stage2_unit4_project_conv", "embedding")
"""An early and a late 1x1 convolution, and the dense layer."""
PRUNED = ("stage1_unit2_expand_conv", "stage2_unit4_expand_conv", "features_conv")
"""Layers whose filters may leave."""
COLOURS = "abc"
POINTS = 120
"""Places at which a curve of sorted weights is drawn."""
SEARCHES = ("uniform", "evolution", "agent")
TEMPERATURES = (1, 4, 10)
LIKELIEST = 30
STEP = 8
"""Every so many crops are looked at."""


def draw_sorted(name: str, kernel: FloatArray, others: Mapping[str, FloatArray]) -> str:
    """A layer's weights in ascending order, and what became of each."""
    order = np.argsort(kernel, axis=None)
    places = np.linspace(0, kernel.size - 1, POINTS).round().astype(int)
    largest = float(np.abs(kernel).max())
    across = 100 * places / (kernel.size - 1)
    lines = [
        charts.Curve(label, across, values.ravel()[order][places], colour)
        for (label, values), colour in zip(
            {"weights": kernel, **others}.items(), COLOURS, strict=False
        )
    ]
    return charts.curves(
        name,
        lines,
        Scale("weights of the layer, sorted, %", 0, 100),
        Scale("value", -largest, largest),
        f"Weights of one layer, and what {' and '.join(others)} make of each",
    )


def draw_energy(kernels: Mapping[str, FloatArray]) -> str:
    """What share of a kernel's sum of squares so many ranks hold."""
    lines = []
    for (label, kernel), colour in zip(kernels.items(), COLOURS, strict=True):
        values = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)
        energy = np.cumsum(values**2) / np.sum(values**2)
        ranks = np.arange(1, len(values) + 1) / len(values)
        lines.append(charts.Curve(label, 100 * ranks, 100 * energy, colour))
    return charts.curves(
        "low-rank",
        lines,
        Scale("ranks kept, %", 0, 100),
        Scale("energy, %", 0, 100),
        "What share of a kernel's sum of squares its largest singular values hold",
    )


def draw_norms(kernels: Mapping[str, FloatArray]) -> str:
    """The L1 norms of filters in ascending order, as shares of the layer's mean."""
    from facesdk_training.compression.pruning.filters import norms

    lines, highest = [], 0.0
    for (label, kernel), colour in zip(kernels.items(), COLOURS, strict=True):
        found = np.sort(norms([kernel]))
        found = found / found.mean()
        highest = max(highest, float(found[-1]))
        across = 100 * np.arange(len(found)) / (len(found) - 1)
        lines.append(charts.Curve(label, across, found, colour))
    return charts.curves(
        "filters",
        lines,
        Scale("filters of the layer, sorted, %", 0, 100),
        Scale("L1 norm as a share of the layer's mean", 0, highest),
        "L1 norms of the filters of three layers: share=0.25 removes the left quarter",
    )


def draw_policies(notes: Mapping[str, Any], channels: Callable[[str], int]) -> str:
    """What share of each group's channels three searches kept."""
    policies = [notes["searches"][name]["policy"] for name in SEARCHES]
    lines = [
        charts.Curve(
            name,
            np.arange(1, len(policy) + 1),
            [100 * count / channels(group) for group, count in policy.items()],
            colour,
        )
        for name, policy, colour in zip(SEARCHES, policies, COLOURS, strict=True)
    ]
    return charts.curves(
        "amc",
        lines,
        Scale("group of channels, from input to output", 1, len(policies[0])),
        Scale("channels kept, %", 0, 100),
        "Channels that each search keeps within seven tenths of the multiply-adds",
    )


def draw_soft_targets(cosines: FloatArray, scale: float) -> str:
    """The mean probability of the likeliest person, of the second, and so on, softened.

    Args:
        cosines: Of each crop with the mean direction of each person, (crops, people).
        scale: What they are multiplied by, ``loss.scale``.
    """
    lines = []
    for temperature, colour in zip(TEMPERATURES, COLOURS, strict=True):
        powers = np.exp(scale * (cosines - 1) / temperature)
        shares = np.sort(powers / powers.sum(axis=1, keepdims=True), axis=1)[:, ::-1]
        means = shares.mean(axis=0)[:LIKELIEST]
        lines.append(
            charts.Curve(f"T = {temperature}", np.arange(1, len(means) + 1), means, colour)
        )
    return charts.curves(
        "soft-targets",
        lines,
        Scale("person, the likeliest first", 1, LIKELIEST),
        Scale("probability", 1e-4, 1, "log"),
        "The teacher's probabilities of people, by temperature",
    )


def cosines_of(network: Path, data: Path) -> FloatArray:
    """Of some crops with the mean direction of each of their people."""
    from facesdk.recognition.alignment import central
    from facesdk_training.data.crops import PreparedCrops
    from facesdk_training.data.records import FaceDataset
    from facesdk_training.keras.embedder import load_keras

    embedder = load_keras(network, None, None)
    crops = PreparedCrops(FaceDataset.open(data), labelled_only=True)
    size = embedder.contract.input.height, embedder.contract.input.width
    rows = range(0, len(crops), STEP)
    units = embedder.embed(np.stack([central(crops.image(row), *size) for row in rows]))
    _, person = np.unique([crops.records[row].identity for row in rows], return_inverse=True)
    sums = np.zeros((person.max() + 1, units.shape[1]))
    np.add.at(sums, person, units)
    cosines: FloatArray = units @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
    return cosines


def kernel_of(model: Any, name: str) -> FloatArray:
    kernel: FloatArray = np.asarray(model.get_layer(name).get_weights()[0], np.float32)
    return kernel


def draw(network: Path, data: Path, notes: Mapping[str, Any], folder: Path) -> Sequence[Path]:
    """Writes the pictures."""
    import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
    from facesdk_training.compression.pruning.magnitude import kept
    from facesdk_training.compression.sharing.codebook import cluster
    from facesdk_training.config.run import LossConfig
    from facesdk_training.keras import loading

    model = loading.load(network).model
    kernels = {name: kernel_of(model, name) for name in LAYERS}
    kernel = kernels[LAYERS[1]]
    pictures = {
        "pruning": draw_sorted(
            "pruning", kernel, {"magnitude, share=0.5": kernel * kept(kernel, 0.5)}
        ),
        "sharing": draw_sorted("sharing", kernel, {"k-means, bits=3": cluster(kernel, 3).weights}),
        "low-rank": draw_energy(kernels),
        "filters": draw_norms({name: kernel_of(model, name) for name in PRUNED}),
        "amc": draw_policies(notes, lambda group: model.get_layer(group).output_shape[-1]),
        "soft-targets": draw_soft_targets(cosines_of(network, data), LossConfig().scale),
    }
    paths = []
    for name, chart in pictures.items():
        paths.append(folder / f"compress-{name}.svg")
        write_atomic(paths[-1], charts.svg_file(chart).encode())
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", type=Path, required=True, help="a finished float run")
    parser.add_argument("--row", type=Path, required=True, help="a row of AMC: its before.json")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: the docs'")
    parser.add_argument("--data", type=Path, required=True, help="prepared crops of people")
    arguments = parser.parse_args()
    notes = json.loads(arguments.row.read_text())["notes"]
    for path in draw(arguments.network, arguments.data, notes, arguments.folder):
        print(path)


if __name__ == "__main__":
    main()
