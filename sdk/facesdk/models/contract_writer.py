"""Another contract in a model file, everything else as it is.

A FlatBuffers vector is found by an offset, so the new contract goes to the end of the file and the
offset of its buffer is turned to it: four bytes change, the graph and the weights do not move. (The
converters, which have the schema, write whole files.)
"""

from __future__ import annotations

import struct

from facesdk.errors import ContractError, ModelError
from facesdk.models.bundle import MAX_MODEL_BYTES, ModelBundle, contract_buffer
from facesdk.models.contract import Contract

_ALIGNMENT = 16
"""Of the data of a ``Buffer``, in TensorFlow Lite's ``schema.fbs``."""


def replace_contract(bundle: ModelBundle, contract: Contract) -> bytes:
    """A copy of a model file with another contract.

    The old contract is cut off where it is the end of the file, as this function leaves it, and
    stays in the file unused otherwise, so that a file grows once.

    Args:
        bundle: A model that carries a contract.
        contract: The new one.

    Returns:
        A ``.tflite`` file, also of a model that was read from a container.

    Raises:
        ModelError: The new file would be too large.
        ContractError: The model carries no contract.
    """
    content, buffer = bundle.content, contract_buffer(bundle.root)
    at = None if buffer is None else buffer.position_of("data")
    if buffer is None or at is None:
        raise ContractError(
            "the model carries no facesdk contract to change: convert it with `facesdk convert`"
        )
    start = at + struct.unpack_from("<I", content, at)[0]
    if start + 4 + buffer.count("data") != len(content):
        start = len(content) + -(len(content) + 4) % _ALIGNMENT
    text = contract.to_json().encode()
    result = bytearray(content[:start].ljust(start, b"\0"))
    struct.pack_into("<I", result, at, start - at)
    result += struct.pack("<I", len(text)) + text
    if len(result) > MAX_MODEL_BYTES:
        raise ModelError(f"the model would have more than {MAX_MODEL_BYTES} bytes")
    return bytes(result)
