"""Reads the header, the strings and the class names of dex code, and checks what they promise.

The format: source.android.com, "Dalvik executable format".
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib

from android_demo.ci.errors import CheckError

_HEADER = 112
_LITTLE_ENDIAN = 0x12345678


def class_names(content: bytes) -> tuple[str, ...]:
    """The classes that dex code defines, as ``org.facesdk.FaceEngine``.

    Raises:
        CheckError: The bytes are not dex code, or are damaged.
    """
    if not re.match(rb"dex\n0\d\d\0", content) or len(content) < _HEADER:
        raise CheckError("it must begin as dex code, but does not")
    checksum, signature, size, header, endian = struct.unpack_from("<I20sIII", content, 8)
    if (size, header, endian) != (len(content), _HEADER, _LITTLE_ENDIAN):
        raise CheckError(f"the dex header says {size} bytes, but there are {len(content)}")
    if zlib.adler32(content[12:]) != checksum:
        raise CheckError("the dex code's checksum is wrong")
    if hashlib.sha1(content[32:]).digest() != signature:
        raise CheckError("the dex code's signature is wrong")
    string_count, string_offset, _, type_offset = struct.unpack_from("<IIII", content, 56)
    class_count, class_offset = struct.unpack_from("<II", content, 96)

    def string(index: int) -> str:
        if index >= string_count:
            raise CheckError(f"the dex code has no string {index}")
        (offset,) = struct.unpack_from("<I", content, string_offset + 4 * index)
        while content[offset] & 0x80:  # a length in LEB128, which the closing zero makes needless
            offset += 1
        return content[offset + 1 : content.index(0, offset + 1)].decode("utf-8", "replace")

    found = []
    for index in range(class_count):
        (kind,) = struct.unpack_from("<I", content, class_offset + 32 * index)
        (name,) = struct.unpack_from("<I", content, type_offset + 4 * kind)
        found.append(string(name)[1:-1].replace("/", "."))
    return tuple(found)
