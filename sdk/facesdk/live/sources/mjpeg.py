"""Streams of JPEG pictures over HTTP (MJPEG): what most network cameras and ``ustreamer`` give.

The answer is one document of many parts, ``multipart/x-mixed-replace`` (RFC 2046, section 5.1), and
each part a JPEG. Parts with a ``Content-Length`` are read by it; others end at the next boundary.
"""

from __future__ import annotations

import http.client
import io
import re
import time
from typing import BinaryIO

from facesdk.errors import InputError, SourceLostError
from facesdk.images import decode
from facesdk.live.sources.source import Frame

MOST_BYTES = 32 * 2**20
"""Largest part that is read."""

MOST_UNREADABLE = 30
"""Pictures in a row that cannot be decoded until the stream counts as lost."""

_LONGEST_LINE = 4096
_MOST_HEADERS = 64


def boundary_of(content_type: str) -> bytes | None:
    """What separates the parts, with its dashes; None where the answer is no such stream.

    Args:
        content_type: The answer's ``Content-Type``. Some cameras write the dashes into it, others
            do not; both are understood.
    """
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != "multipart/x-mixed-replace":
        return None
    found = re.search(r'boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))', rest, re.IGNORECASE)
    name = (found[1] or found[2]) if found else ""
    return b"--" + name.removeprefix("--").encode("latin-1") if name else None


class MjpegReader:
    """Reads the parts of an answer.

    Args:
        stream: The body; a read that takes too long raises OSError.
        boundary: As :func:`boundary_of` gives it; two more dashes before it are understood too, and
            from the first boundary on the others must be like it.
        name: What messages call the stream.
    """

    def __init__(self, stream: BinaryIO, boundary: bytes, name: str) -> None:
        self.unreadable = 0
        self._stream, self._name = stream, name
        self._boundaries: tuple[bytes, ...] = (boundary, b"--" + boundary)
        self._begun = time.monotonic()
        self._at_part = False

    def read(self) -> Frame:
        """The next picture that can be decoded.

        Raises:
            SourceLostError: The stream ended, stopped, or sends something else.
        """
        for _ in range(MOST_UNREADABLE):
            content = self._part()
            try:
                image = decode.decode(io.BytesIO(content), name=self._name)
            except InputError:
                self.unreadable += 1
                continue
            return Frame(image, time.monotonic() - self._begun)
        raise SourceLostError(f"{self._name}: {MOST_UNREADABLE} pictures in a row are unreadable")

    def _part(self) -> bytes:
        try:
            if not self._at_part:
                self._find_boundary()
            self._at_part = False
            length = self._length()
            return self._until_boundary() if length is None else self._exactly(length)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise SourceLostError(f"{self._name} stopped ({error})") from None

    def _find_boundary(self) -> None:
        size = 0
        while (boundary := self._boundary_in(line := self._line())) is None:
            size += len(line)
            if size > MOST_BYTES:
                raise ValueError("no boundary between its pictures")
        self._boundaries = (boundary,)

    def _length(self) -> int | None:
        length = None
        for _ in range(_MOST_HEADERS):
            name, _, value = self._line().partition(b":")
            if not name.strip():
                return length
            if name.strip().lower() == b"content-length":
                length = int(value)
                if not 0 <= length <= MOST_BYTES:
                    raise ValueError(f"a picture of {length} bytes")
        raise ValueError("a part with too many headers")

    def _exactly(self, length: int) -> bytes:
        content = self._stream.read(length)
        if len(content) < length:
            raise ValueError("it ended within a picture")
        return content

    def _until_boundary(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            line = self._line()
            if self._boundary_in(line) is not None:
                self._at_part = True
                return b"".join(parts).removesuffix(b"\r\n")
            parts.append(line)
            size += len(line)
            if size > MOST_BYTES:
                raise ValueError("a picture without an end")

    def _boundary_in(self, line: bytes) -> bytes | None:
        found = line.rstrip()
        for name in (found, found.removesuffix(b"--")):
            if name in self._boundaries:
                return name
        return None

    def _line(self) -> bytes:
        line = self._stream.readline(_LONGEST_LINE)
        if not line:
            raise ValueError("it ended")
        return line
