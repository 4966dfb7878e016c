"""Whether a file can take several inputs at a time, so that it may say so.

A runtime that resizes strictly changes only dimensions whose size the file leaves open (-1 in the
signature of a tensor's shape). Larq Compute Engine's converter writes the 1 it has converted with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter

if TYPE_CHECKING:  # sources load TensorFlow
    from facesdk_converters.sources.network import Network

_SEVERAL = 2


def takes_several(bundle: ModelBundle, network: Network) -> bool:
    """Whether a file can be resized to several inputs, as its source can.

    Some cannot: one that was built for a batch of 1, or that reshapes to one.
    """
    if network.batch is not None:
        return False
    try:
        shapes = [(_SEVERAL, *shape) for shape in network.input_shapes]
        interpreter = Interpreter(bundle, input_shapes=shapes)
    except ModelError:
        return False
    return all(shape[0] == _SEVERAL for shape in interpreter.output_shapes)
