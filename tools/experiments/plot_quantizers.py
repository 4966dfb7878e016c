"""Draws docs/images/quantizers.svg: value and gradient of every quantizer.

    python -m tools.experiments.plot_quantizers [FILE]

Needs the extras `train` and `bench`. The curves are what the quantizers compute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

TARGET = Path(__file__).parents[2] / "docs" / "images" / "quantizers.svg"
COLUMNS = 4
WEIGHTS = (
    "bnn", "bi-real", "xnor-layer", "xnor-filter", "dorefa-1", "dorefa-2", "dorefa-3", "twn",
)  # fmt: skip
ACTIVATIONS = ("xnor", "dorefa-2-clip", "dorefa-2-tanh", "dorefa-2-abs", "hwgq-2")


def draw(target: Path) -> None:
    import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

    import tensorflow as tf  # isort: skip

    from facesdk_training.keras.networks.quantizers import activation_quantizer, weight_quantizer

    panels_of = (
        *(("weights", name, weight_quantizer(name)) for name in WEIGHTS),
        *(("activations", name, activation_quantizer(name)) for name in ACTIVATIONS),
    )
    matplotlib.rcParams.update({"svg.hashsalt": "facesdk", "svg.fonttype": "none", "font.size": 8})
    rows = -(-len(panels_of) // COLUMNS)
    figure = Figure(figsize=(2.3 * COLUMNS, 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True).ravel()
    grid = np.linspace(-1.5, 1.5, 241, dtype=np.float32)
    for panel, (kind, name, quantize) in zip(panels, panels_of, strict=False):
        x = tf.constant(grid.reshape(1, -1, 1))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = quantize(x)
        gradient = tape.gradient(y, x)
        panel.plot(grid, y.numpy().ravel(), color="tab:blue", label="value")
        panel.plot(grid, gradient.numpy().ravel(), color="tab:orange", ls="--", label="gradient")
        panel.set_title(f"{name} ({kind})", fontsize=8)
        panel.grid(alpha=0.3)
    for panel in panels[len(panels_of) :]:
        panel.axis("off")
    handles, labels = panels[0].get_legend_handles_labels()
    panels[-1].legend(handles, labels, loc="center")
    figure.savefig(target, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=TARGET, help="default: the docs'")
    draw(parser.parse_args().file)


if __name__ == "__main__":
    main()
