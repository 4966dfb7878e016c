"""PNG files without what does not decide their pixels.

Ancillary chunks (a lower-case first letter: text, profiles, physical sizes, times) may be damaged
or of any size in a photo that every viewer shows; Pillow refuses such files. Format: W3C PNG
specification, third edition, chapters 5 and 11.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_ORIENTATION_TEXTS = (b"Raw profile type exif", b"Raw profile type APP1", b"XML:com.adobe.xmp")
"""Texts in which older programs keep what EXIF says, the orientation with it."""

_TRANSPARENCY = {0: (2,), 2: (6,), 3: range(1, 257)}
"""Lengths that a tRNS chunk can have: of grey, of colour and of a palette."""

_LONGEST_TEXT = 1_000_000

_LARGEST_PIXEL = 8
"""Bytes of four samples of 16 bits."""

_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class PngFile:
    """What of a PNG file is decoded.

    Attributes:
        content: The file with its critical chunks, transparency and orientation.
        depth: Bits of a sample, 1 to 16; 0 if the header cannot be read.
        significant: Bits that samples use, as an sBIT chunk says; None where none does.
    """

    content: bytes
    depth: int
    significant: int | None


def essential(content: bytes) -> PngFile:
    """What of a PNG file is decoded; damage in critical chunks stays for the decoder to find."""
    kept = [SIGNATURE]
    depth, colour, significant, texts = 0, 0, None, set()
    for kind, chunk, whole in _chunks(content):
        body = chunk[8:-4]
        if kind[:1].isupper():
            kept.append(chunk)
            if kind == b"IHDR" and len(body) == 13:
                depth, colour = body[8], body[9]
        elif not whole:
            continue
        elif kind == b"sBIT" and body:
            significant = max(body[:3])
        elif (kind == b"tRNS" and len(body) in _TRANSPARENCY.get(colour, ())) or kind == b"eXIf":
            kept.append(chunk)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword = body.partition(b"\0")[0]
            if keyword in _ORIENTATION_TEXTS and keyword not in texts and _is_short(kind, body):
                texts.add(keyword)
                kept.append(chunk)
    usable = significant is not None and 1 <= significant <= depth
    return PngFile(b"".join(kept), depth, significant if usable else None)


def with_true_checksum(content: bytes) -> bytes | None:
    """The same file with the checksum that its unpacked pixels have.

    Some encoders write another one (libpng only warns of it); the chunks' own checksums tell that
    nothing was damaged since.

    Returns:
        None if a chunk's checksum is wrong, too, or the packed pixels end early or go on too long.
    """
    kept, bodies, longest = [SIGNATURE], list[bytes](), 0
    for kind, chunk, whole in _chunks(content):
        body = chunk[8:-4]
        if kind == b"IHDR" and len(body) == 13:
            width, height = (int.from_bytes(body[at : at + 4], "big") for at in (0, 4))
            longest = 2 * (width * _LARGEST_PIXEL + 1) * height
        if kind == b"IDAT":
            if not whole:
                return None
            bodies.append(body)
        elif kind == b"IEND":
            break
        else:
            kept.append(chunk)
    packed = b"".join(bodies)
    checksum, length, unpacker, rest = 1, 0, zlib.decompressobj(-zlib.MAX_WBITS), packed[2:]
    try:
        while rest and not unpacker.eof and length <= longest:
            pixels = unpacker.decompress(rest, _AT_ONCE)
            rest = unpacker.unconsumed_tail
            checksum, length = zlib.adler32(pixels, checksum), length + len(pixels)
    except zlib.error:
        return None
    if not unpacker.eof:
        return None
    stream = packed[: len(packed) - len(unpacker.unused_data)] + checksum.to_bytes(4, "big")
    return b"".join((*kept, _chunk(b"IDAT", stream), _chunk(b"IEND", b"")))


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return len(body).to_bytes(4, "big") + kind + body + checksum.to_bytes(4, "big")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Type, bytes and soundness of each chunk; what cannot be split comes last as it is."""
    at = len(SIGNATURE)
    while at < len(content):
        kind = content[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if len(kind) < 4 or not kind.isalpha():
            yield b"JUNK", content[at:], False
            return
        chunk = content[at:end]
        whole = end <= len(content) and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        yield kind, chunk, whole
        if kind == b"IEND":
            return
        at = end


def _is_short(kind: bytes, body: bytes) -> bool:
    """Whether a text is small once it is unpacked, and can be."""
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    else:
        compressed, rest = kind == b"zTXt", rest[kind == b"zTXt" :]
    if not compressed:
        return len(rest) < _LONGEST_TEXT
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(rest, _LONGEST_TEXT)
    except zlib.error:
        return False
    return unpacker.eof and len(text) < _LONGEST_TEXT
