"""Video files, decoded by OpenCV's FFmpeg."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from facesdk.errors import InputError
from facesdk.files import require_regular
from facesdk.live.sources.opencv import as_rgb, opencv, opencv_name
from facesdk.live.sources.source import Frame

_ASSUMED_FPS = 25.0
"""Pictures per second where the file does not tell."""


class VideoSource:
    """A video file.

    Args:
        path: The file; anything that OpenCV's FFmpeg decodes.

    Raises:
        InputError: Its name is not UTF-8.
    """

    paced = False
    unreadable = 0

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._opencv_name = opencv_name(os.path.abspath(path), self.name)
        self._reader: Any = None
        self._fps = _ASSUMED_FPS
        self._time = -1.0

    def open(self) -> None:
        """Open the file.

        Raises:
            InputError: It is missing or no video.
            DependencyError: OpenCV is not installed (extra ``camera``).
        """
        try:
            require_regular(self._path)
            with self._path.open("rb"):
                pass
        except OSError as error:
            raise InputError(f"cannot read {self.name}: {error.strerror or error}") from None
        cv2 = opencv()
        self.close()
        reader = cv2.VideoCapture(self._opencv_name, cv2.CAP_FFMPEG)
        if not reader.isOpened():
            reader.release()
            raise InputError(f"{self.name} is no video that OpenCV's FFmpeg can read")
        fps = reader.get(cv2.CAP_PROP_FPS)
        self._fps = fps if math.isfinite(fps) and 0 < fps <= 1000 else _ASSUMED_FPS
        self._reader, self._time = reader, -1.0

    def read(self) -> Frame | None:
        """The next picture, with its time in the film."""
        cv2 = opencv()
        done, picture = self._reader.read()
        if not done:
            return None
        time = self._reader.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if not math.isfinite(time) or time <= self._time:  # files without times, or with wrong ones
            time = self._time + 1 / self._fps if self._time >= 0 else 0.0
        self._time = time
        return Frame(as_rgb(picture), time)

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.release()
            self._reader = None
