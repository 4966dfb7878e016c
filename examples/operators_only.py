"""Run a binary network in the stock runtime's own interpreter: only the operators are ours.

    python examples/operators_only.py model.tflite

Without a model it takes the packaged recogniser.
"""

from __future__ import annotations

import argparse

import numpy as np

from facesdk import load_ops
from facesdk.models.registry import DEFAULT_RECOGNIZER, resolve

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter


def main() -> None:
    """Print the shapes of the network, and what it makes of noise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=str(resolve(DEFAULT_RECOGNIZER)))
    arguments = parser.parse_args()

    interpreter = Interpreter(arguments.model, experimental_delegates=[load_ops()])
    interpreter.allocate_tensors()
    (given,), (returned, *_) = interpreter.get_input_details(), interpreter.get_output_details()
    noise = np.random.default_rng(0).uniform(-1, 1, given["shape"]).astype(given["dtype"])
    interpreter.set_tensor(given["index"], noise)
    interpreter.invoke()
    output = interpreter.get_tensor(returned["index"])
    print(f"{noise.shape} -> {output.shape}, mean {output.mean():.4f}, std {output.std():.4f}")


if __name__ == "__main__":
    main()
