"""Writing the contract into a model file.

A TFLite flatbuffer has a table ``metadata`` of (name, buffer) pairs that runtimes ignore
(TensorFlow Lite's ``schema.fbs``, table ``Metadata``). The contract is the UTF-8 JSON in the
buffer named :data:`facesdk.models.contract.METADATA_NAME`;
:class:`facesdk.models.bundle.ModelBundle` reads it.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ModelError
from facesdk.models.contract import METADATA_NAME, Contract
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.verifier import verify
from facesdk_converters.tflite.chain import pack


def write_contract(model: bytes, contract: Contract) -> bytes:
    """A copy of a model that carries a contract, and is otherwise equal.

    Args:
        model: Content of a ``.tflite`` file; a contract it already has is replaced.
        contract: The contract to write.

    Returns:
        Content of the new file: equal arguments give equal bytes.

    Raises:
        ModelError: ``model`` is not a TFLite flatbuffer.
    """
    try:
        verify(model)
    except FlatbufferError as error:
        raise ModelError(f"cannot write a contract: not a TFLite model ({error})") from None
    tree = schema.ModelT.InitFromPackedBuf(model)
    _buffer_for_contract(tree).data = np.frombuffer(contract.to_json().encode(), dtype=np.uint8)
    return pack(tree)


def _buffer_for_contract(tree: schema.ModelT) -> schema.BufferT:
    name = METADATA_NAME.encode()
    for entry in tree.metadata or []:
        if entry.name == name:
            return tree.buffers[entry.buffer]
    tree.metadata = [*(tree.metadata or []), schema.MetadataT(name, len(tree.buffers))]
    tree.buffers.append(schema.BufferT())
    return tree.buffers[-1]
