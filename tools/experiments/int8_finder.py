"""The packaged finder in 8 bits beside itself in floats: bytes, time, boxes.

    python -m tools.experiments.int8_finder faces --runs 60

TensorFlow's converter makes a file of float32 and one of full 8 bits for each picture size,
calibrated with 24 photos with a face; 24 others are compared. Times are of the process, one thread,
both files in turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesdk.detection.canvases import fitted
from facesdk.detection.halvings import Halvings
from facesdk.detection.one_stage.decoding import decode
from facesdk.detection.one_stage.finder import LARGEST, MARGIN, MULTIPLE, STRIDES
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.detectors import finder
from facesdk_training.runs import finder as finder_file
from tools.bench.detectors.oracles import scenes

WEIGHTS = Path(__file__).parents[2] / "training/runs/finder/finder.npz"
LOOKS = ((0.25, MARGIN), (1.0, 0))
"""Scale of a photo of 640x480, and the margin around it."""

CALIBRATION, SCORE = 24, 0.5

Step = Callable[[Any], Any]


class Graph:
    """Stands for :class:`facesdk_converters.tflite.layers.Layers`, with functions of TensorFlow."""

    def __init__(self, *_: Any, **__: Any) -> None:
        import tensorflow

        self._tf = tensorflow
        self._values: dict[Step, Any] = {}

    def input(self, name: str, shape: Any) -> Step:
        """The picture."""
        del name, shape
        return self._once(lambda image: image)

    def conv2d(
        self, x: Step, kernel: ArrayLike, bias: ArrayLike, *, stride: int = 1,
        padding: str = "valid", relu: bool = False,
    ) -> Step:  # fmt: skip
        """A convolution, as of ``Layers``."""
        weights, offsets = np.asarray(kernel, np.float32), np.asarray(bias, np.float32)
        convolve = self._tf.nn.conv2d
        return self._active(
            lambda image: convolve(x(image), weights, stride, padding.upper()) + offsets, relu
        )

    def depthwise_conv2d(
        self, x: Step, kernel: ArrayLike, bias: ArrayLike, *, stride: int = 1, relu: bool = False
    ) -> Step:
        """A convolution of each channel by itself."""
        weights = np.asarray(kernel, np.float32)[..., None]
        offsets, strides = np.asarray(bias, np.float32), [1, stride, stride, 1]
        convolve = self._tf.nn.depthwise_conv2d
        return self._active(
            lambda image: convolve(x(image), weights, strides, "SAME") + offsets, relu
        )

    def add(self, x: Step, y: Step, *, relu: bool = False) -> Step:
        """A sum."""
        return self._active(lambda image: x(image) + y(image), relu)

    def doubled(self, x: Step) -> Step:
        """Twice as many rows and columns."""
        tf = self._tf
        return self._once(lambda image: tf.nn.depth_to_space(tf.concat([x(image)] * 4, 3), 2))

    def to_bytes(self, outputs: list[Step]) -> Callable[[Any], list[Any]]:
        """All outputs, as one function for TensorFlow to convert."""

        def run(image: Any) -> list[Any]:
            self._values.clear()
            return [output(image) for output in outputs]

        return run

    def _active(self, step: Step, relu: bool) -> Step:
        return self._once(lambda image: self._tf.nn.relu(step(image)) if relu else step(image))

    def _once(self, step: Step) -> Step:
        def value(image: Any) -> Any:
            if value not in self._values:
                self._values[value] = step(image)
            return self._values[value]

        return value


def files(pictures: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """The finder for pictures of one size, in float32 and in 8 bits."""
    import tensorflow as tf

    finder.Layers = Graph  # type: ignore[misc, assignment]
    network: Any = finder.built(finder_file.read(WEIGHTS), float16=False)
    signature = [tf.TensorSpec((1, *pictures.shape[1:]), tf.float32)]
    function = tf.function(network, input_signature=signature).get_concrete_function()
    floats = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [picture[None].astype(np.float32)] for picture in pictures[:CALIBRATION]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return floats, converter.convert()


def boxes(network: Interpreter, picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """``(n, 5)``: score and box of each find."""
    maps = sorted(network.run(picture), key=lambda values: -values.size)
    found = [decode(m[0], stride, SCORE) for m, stride in zip(maps, STRIDES, strict=True)]
    return np.concatenate([np.column_stack(part) for part in found])


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, metavar="FOLDER")
    parser.add_argument("--runs", type=int, default=60)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    photos = [photo for photo, _, _ in scenes(options.faces, 2 * CALIBRATION)]
    for scale, margin in LOOKS:
        canvases = (
            next(fitted(Halvings(photo), scale, margin, multiple=MULTIPLE, most=LARGEST))
            for photo in photos
        )
        pictures = np.stack([canvas.pixels for canvas in canvases])
        made = files(pictures)
        networks = [Interpreter(ModelBundle.from_bytes(content, "finder")) for content in made]
        spent = np.zeros((options.runs, 2))
        for run, place in np.ndindex(options.runs, 2):
            networks[place].fill(pictures[run % len(pictures)][None].astype(np.float32))
            networks[place].invoke()
            start = time.process_time()
            networks[place].invoke()
            spent[run, place] = 1000 * (time.process_time() - start)
        apart, lost = [], 0
        for picture in pictures[CALIBRATION:]:
            floats, ints = (boxes(n, picture[None].astype(np.float32)) for n in networks)
            if not len(floats):
                continue
            best = floats[floats[:, 0].argmax(), 1:]
            lost += not len(ints)
            if len(ints):
                apart.append(np.abs(ints[:, 1:] - best).max(axis=1).min() / (best[2] - best[0]))
        print(
            f"{pictures.shape[2]}x{pictures.shape[1]}: {len(made[0]):,d} and {len(made[1]):,d} "
            f"bytes, {spent[:, 0].min():.2f} and {spent[:, 1].min():.2f} ms; lost {lost}, edges "
            f"{np.median(apart):.3f} box widths apart, at most {max(apart):.3f}"
        )


if __name__ == "__main__":
    main()
