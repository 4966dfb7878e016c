"""Cameras of Video4Linux (USB cameras, laptops), read with OpenCV."""

from __future__ import annotations

import os
import time
from typing import Any

from facesdk.errors import InputError, SourceLostError
from facesdk.live.sources.opencv import as_rgb, opencv
from facesdk.live.sources.source import Frame

_RAW_PIXELS = 640 * 480
"""Most pixels for which a USB 2 camera has time to send raw pictures at 30 a second."""


class CameraSource:
    """A camera by its number, ``/dev/videoN``.

    Args:
        number: Its number, 0 being the first.
        size: Width and height to ask for, in pixels; the camera may choose others. None leaves it
            what it is.
    """

    paced = True
    unreadable = 0

    def __init__(self, number: int, size: tuple[int, int] | None = None) -> None:
        self.name = f"camera {number}"
        self._number, self._size = number, size
        self._camera: Any = None
        self._opened = 0.0

    def open(self) -> None:
        """Open the camera.

        Raises:
            InputError: The user may not use it.
            SourceLostError: It is not there, or is in use.
            DependencyError: OpenCV is not installed (extra ``camera``).
        """
        cv2 = opencv()
        self.close()
        device = f"/dev/video{self._number}"
        if os.path.exists(device) and not os.access(device, os.R_OK | os.W_OK):
            raise InputError(
                f"{device} may not be opened: add the user to its group with "
                "`sudo usermod -aG video $USER`, and log in again"
            )
        camera = cv2.VideoCapture(self._number, cv2.CAP_V4L2)
        if not camera.isOpened():
            camera.release()
            raise SourceLostError(f"{self.name} cannot be opened: is it connected, and not in use?")
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if self._size is not None:
            if self._size[0] * self._size[1] > _RAW_PIXELS:
                camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
            camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
            camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        self._camera, self._opened = camera, time.monotonic()

    def read(self) -> Frame:
        """The next picture.

        Raises:
            SourceLostError: It gives none: it was unplugged, perhaps.
        """
        done, picture = self._camera.read()
        if not done:
            raise SourceLostError(f"{self.name} gives no picture")
        return Frame(as_rgb(picture), time.monotonic() - self._opened)

    def close(self) -> None:
        """Let others use it."""
        if self._camera is not None:
            self._camera.release()
            self._camera = None
