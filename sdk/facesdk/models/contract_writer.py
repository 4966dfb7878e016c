"""Another contract in a model file, everything else as it is.

A FlatBuffers vector is found by an offset, so the new contract goes to the end of the file and the
offset of its buffer is turned to it: four bytes change, the graph and the weights do not move. (The
converters, which have the schema, write whole files.)
"""

from __future__ import annotations

import struct
from dataclasses import replace

from facesdk.errors import ModelError
from facesdk.models.bundle import MAX_MODEL_BYTES, ModelBundle, appended_at, contract_offset
from facesdk.models.contract import Contract, Original


def replace_contract(bundle: ModelBundle, contract: Contract) -> bytes:
    """A copy of a model file with another contract.

    The file's own contract stays in it, so that :attr:`ModelBundle.model_id` can be told; what this
    function put at the end is cut off when it is called again, so that a file grows once.

    Args:
        bundle: A model that carries a contract.
        contract: The new one; its ``original`` is filled in.

    Returns:
        A ``.tflite`` file, also of a model that was read from a container.

    Raises:
        ModelError: The new file would be too large.
        ContractError: The model carries no contract, or not the original that it names.
    """
    return with_contract_text(bundle, replace(contract, original=original_of(bundle)).to_json())


def derived(bundle: ModelBundle, contract: Contract) -> ModelBundle:
    """A model of the same network with other embeddings.

    It is another model, with another :attr:`ModelBundle.model_id`; equal contracts give equal ones,
    whatever thresholds and ``full_norm`` the file had. It has no ``full_norm``.

    Args:
        bundle: A recognition model.
        contract: What its contract became by :meth:`Contract.with_flip`, which embeds the mirror
            image as well, or by :meth:`Contract.with_removed_direction`.

    Raises:
        ModelError: The new file would be too large.
        ContractError: The model carries no contract, or not the original that it names.
    """
    named = replace(contract, full_norm=None, original=None)
    content = with_contract_text(bundle, named.to_json())
    return ModelBundle.from_bytes(content, bundle.path, trust=bundle.trusted)


def original_of(bundle: ModelBundle) -> Original:
    """How to get back the file that a model's first contract is in.

    Raises:
        ContractError: The model carries no contract, or not the original that it names.
    """
    at = contract_offset(bundle)
    original = bundle.contract.original
    if original is None:
        return Original(len(bundle.content), struct.unpack_from("<I", bundle.content, at)[0])
    bundle.model_id  # noqa: B018  # raises unless the original is there
    return original


def with_contract_text(bundle: ModelBundle, text: str) -> bytes:
    """A copy of a model file with a text, whatever it is, in place of the contract.

    Args:
        bundle: A model that carries a contract.
        text: The text; that of a contract for the same embeddings names the original.

    Raises:
        ModelError: The new file would be too large.
        ContractError: The model carries no contract, or not the original that it names.
    """
    content, at, length = bundle.content, contract_offset(bundle), original_of(bundle).bytes
    start, data = appended_at(length), text.encode()
    result = bytearray(content[:length].ljust(start, b"\0"))
    struct.pack_into("<I", result, at, start - at)
    result += struct.pack("<I", len(data)) + data
    if len(result) > MAX_MODEL_BYTES:
        raise ModelError(f"the model would have more than {MAX_MODEL_BYTES} bytes")
    return bytes(result)
