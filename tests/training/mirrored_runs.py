"""Small runs on two virtual CPUs in the place of GPUs, one after the other in one process.

Arguments: folder of the material, folder of the runs, and the variants, with the step after which
each is told to stop: ``float alike:4``. Prints their losses as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tensorflow as tf

from training.small_runs import VARIANTS, losses_of, small_config, trainer_of


def mirrored(replicas: int) -> tf.distribute.Strategy:
    cpu = tf.config.list_physical_devices("CPU")[0]
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [part] * replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(replicas)])


def main() -> None:
    material, runs = map(Path, sys.argv[1:3])
    validation = {"sets": ["a"], "share": 0.5, "every": 5}
    strategy, losses = mirrored(2), {}
    for asked in sys.argv[3:]:
        name, _, stop_at = asked.partition(":")
        config = small_config(material, validation=validation, **VARIANTS[name])
        trainer = trainer_of(runs / name, config, strategy)
        losses[name] = losses_of(trainer, int(stop_at) if stop_at else None)
    print(json.dumps(losses))


if __name__ == "__main__":
    main()
