"""Streams that FFmpeg knows (RTSP, HLS, a film over HTTP), read with OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from facesdk.errors import SourceLostError
from facesdk.live.sources.address import without_password
from facesdk.live.sources.opencv import as_rgb, opencv, opencv_name
from facesdk.live.sources.source import Frame

TIMEOUT = 5.0
"""Seconds after which a stream that says nothing is lost."""


_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
"""Environment variable in which OpenCV takes options for FFmpeg, and the only way to give them."""


class StreamSource:
    """A stream from the network.

    Args:
        url: Its address, for example ``rtsp://user:password@camera/stream1``.

    Raises:
        InputError: It is not UTF-8.
    """

    paced = True
    unreadable = 0

    def __init__(self, url: str) -> None:
        self.name = without_password(url)
        self._url = opencv_name(url, self.name)
        self._reader: Any = None
        self._opened = 0.0

    def open(self) -> None:
        """Connect, for at most :data:`TIMEOUT` seconds.

        Raises:
            SourceLostError: Nobody answers, or no video comes.
            DependencyError: OpenCV is not installed (extra ``camera``).
        """
        cv2 = opencv()
        self.close()
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            int(1e3 * TIMEOUT),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            int(1e3 * TIMEOUT),
        ]
        with _over_tcp():
            reader = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, limits)
        if not reader.isOpened():
            reader.release()
            raise SourceLostError(
                f"{self.name} gives no video: check the address, the password and the network"
            )
        self._reader, self._opened = reader, time.monotonic()

    def read(self) -> Frame | None:
        """The next picture."""
        done, picture = self._reader.read()
        if not done:
            raise SourceLostError(f"{self.name} gives no more pictures")
        return Frame(as_rgb(picture), time.monotonic() - self._opened)

    def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.release()
            self._reader = None


@contextmanager
def _over_tcp() -> Iterator[None]:
    """Let RTSP run over TCP, unless the user says otherwise: UDP loses parts of pictures."""
    if _OPTIONS in os.environ:
        yield
        return
    os.environ[_OPTIONS] = "rtsp_transport;tcp"
    try:
        yield
    finally:
        os.environ.pop(_OPTIONS, None)
