"""The packaged network's float twin, converted by TFLiteConverter to a float32 and an int8 file.

    python -m tools.peers.twins twin-float32.tflite twin-int8.tflite

The weights are fresh: the files are for measuring time and size, not accuracy.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PACKAGED_STAGES = ((96, 4), (192, 8), (256, 12))
"""Channels and units of each stage of the packaged ``compactfacenet-qb``."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("float32", type=Path, help="file to write")
    parser.add_argument("int8", type=Path, help="file to write")
    arguments = parser.parse_args()

    from facesdk_training.architectures.registry import configure
    from facesdk_training.keras.networks.build import build_embedder

    import tensorflow as tf  # isort: skip

    shape = {"stem_channels": (32, PACKAGED_STAGES[0][0]), "stages": PACKAGED_STAGES}
    model = build_embedder(configure("CompactFaceNet", variant="float", **shape))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    arguments.float32.write_bytes(converter.convert())

    def crops() -> Iterator[list[np.ndarray]]:
        rng = np.random.default_rng(0)
        for _ in range(16):
            yield [rng.uniform(-1, 1, (1, *model.input_shape[1:])).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = crops
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    arguments.int8.write_bytes(converter.convert())


if __name__ == "__main__":
    main()
