"""JPEG files without what does not decide their pixels, and whether one that just ends is whole.

Format: ITU-T T.81, annex B (markers), G (progressive); JFIF, Exif and Adobe's APP14 for colour and
orientation.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

MAX_SCANS = 100
"""Most passes over a picture: cameras write one, programs about ten, and each costs a decoder as
much time as all of the picture."""

START, END = b"\xff\xd8", b"\xff\xd9"

_SOF = frozenset((0xC0, 0xC1, 0xC2, *range(0xC3, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC)))
_SEQUENTIAL, _PROGRESSIVE, _HUFFMAN = (0xC0, 0xC1), 0xC2, (0xC0, 0xC1, 0xC2)
_SOS, _DRI, _EOI, _COM = 0xDA, 0xDD, 0xD9, 0xFE
_ALONE = frozenset((0x01, 0xD8, *range(0xD0, 0xD8)))
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)  # any number of 0xFF may precede
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_APPLICATION = {
    0xE0: ((b"JFIF\0", 14),),
    0xE1: ((b"Exif\0\0", 14), (b"http://ns.adobe.com/xap/1.0/\0", 0)),
    0xEE: ((b"Adobe", 12),),
}
"""What application data begins with that tells colour or orientation, and its least length."""


@dataclass(slots=True)
class JpegFile:
    """What of a JPEG file is decoded.

    Attributes:
        content: The file without comments and without application data that says nothing of
            colour or orientation.
        process: The frame's marker, 0xC0 to 0xCF; 0 without a frame.
        size: Width and height.
        scans: Number of passes over the picture.
        ended: Whether the end of the image is marked.
    """

    content: bytes = b""
    process: int = 0
    size: tuple[int, int] = (0, 0)
    scans: int = 0
    ended: bool = False
    _sampling: dict[int, tuple[int, int]] = field(default_factory=dict)
    _interval: int = 0
    _missing: Counter[tuple[int, int]] = field(default_factory=Counter)
    _restarts_fit: bool = True

    @property
    def progressive(self) -> bool:
        """Whether a decoder must hold all of it."""
        return self.process == _PROGRESSIVE

    @property
    def reducible(self) -> bool:
        """Whether a decoder that reduces it need not hold it: one scan, block after block."""
        return self.process in _SEQUENTIAL and self.scans == 1

    @property
    def may_be_whole(self) -> bool:
        """Whether every component has come in full precision, and every restart of the last scan.

        Pixels may still be missing after the last restart.
        """
        return (
            self.process in _HUFFMAN
            and self.scans > 0
            and not +self._missing
            and self._restarts_fit
        )

    def _start_frame(self, marker: int, body: bytes) -> None:
        self.process = marker
        self.size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
        for number in range(body[5]):
            name, sampling, _ = body[6 + 3 * number : 9 + 3 * number]
            factors = sampling >> 4, sampling & 15
            if 0 in factors:
                raise ValueError("a sampling factor of 0")
            self._sampling[name] = factors
            places = range(64) if self.progressive else range(1)
            self._missing.update({(name, place): 14 for place in places})

    def _add_scan(self, header: bytes, data: bytes) -> None:
        self.scans += 1
        count = header[0]
        names = [header[1 + 2 * number] for number in range(count)]
        first, last, bits = header[1 + 2 * count : 4 + 2 * count]
        if not self.progressive:
            first, last, bits = 0, 0, 0
        for name in names:
            for place in range(first, last + 1):
                self._missing[name, place] = bits & 15
        if self._interval:
            restarts = len(_RESTART.findall(data))
            self._restarts_fit = restarts == (self._units(names) - 1) // self._interval

    def _units(self, names: list[int]) -> int:
        """Number of minimum coded units of a scan (T.81, A.2)."""
        across = max(h for h, _ in self._sampling.values())
        down = max(v for _, v in self._sampling.values())
        width, height = self.size
        if len(names) > 1:
            return _up(width, 8 * across) * _up(height, 8 * down)
        h, v = self._sampling[names[0]]
        return _up(_up(width * h, across), 8) * _up(_up(height * v, down), 8)


def _up(number: int, step: int) -> int:
    """How many steps it takes to reach a number."""
    return -(-number // step)


def essential(content: bytes) -> JpegFile:
    """What of a JPEG file is decoded; damage elsewhere stays for the decoder to find."""
    file = JpegFile()
    kept, at, seen = [START], len(START), set[bytes]()
    try:
        while at < len(content) and not file.ended:
            if content[at] != 0xFF or content[at + 1] == 0xFF:
                at += 1
                continue
            marker = content[at + 1]
            end = at + 2
            if marker == _EOI:
                file.ended = True
            elif marker not in _ALONE and marker:
                end += int.from_bytes(content[at + 2 : at + 4], "big")
            body = content[at + 4 : end]
            if end > len(content) and marker != _EOI:
                kept.append(content[at:])
                break
            if marker == _DRI:
                file._interval = int.from_bytes(body[:2], "big")
            elif marker in _SOF and not file.process:
                file._start_frame(marker, body)
            elif marker == _SOS:
                found = _NEXT_MARKER.search(content, end)
                data_end = found.start() if found else len(content)
                while found and content[data_end - 1] == 0xFF:
                    data_end -= 1
                file._add_scan(body, content[end:data_end])
                end = data_end
            if _decides(marker, body, seen):
                kept.append(content[at:end])
            at = end
    except (LookupError, ValueError):
        kept.append(content[at:])
        file._restarts_fit = False
    file.content = b"".join(kept)
    return file


def _decides(marker: int, body: bytes, seen: set[bytes]) -> bool:
    """Whether a segment is decoded, or tells colour or orientation."""
    if marker == _COM:
        return False
    if not 0xE0 <= marker <= 0xEF:
        return True
    for kind, least in _APPLICATION.get(marker, ()):
        if body.startswith(kind) and len(body) >= least and kind not in seen:
            seen.add(kind)
            return True
    return False
