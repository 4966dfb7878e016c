"""Streams over HTTP: pictures one after the other (MJPEG), or a film that OpenCV reads."""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from facesdk.errors import InputError, SourceLostError
from facesdk.live.sources.address import credentials, without_password
from facesdk.live.sources.mjpeg import MjpegReader, boundary_of
from facesdk.live.sources.source import Frame
from facesdk.live.sources.stream import TIMEOUT, StreamSource


class HttpSource:
    """A stream from a web server, mostly a camera's.

    It is asked directly, never through a proxy: cameras are in the house.

    Args:
        url: Its address, for example ``http://user:password@camera/video.mjpg``.
    """

    paced = True

    def __init__(self, url: str) -> None:
        self.name = without_password(url)
        self._url = url
        self._answer: Any = None
        self._reader: MjpegReader | StreamSource | None = None
        self._unreadable = 0

    @property
    def unreadable(self) -> int:
        """How many pictures could not be decoded."""
        return self._unreadable + (self._reader.unreadable if self._reader else 0)

    def open(self) -> None:
        """Ask for it.

        Raises:
            InputError: The server refuses, or has something else there.
            SourceLostError: No server answers.
            DependencyError: It is a film, and OpenCV is not installed (extra ``camera``).
        """
        self.close()
        answer = self._asked()
        kind = answer.headers.get("Content-Type", "")
        boundary = boundary_of(kind)
        if boundary is not None:
            self._answer = answer
            self._reader = MjpegReader(answer, boundary, self.name)
            return
        answer.close()
        if kind.startswith(("text/", "image/")):
            raise InputError(f"{self.name} is {kind.partition(';')[0]}, not a stream of pictures")
        film = StreamSource(self._url)
        film.open()
        self._reader = film

    def read(self) -> Frame | None:
        """The next picture; errors as of :meth:`Source.read`."""
        assert self._reader is not None
        return self._reader.read()

    def close(self) -> None:
        """Hang up."""
        self._unreadable = self.unreadable
        if isinstance(self._reader, StreamSource):
            self._reader.close()
        if self._answer is not None:
            self._answer.close()
        self._answer = self._reader = None

    def _asked(self) -> Any:
        parts = urlsplit(self._url)
        host = parts.netloc.rpartition("@")[2]
        request = urllib.request.Request(parts._replace(netloc=host).geturl())
        if (user := credentials(self._url)) is not None:
            token = base64.b64encode(":".join(user).encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            return opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            kind = SourceLostError if error.code >= 500 else InputError
            raise kind(f"{self.name} answers {error.code} {error.reason}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise SourceLostError(f"{self.name} cannot be reached ({reason})") from None
