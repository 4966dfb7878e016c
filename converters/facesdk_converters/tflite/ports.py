"""The inputs and outputs of a file in the order of its source.

Converters list them in the order of their names, so that a network with the inputs ``left`` and
``face`` would take them the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk_converters.tflite.tree import Tree


def in_order(bundle: ModelBundle, inputs: Sequence[str], outputs: Sequence[str]) -> ModelBundle:
    """The same file with its inputs and outputs in another order.

    Args:
        bundle: A file with a signature.
        inputs: The names in the signature, as they are to be ordered; none to keep them.
        outputs: Likewise.

    Raises:
        ModelError: It has no signature with these names, and more than one input or output.
    """
    if len(inputs) <= 1 and len(outputs) <= 1:
        return bundle
    tree = Tree.of(bundle)
    signatures = tree.model.signatureDefs or []
    given = _numbers(row for signature in signatures for row in signature.inputs or [])
    made = _numbers(row for signature in signatures for row in signature.outputs or [])
    if len(signatures) != 1 or not (given.keys() >= {*inputs} and made.keys() >= {*outputs}):
        raise ModelError("the converter wrote a file that does not name its inputs and outputs")
    tree.inputs = [given[name] for name in inputs] or tree.inputs
    tree.outputs = [made[name] for name in outputs] or tree.outputs
    return ModelBundle.from_bytes(tree.to_bytes(), bundle.path)


def named(bundle: ModelBundle, inputs: Sequence[str], outputs: Sequence[str]) -> ModelBundle:
    """The same file, whose signature has other names, if it has one.

    Args:
        bundle: The file.
        inputs: The name of each input, in order.
        outputs: Likewise.
    """
    tree = Tree.of(bundle)
    for signature in tree.model.signatureDefs or []:
        for rows, tensors, names in (
            (signature.inputs, tree.inputs, inputs),
            (signature.outputs, tree.outputs, outputs),
        ):
            left = list(zip(tensors, names, strict=True))
            for row in rows or []:
                place = next(n for n, (tensor, _) in enumerate(left) if tensor == row.tensorIndex)
                row.name = left.pop(place)[1]
    return ModelBundle.from_bytes(tree.to_bytes(), bundle.path)


def _numbers(rows: Iterable[Any]) -> dict[str, int]:
    """The tensor of each name."""
    return {row.name.decode(): int(row.tensorIndex) for row in rows}
