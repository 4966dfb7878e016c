"""Read a model's contract: how to feed it, what it returns, and which threshold to use.

    python examples/read_contract.py model.tflite

Without a model it takes the packaged recogniser.
"""

from __future__ import annotations

import argparse

from facesdk.models.bundle import ModelBundle
from facesdk.models.registry import DEFAULT_RECOGNIZER, resolve


def main() -> None:
    """Print what a program needs to use the model without facesdk's engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=str(resolve(DEFAULT_RECOGNIZER)))
    arguments = parser.parse_args()

    bundle = ModelBundle.load(arguments.model)
    contract = bundle.contract
    print(f"{contract.name}: {contract.task}, {contract.architecture}, SHA-256 {bundle.sha256}")
    print(f"input: {contract.input}")
    print(f"crops: template {contract.template}; embeddings of {contract.dim} numbers")
    for threshold in contract.thresholds:
        print(f"false match rate {threshold.fmr:g}: similarity {threshold.similarity:.4f}")


if __name__ == "__main__":
    main()
