"""Cameras of the Raspberry Pi's own connector, read with picamera2.

picamera2 comes with Raspberry Pi OS (``apt install python3-picamera2``), for the Python of the
system; a virtual environment sees it if it was made with ``--system-site-packages``.
"""

from __future__ import annotations

import importlib.util
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any

import numpy as np

from facesdk.dependencies import import_library
from facesdk.errors import DependencyError, SourceLostError, one_line
from facesdk.live.sources.source import Frame
from facesdk.live.sources.stream import TIMEOUT

DEFAULT_SIZE = (640, 480)
"""Width and height where nobody says, in pixels."""

_FORMAT = "BGR888"
"""What picamera2 calls pictures whose bytes are red, green, blue: it names words, high byte first
(its manual, "Pixel formats")."""


class PiCameraSource:
    """A Raspberry Pi camera.

    Args:
        number: Its number, 0 being the first.
        size: Width and height in pixels; None for 640x480.
    """

    paced = True
    unreadable = 0

    def __init__(self, number: int = 0, size: tuple[int, int] | None = None) -> None:
        self.name = f"Raspberry Pi camera {number}"
        self._number, self._size = number, size or DEFAULT_SIZE
        self._camera: Any = None
        self._opened = 0.0

    def open(self) -> None:
        """Start the camera.

        Raises:
            DependencyError: picamera2 is not installed, or broken.
            SourceLostError: The camera is not there, or is in use.
        """
        self.close()
        if importlib.util.find_spec("picamera2") is None:
            raise DependencyError(
                "this camera needs picamera2, which is not installed: run `sudo apt install "
                "python3-picamera2` on Raspberry Pi OS, and make the virtual environment with "
                "--system-site-packages"
            )
        picamera2 = import_library("picamera2")
        camera = None
        try:
            camera = picamera2.Picamera2(self._number)
            camera.configure(
                camera.create_video_configuration(main={"size": self._size, "format": _FORMAT})
            )
            camera.start()
        except Exception as error:  # libcamera's errors are RuntimeError, IndexError and others
            if camera is not None:
                camera.close()
            raise SourceLostError(
                f"{self.name} cannot be started ({one_line(error)}): is it connected, and not in "
                "use?"
            ) from None
        self._camera, self._opened = camera, time.monotonic()

    def read(self) -> Frame:
        """The next picture.

        Raises:
            SourceLostError: It gives none.
        """
        try:
            # A loose cable gives no error: the picture does not come (picamera2, issue 794).
            picture = self._camera.capture_array("main", wait=False).get_result(timeout=TIMEOUT)
        except FutureTimeoutError:
            raise SourceLostError(
                f"{self.name} has given no picture for {TIMEOUT:g} s: is its cable firm?"
            ) from None
        except Exception as error:  # as above
            raise SourceLostError(f"{self.name} gives no picture ({one_line(error)})") from None
        image = np.ascontiguousarray(picture, np.uint8)
        return Frame(image, time.monotonic() - self._opened)

    def close(self) -> None:
        """Stop the camera, and let others use it."""
        camera, self._camera = self._camera, None
        if camera is not None:
            with suppress(Exception):  # one that hangs cannot be stopped, but closed
                camera.stop()
            camera.close()
