"""Integers out of a FlexBuffer map, the form in which custom operators carry their options.

Format: https://flatbuffers.dev/internals/ (FlexBuffers). What the operator library reads, no more.
"""

from __future__ import annotations

_WIDTHS = {1, 2, 4, 8}
_INTEGERS = {1: True, 2: False, 26: False}
_INDIRECT = {6: True, 7: False}
"""Types of integers by code, and whether they have a sign."""

_MAP = 9


def map_integer(data: bytes, key: str) -> int | None:
    """The integer under a key.

    Args:
        data: The FlexBuffer.
        key: The key.

    Returns:
        The integer; None where the buffer is no map, is damaged, or has no integer of that name.
    """
    try:
        return _find(data, key.encode() + b"\0")
    except (IndexError, ValueError):
        return None


def _find(data: bytes, key: bytes) -> int | None:
    width, kind = data[-1], data[-2]
    if width not in _WIDTHS or kind >> 2 != _MAP:
        return None
    values = _follow(data, len(data) - 2 - width, width)
    width = 1 << (kind & 3)
    keys_width = _number(data, values - 2 * width, width)
    keys = _follow(data, values - 3 * width, width)
    count = _number(data, values - width, width)
    if keys_width not in _WIDTHS or count > len(data):
        raise ValueError
    for place in range(count):
        at = _follow(data, keys + place * keys_width, keys_width)
        if data[at : at + len(key)] != key:
            continue
        kind = data[values + count * width + place]
        at = values + place * width
        if kind >> 2 in _INTEGERS:
            return _number(data, at, width, signed=_INTEGERS[kind >> 2])
        if kind >> 2 in _INDIRECT:
            at = _follow(data, at, width)
            return _number(data, at, 1 << (kind & 3), signed=_INDIRECT[kind >> 2])
    return None


def _follow(data: bytes, at: int, width: int) -> int:
    return at - _number(data, at, width)


def _number(data: bytes, at: int, width: int, *, signed: bool = False) -> int:
    if at < 0 or at + width > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + width], "little", signed=signed)
