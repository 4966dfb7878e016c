"""WebP files without what does not decide their pixels.

A profile or metadata after the picture may be cut off, and the length in the file's head may be
wrong, in a photo that browsers show; libwebp's reader of whole files refuses it. Format:
RFC 9649.
"""

from __future__ import annotations

from collections.abc import Iterator

_HEAD = 12
_ICC_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x20, 0x08, 0x04
_PICTURE = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")


def starts(content: bytes) -> bool:
    """Whether these are the first bytes of a WebP file."""
    return content[:4] == b"RIFF" and content[8:_HEAD] == b"WEBP"


def essential(content: bytes) -> bytes:
    """The file with its pictures and its Exif data, and a head that says how long it is.

    A file whose picture is not whole is given back as it is, for the decoder to refuse.
    """
    kept, exif = [], False
    for kind, body, whole in _chunks(content):
        if kind in _PICTURE:
            if not whole:
                return content
            kept.append((kind, body))
        elif kind == b"EXIF" and whole and not exif:
            exif = True
            kept.append((kind, body))
    dropped = _ICC_FLAG | _XMP_FLAG | (0 if exif else _EXIF_FLAG)
    chunks = b"".join(
        _chunk(kind, bytes((body[0] & ~dropped,)) + body[1:] if kind == b"VP8X" and body else body)
        for kind, body in kept
    )
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + bytes(len(body) & 1)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind and content of each chunk, and whether all of it is there."""
    at = _HEAD
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        end = at + 8 + length
        yield content[at : at + 4], content[at + 8 : end], end <= len(content)
        at = end + (length & 1)
