"""Files that say that they take any number of inputs at a time.

A runtime that resizes strictly changes only dimensions whose size the file leaves open (-1 in the
signature of a tensor's shape). Larq Compute Engine's converter writes the 1 it has converted with.
"""

from __future__ import annotations

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.tflite.tree import Tree

_SEVERAL = 2


def with_open_batch(bundle: ModelBundle) -> ModelBundle:
    """The file with an open batch, if the runtime can resize it; else as it is.

    Some networks cannot take several inputs: one that reshapes to a batch of 1, for example.
    """
    tree = Tree.of(bundle)
    (entry,) = tree.inputs
    try:
        interpreter = Interpreter(bundle, input_shapes=[(_SEVERAL, *tree.shape(entry)[1:])])
    except ModelError:  # also of a file that no runtime takes, which is told where it is compared
        return bundle
    if any(shape[0] != _SEVERAL for shape in interpreter.output_shapes):
        return bundle
    tree.open_batch([entry, *tree.outputs])
    return ModelBundle.from_bytes(tree.to_bytes(), bundle.path)
