"""What a policy takes in time, by a table that was measured: AMC's reward for latency.

Y. He et al. (ECCV 2018), section 3.4, take -error log(latency) with a table of times in place of
multiply-adds. Ours is the JSON of ``facesdk bench ops FILE.tflite --json`` on the device, of the
network's own float32 file: each kernel's median time, alone. A kernel that keeps a part of its
multiply-adds takes that part of its time; this is what the table cannot know better, and narrow
kernels use a processor less well, so a network is a little slower than its policy says. Operators
without kernels (sums, activations, pools) and calls are not counted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.complexity.layers import measure
from facesdk_training.compression.search.space import Space

Times = Mapping[tuple[int, int], float]
"""Milliseconds of a kernel by its multiply-adds and its number of weights."""

PICOSECONDS = 1_000_000_000
"""In a millisecond: the unit in which a timed space counts, in whole numbers."""


def read_times(path: Path) -> Times:
    """The times of kernels in a report of ``facesdk bench ops``.

    Raises:
        InputError: It cannot be read or is no such report.
    """
    try:
        record: Any = json.loads(path.read_bytes())
        rows = record["shapes"] if record["kind"] == "ops" else None
        return {
            (int(row["macs"]), math.prod(row["filter"])): float(row["latency_ms"]["median"])
            for row in rows
            if row["macs"]
        }
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path} is no report of operators: write one by `facesdk bench ops FILE --json`"
        ) from None


def timed(space: Space, model: tf.keras.Model, times: Times) -> Space:
    """A space of the same policies that counts picoseconds instead of multiply-adds.

    Args:
        space: Of :func:`..network.space_of`, with a term for each kernel.
        model: The network that it was made of.
        times: Of its file.

    Raises:
        InputError: The file lacks one of its kernels.
    """
    costs = [cost for cost in measure(model).layers if cost.multiply_adds]
    terms = []
    for term, cost in zip(space.terms, costs, strict=True):
        once = cost.multiply_adds // cost.calls
        took = times.get((once, cost.weights))
        if took is None:
            raise InputError(
                f"the table has no operator of {cost.name} ({once:,} multiply-adds, "
                f"{cost.weights:,} weights): measure the network's own file, `facesdk convert "
                "float32 RUN -o own.tflite; facesdk bench ops own.tflite --json`"
            )
        channels = math.prod(space.units[unit].channels for unit in term.units)
        terms.append(replace(term, each=max(1, round(cost.calls * took * PICOSECONDS / channels))))
    return replace(space, terms=tuple(terms))
