"""A network camera, as small as can be: RTSP (RFC 2326) with JPEG in RTP (RFC 2435) over TCP."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
from PIL import Image

_PAYLOAD, _STEP = 26, 3600  # JPEG; 90 kHz at 25 pictures per second
_LARGEST = 1200


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment; the scan with its entropy-coded data comes last."""
    place = 2
    while True:
        marker, length = jpeg[place + 1], struct.unpack(">H", jpeg[place + 2 : place + 4])[0]
        content = jpeg[place + 4 : place + 2 + length]
        if marker == 0xDA:
            yield marker, jpeg[place + 2 + length : -2]
            return
        yield marker, content
        place += 2 + length


def packets(picture: np.ndarray, number: int, sequence: int) -> list[bytes]:
    """The RTP packets of a picture whose sides are multiples of 16."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=90, subsampling="4:2:0")
    tables, scan = b"", b""
    for marker, content in segments(stream.getvalue()):
        if marker == 0xDB:
            while content:
                tables, content = tables + content[1:65], content[65:]
        elif marker == 0xDA:
            scan = content
    height, width = picture.shape[:2]
    rows, offset = [], 0
    while offset < len(scan):
        part = scan[offset : offset + _LARGEST]
        last = offset + len(part) == len(scan)
        header = struct.pack(">I4B", offset, 1, 255, width // 8, height // 8)
        quantization = struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
        kind = _PAYLOAD | (0x80 if last else 0)
        rtp = struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, number * _STEP, 7)
        rows.append(rtp + header + quantization + part)
        sequence += 1
        offset += len(part)
    return rows


class Camera(threading.Thread):
    """Answers one viewer after the other.

    Args:
        pictures: What each viewer sees; then it hangs up, or says nothing more if it is ``mute``.
        password: What the viewer must know; empty for nothing.
    """

    def __init__(self, pictures: Iterable[np.ndarray], *, mute: bool = False, password: str = ""):
        super().__init__(daemon=True)
        self.pictures, self.mute, self.password = list(pictures), mute, password
        self.viewers = 0
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError), self._socket.accept()[0] as viewer:
                self._serve(viewer)

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._socket.close()
        self.join(5)

    def _serve(self, viewer: socket.socket) -> None:
        viewer.settimeout(10)
        lines = viewer.makefile("rb")
        while request := lines.readline().decode().split():
            headers = {}
            while line := lines.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            answer, body = self._answer(request[0], headers)
            answer["CSeq"] = headers.get("cseq", "0")
            status = answer.pop("status", "200 OK")
            text = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
            viewer.sendall(f"RTSP/1.0 {status}\r\n{text}\r\n{body}".encode())
            if request[0] == "PLAY" and status == "200 OK":
                self._play(viewer)
                return

    def _answer(self, method: str, headers: dict[str, str]) -> tuple[dict[str, str], str]:
        if self.password and method != "OPTIONS":
            import base64

            wanted = "Basic " + base64.b64encode(f"me:{self.password}".encode()).decode()
            if headers.get("authorization") != wanted:
                refusal = {"status": "401 Unauthorized", "WWW-Authenticate": 'Basic realm="door"'}
                return refusal, ""
        if method == "OPTIONS":
            return {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"}, ""
        if method == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=door\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"
            kind = {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
            return kind, body
        if method == "SETUP" and "TCP" not in headers.get("transport", ""):
            return {"status": "461 Unsupported Transport"}, ""
        if method == "SETUP":
            return {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1", "Session": "1"}, ""
        return {"Session": "1"}, ""

    def _play(self, viewer: socket.socket) -> None:
        self.viewers += 1
        sequence = 0
        for number, picture in enumerate(self.pictures):
            for packet in packets(picture, number, sequence):
                viewer.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
                sequence += 1
            if self._over.wait(0.01):
                return
        if self.mute:
            self._over.wait(30)


@contextmanager
def camera(
    pictures: Iterable[np.ndarray], *, mute: bool = False, password: str = ""
) -> Iterator[Camera]:
    """A camera that is switched off afterwards."""
    made = Camera(pictures, mute=mute, password=password)
    made.start()
    try:
        yield made
    finally:
        made.close()
