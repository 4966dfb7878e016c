"""Plot the curves of training runs from their ``log.jsonl``: the loss, and the held-out accuracy.

python -m tools.experiments.plot_runs docs/images/training-curves.svg A=runs/a C=runs/c
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from facesdk_training.runs import folder as run_folder

PANELS = (("loss", "loss", 1.0), ("validation_accuracy", "held-out pairs, accuracy in %", 100.0))


def draw(named_runs: dict[str, Path]) -> Figure:
    matplotlib.rcParams.update({"svg.hashsalt": "facesdk", "svg.fonttype": "none", "font.size": 8})
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.subplots(1, len(PANELS))
    for axis, (key, label, factor) in zip(axes, PANELS, strict=True):
        for name, run in named_runs.items():
            rows = run_folder.read_log(run)
            images = [row["images"] / 1000 for row in rows]
            axis.plot(images, [factor * row[key] for row in rows], label=name, linewidth=1.5)
        axis.set_xlabel("crops seen, thousands")
        axis.set_title(label)
        axis.grid(alpha=0.3)
    axes[0].legend()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    arguments = parser.parse_args()
    named_runs = {
        name: Path(run) for name, _, run in (text.partition("=") for text in arguments.runs)
    }
    missing = [str(run) for run in named_runs.values() if not (run / run_folder.LOG).is_file()]
    if missing:
        parser.error(f"no {run_folder.LOG} in {', '.join(missing)}")
    draw(named_runs).savefig(arguments.output, metadata={"Date": None})


if __name__ == "__main__":
    main()
