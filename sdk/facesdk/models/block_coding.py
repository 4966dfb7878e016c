"""A block of a model file in fewer bytes: rearranged, then Huffman-coded.

Weights do not repeat, so that there is little for a dictionary coder to find; but some of their
bytes are likelier than others, and a Huffman code is as long as a byte is unlikely. The
rearrangements make likelihoods uneven: the exponents of floats lie together and share a code of
their own (:class:`Planes`), and weights that share few values become numbers of values
(:class:`Codebook`, the storage of "Deep Compression", Han et al., ICLR 2016, sections 3 and 4).
A converter multiplies each filter by the scale of the batch normalisation after it, so a layer's
shared values become as many values per filter (:class:`FilterCodebooks`). zlib makes the codes:
Deflate (RFC 1951) with or without its search for repetitions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

STORED = 0
"""The coding of a block that is not coded at all."""
_RAW_DEFLATE = -zlib.MAX_WBITS
_MEMORY_LEVEL = 9
"""zlib's largest: a Huffman code for each 32 KiB, which is a plane of a block of 128 KiB."""
_MAX_VALUES = 256
_LONGEST_FILTER = (1 << 16) - 1


class BlockError(ValueError):
    """A coded block is damaged."""


class Rearrangement(Protocol):
    """A reversible change of a block's bytes."""

    def apply(self, block: bytes, row: int = 0) -> bytes | None:
        """The rearranged block; None where it does not suit.

        Args:
            block: Any bytes.
            row: Bytes of a filter, of which the block has a whole number; 0 where it has none.
        """

    def undo(self, data: bytes, size: int) -> bytes:
        """The block of ``size`` bytes that was rearranged; BlockError if there is none."""

    def limit(self, size: int) -> int:
        """The most bytes that a rearranged block of ``size`` bytes can have."""


@dataclass(frozen=True, slots=True)
class Planes:
    """First bytes of all numbers, then their second bytes, and so on; width 1 changes nothing.

    Attributes:
        width: Bytes a number.
    """

    width: int

    def apply(self, block: bytes, row: int = 0) -> bytes:
        """See :class:`Rearrangement`."""
        return _transposed(_padded(block, self.width), self.width)

    def undo(self, data: bytes, size: int) -> bytes:
        """See :class:`Rearrangement`."""
        if len(data) != self.limit(size):
            raise BlockError(f"planes of {len(data)} bytes for {size}")
        return _transposed(data, len(data) // self.width)[:size]

    def limit(self, size: int) -> int:
        """See :class:`Rearrangement`."""
        return size + -size % self.width


@dataclass(frozen=True, slots=True)
class Codebook:
    """The different numbers, at most 256, and for each number of the block its place among them.

    Attributes:
        width: Bytes a number.
    """

    width: int

    def apply(self, block: bytes, row: int = 0) -> bytes | None:
        """See :class:`Rearrangement`."""
        numbers = np.frombuffer(_padded(block, self.width), self._type)
        values, places = np.unique(numbers, return_inverse=True)
        if len(values) > _MAX_VALUES:
            return None
        parts = (bytes([len(values) - 1]), values.tobytes(), places.astype(np.uint8).tobytes())
        return b"".join(parts)

    def undo(self, data: bytes, size: int) -> bytes:
        """See :class:`Rearrangement`."""
        count = data[0] + 1 if data else 0
        start = 1 + count * self.width
        if len(data) != start + self._numbers(size):
            raise BlockError(f"a codebook of {len(data)} bytes for {size}")
        values = np.frombuffer(data, self._type, count, 1)
        places = np.frombuffer(data, np.uint8, -1, start)
        if places.max(initial=0) >= count:
            raise BlockError("a place that its codebook does not have")
        return values[places].tobytes()[:size]

    def limit(self, size: int) -> int:
        """See :class:`Rearrangement`."""
        return 1 + _MAX_VALUES * self.width + self._numbers(size)

    @property
    def _type(self) -> str:
        return f"<u{self.width}"

    def _numbers(self, size: int) -> int:
        return -(-size // self.width)


@dataclass(frozen=True, slots=True)
class FilterCodebooks:
    """For each filter its different numbers, at most 256, and each number's place among them.

    A 2-byte length of the filters in numbers; a byte per filter, how many values it has less 1; all
    values, as :class:`Planes`; a byte per number. The values of a filter are in ascending order of
    their bits, so a place means nearly the same in all filters and one code serves them.

    Attributes:
        width: Bytes per number.
    """

    width: int

    def apply(self, block: bytes, row: int = 0) -> bytes | None:
        """See :class:`Rearrangement`."""
        length = row // self.width
        if not 1 < length <= _LONGEST_FILTER or row % self.width or len(block) % row:
            return None
        filters = np.frombuffer(block, self._type).reshape(-1, length)
        order = np.argsort(filters, axis=1, kind="stable")
        ordered = np.take_along_axis(filters, order, 1)
        new = np.ones(ordered.shape, bool)
        new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        counts = new.sum(1)
        if counts.max() > _MAX_VALUES or 2 * counts.sum() > filters.size:
            return None
        places = np.empty(filters.shape, np.uint8)
        np.put_along_axis(places, order, (new.cumsum(1) - 1).astype(np.uint8), 1)
        values = _transposed(ordered[new].tobytes(), self.width)
        head = length.to_bytes(2, "little"), (counts - 1).astype(np.uint8).tobytes()
        return b"".join((*head, values, places.tobytes()))

    def undo(self, data: bytes, size: int) -> bytes:
        """See :class:`Rearrangement`."""
        length = int.from_bytes(data[:2], "little")
        row = length * self.width
        if not row or not size or size % row:
            raise BlockError(f"filters of {length} numbers in {size} bytes")
        filters = size // row
        counts = np.frombuffer(data[2 : 2 + filters], np.uint8).astype(np.int64) + 1
        start = 2 + filters
        end = start + int(counts.sum()) * self.width
        if len(data) != end + filters * length:
            raise BlockError(f"codebooks of {len(data)} bytes for {size}")
        places = np.frombuffer(data, np.uint8, -1, end).reshape(filters, length)
        if (places >= counts[:, None]).any():
            raise BlockError("a place that its codebook does not have")
        values = np.frombuffer(_transposed(data[start:end], int(counts.sum())), self._type)
        firsts = np.cumsum(counts) - counts
        return bytes(values[firsts[:, None] + places].tobytes())

    def limit(self, size: int) -> int:
        """See :class:`Rearrangement`."""
        return 2 + size // self.width * (2 + self.width)

    @property
    def _type(self) -> str:
        return f"<u{self.width}"


CODINGS: dict[int, Rearrangement] = {
    1: Planes(1),
    2: Planes(2),
    3: Planes(4),
    4: Codebook(2),
    5: Codebook(4),
    6: FilterCodebooks(2),
    7: FilterCodebooks(4),
}
"""Rearrangements by the number that the file gives them."""


def encode(block: bytes, row: int = 0) -> tuple[int, bytes]:
    """The shortest of all codings of a block.

    Args:
        block: Any bytes.
        row: See :meth:`Rearrangement.apply`.

    Returns:
        Its number and the coded bytes, never more than the block has.
    """
    candidates = [(STORED, block)]
    for number, rearrangement in CODINGS.items():
        data = rearrangement.apply(block, row)
        if data is not None:
            candidates += ((number, coded) for coded in _deflated(data))
    return min(candidates, key=lambda candidate: len(candidate[1]))


def decode(coding: int, data: bytes, size: int) -> bytes:
    """The block that was coded.

    Args:
        coding: The number that :func:`encode` gave.
        data: The coded bytes.
        size: Length of the block; memory for little more is taken, whatever ``data`` says.

    Raises:
        BlockError: There is no such coding, or the data is damaged.
    """
    if coding == STORED:
        if len(data) != size:
            raise BlockError(f"{len(data)} stored bytes for {size}")
        return data
    if coding not in CODINGS:
        raise BlockError(f"unknown coding {coding}")
    rearrangement = CODINGS[coding]
    stream = zlib.decompressobj(_RAW_DEFLATE)
    try:
        inflated = stream.decompress(data, rearrangement.limit(size) + 1)
    except zlib.error as error:
        raise BlockError(str(error)) from None
    if not stream.eof or stream.unused_data:
        raise BlockError("a Deflate stream that does not end where its block does")
    return rearrangement.undo(inflated, size)


def _deflated(data: bytes) -> Iterator[bytes]:
    for strategy in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY):
        stream = zlib.compressobj(6, zlib.DEFLATED, _RAW_DEFLATE, _MEMORY_LEVEL, strategy)
        yield stream.compress(data) + stream.flush()


def _padded(block: bytes, width: int) -> bytes:
    return block + bytes(-len(block) % width)


def _transposed(data: bytes, columns: int) -> bytes:
    return np.frombuffer(data, np.uint8).reshape(-1, columns).T.tobytes()
