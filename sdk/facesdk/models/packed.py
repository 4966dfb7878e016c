"""The container ``.tflite.pack``: a model file, losslessly entropy-coded.

A header, then blocks to the end of the file; integers are little-endian::

    8 bytes   "fsdkpack"
    1 byte    version, 1
    8 bytes   size of the model file
    32 bytes  SHA-256 of the model file

    1 byte    coding of the block (facesdk.models.block_coding)
    4 bytes   size of the block in the model file, at most 131,072
    4 bytes   size of the coded block
    ...       the coded block

A block ends where the data of a large buffer begins or ends, so that each tensor has codes of its
own; and between two filters, where the buffer is a tensor with its filters one after the other.
Runtimes need the model file itself, so a container saves bytes on disk and on the way there, none
in memory.

The codings need NumPy; they are imported where a block is coded, so that a plain model's contract
is read without it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from itertools import pairwise

from facesdk.errors import ModelError
from facesdk.progress import Progress, unwatched
from facesdk.tflite.flatbuffer import FlatbufferError, Table
from facesdk.tflite.verifier import verify

MAGIC = b"fsdkpack"
VERSION = 1
MAX_RATIO = 200
"""A container that claims to hold more than that many times its size is refused as a bomb."""
_HEADER = struct.Struct("<8sBQ32s")
_BLOCK = struct.Struct("<BII")
_MAX_BLOCK = 1 << 17
_LARGE_BUFFER = 1 << 12


class PackedError(ValueError):
    """The container is damaged."""


def is_packed(data: bytes) -> bool:
    """Whether a file is such a container."""
    return data.startswith(MAGIC)


def pack(model: bytes, *, progress: Progress = unwatched) -> bytes:
    """A container of a model file.

    Args:
        model: Content of a ``.tflite`` file.
        progress: Called after each block, of at most 128 KiB.

    Returns:
        Content of the ``.tflite.pack``: equal arguments give equal bytes with the same zlib.

    Raises:
        ModelError: ``model`` is not a TFLite model.
    """
    from facesdk.models import block_coding

    try:
        blocks = list(_blocks(model))
    except FlatbufferError as error:
        raise ModelError(f"cannot pack: not a TFLite model ({error})") from None
    coded = []
    for block, row in blocks:
        coded.append((*block_coding.encode(block, row), len(block)))
        progress(len(coded), len(blocks), "pack")
    packed = _container(model, coded)
    if len(model) > MAX_RATIO * len(packed):
        stored = [(block_coding.STORED, block, len(block)) for block, _ in blocks]
        return _container(model, stored)
    return packed


def unpack(data: bytes, *, max_bytes: int) -> bytes:
    """The model file in a container.

    Args:
        data: Content of a ``.tflite.pack``.
        max_bytes: The largest model file to make of it.

    Raises:
        PackedError: It is damaged, of an unknown version, or holds more than it may.
    """
    if len(data) < _HEADER.size or not is_packed(data):
        raise PackedError("no header")
    _, version, size, digest = _HEADER.unpack_from(data)
    if version != VERSION:
        raise PackedError(
            f"it has version {version}, this facesdk reads {VERSION}: upgrade facesdk or pack again"
        )
    if size > min(max_bytes, MAX_RATIO * len(data)):
        raise PackedError(
            f"it is truncated or hostile: {len(data)} bytes claim to hold {size}; allowed are "
            f"{max_bytes}, and {MAX_RATIO} times its size"
        )
    model = bytearray()
    for block in _decoded(data):
        model += block
        if len(model) > size:
            break
    if len(model) != size or hashlib.sha256(model).digest() != digest:
        raise PackedError("its content differs from its checksum")
    return bytes(model)


def _blocks(model: bytes) -> Iterator[tuple[bytes, int]]:
    """The blocks, each with the bytes of a filter in it, or 0."""
    root = verify(model)
    filters = _filters(root)
    borders = {0: 0, len(model): 0}
    for number, buffer in enumerate(root.tables("buffers")):
        start, size = buffer.vector("data")
        if size >= _LARGE_BUFFER:
            count = filters.get(number, 0)
            borders.setdefault(start + size, 0)
            borders[start] = size // count if count and size % count == 0 else 0
    for start, end in pairwise(sorted(borders)):
        row = borders[start] if borders[start] <= _MAX_BLOCK else 0
        most = _MAX_BLOCK - _MAX_BLOCK % row if row else _MAX_BLOCK
        for first in range(start, end, most):
            yield model[first : min(first + most, end)], row


def _filters(root: Table) -> dict[int, int]:
    """The filters of each buffer that is a tensor of two dimensions or more, by its number."""
    return {
        tensor.scalar("buffer"): shape[0]
        for subgraph in root.tables("subgraphs")
        for tensor in subgraph.tables("tensors")
        if len(shape := tensor.integers("shape")) > 1
    }


def _container(model: bytes, coded: list[tuple[int, bytes, int]]) -> bytes:
    parts = [_HEADER.pack(MAGIC, VERSION, len(model), hashlib.sha256(model).digest())]
    for coding, data, size in coded:
        parts += _BLOCK.pack(coding, size, len(data)), data
    return b"".join(parts)


def _decoded(data: bytes) -> Iterator[bytes]:
    from facesdk.models import block_coding

    at = _HEADER.size
    while at < len(data):
        if at + _BLOCK.size > len(data):
            raise PackedError("it ends within a block")
        coding, size, coded_size = _BLOCK.unpack_from(data, at)
        at += _BLOCK.size
        if not 0 < size <= _MAX_BLOCK or at + coded_size > len(data):
            raise PackedError(f"a block of {coded_size} bytes for {size}")
        try:
            yield block_coding.decode(coding, data[at : at + coded_size], size)
        except block_coding.BlockError as error:
            raise PackedError(f"a block of it is damaged: {error}") from None
        at += coded_size
