"""Integers out of a FlexBuffer map, the form in which custom operators carry their options.

Format: https://flatbuffers.dev/internals/ (FlexBuffers). What the operator library reads, no more.
"""

from __future__ import annotations

_WIDTHS = {1, 2, 4, 8}
_INTEGERS = {1: True, 2: False, 26: False}
_INDIRECT = {6: True, 7: False}
"""Types of integers by code, and whether they have a sign."""

_MAP = 9
_MOST_ENTRIES = 64
_LONGEST_KEY = 256
"""More than any operator has; a damaged map cannot make its reader work for long."""


def map_integers(data: bytes) -> dict[str, int]:
    """The integers of a map by their keys; truth values are 0 and 1, all else is left out.

    Args:
        data: The FlexBuffer.

    Returns:
        Nothing where the buffer is no map, is damaged, or has over 64 entries.
    """
    try:
        return _integers(data)
    except (IndexError, ValueError):
        return {}


def _integers(data: bytes) -> dict[str, int]:
    width, kind = data[-1], data[-2]
    if width not in _WIDTHS or kind >> 2 != _MAP:
        return {}
    values = _follow(data, len(data) - 2 - width, width)
    width = 1 << (kind & 3)
    keys_width = _number(data, values - 2 * width, width)
    keys = _follow(data, values - 3 * width, width)
    count = _number(data, values - width, width)
    if keys_width not in _WIDTHS or count > _MOST_ENTRIES:
        raise ValueError
    found = {}
    for place in range(count):
        at = _follow(data, keys + place * keys_width, keys_width)
        if at < 0:
            raise IndexError
        key = data[at : data.index(0, at, at + _LONGEST_KEY)].decode()
        kind = data[values + count * width + place]
        at = values + place * width
        if kind >> 2 in _INTEGERS:
            found[key] = _number(data, at, width, signed=_INTEGERS[kind >> 2])
        elif kind >> 2 in _INDIRECT:
            at = _follow(data, at, width)
            found[key] = _number(data, at, 1 << (kind & 3), signed=_INDIRECT[kind >> 2])
    return found


def _follow(data: bytes, at: int, width: int) -> int:
    return at - _number(data, at, width)


def _number(data: bytes, at: int, width: int, *, signed: bool = False) -> int:
    if at < 0 or at + width > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + width], "little", signed=signed)
