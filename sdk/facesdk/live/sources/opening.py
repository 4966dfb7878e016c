"""Which source a word of the command line means."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from facesdk.errors import InputError
from facesdk.images import formats
from facesdk.live.sources.camera import CameraSource
from facesdk.live.sources.folder import DEFAULT_FPS, FolderSource
from facesdk.live.sources.http import HttpSource
from facesdk.live.sources.picamera import PiCameraSource
from facesdk.live.sources.repeated import Repeated
from facesdk.live.sources.source import Source
from facesdk.live.sources.stream import StreamSource
from facesdk.live.sources.video import VideoSource

_STREAMS = ("rtsp", "rtsps", "rtmp", "udp", "srt")


def open_source(
    text: str,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    repeat: bool = False,
) -> Source:
    """The source of a word, not yet connected.

    Args:
        text: The number of a camera (``"0"``) or its device (``"/dev/video0"``), ``"picamera2"`` or
            ``"picamera2:1"``, an address (``rtsp://``, ``http://``), a video file, a folder or a
            zip file of pictures.
        size: Width and height to ask a camera for, in pixels.
        fps: Pictures per second of a folder.
        repeat: Whether to begin again at the end of a file or folder.

    Raises:
        InputError: The word is none of these, or an option does not go with it.
    """
    rate = DEFAULT_FPS if fps is None else fps
    source = _source(text, size, rate)
    if size is not None and not isinstance(source, (CameraSource, PiCameraSource)):
        raise InputError(f"only a camera can be asked for a size, and {text} is none")
    if fps is not None and not isinstance(source, FolderSource):
        raise InputError(f"pictures per second can be chosen for a folder only, not for {text}")
    if repeat and source.paced:
        raise InputError(f"only a file or a folder can be repeated, and {text} is neither")
    return Repeated(source, 1 / rate) if repeat else source


def _source(text: str, size: tuple[int, int] | None, fps: float) -> Source:
    if found := re.fullmatch(r"(?:/dev/video)?(\d{1,3})", text):
        return CameraSource(int(found[1]), size)
    if found := re.fullmatch(r"picamera2(?::(\d))?", text):
        return PiCameraSource(int(found[1] or 0), size)
    if found := re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*)://", text):
        scheme = found[1].lower()
        if scheme in ("http", "https"):
            return HttpSource(text)
        if scheme in _STREAMS:
            return StreamSource(text)
        raise InputError(
            f"an address must begin with http://, https:// or {'://, '.join(_STREAMS)}://, but got "
            f"{scheme}://"
        )
    path = Path(text)
    if not path.exists() or not text:
        raise InputError(
            f"{text or 'the empty path'} does not exist: give the number of a camera, "
            "picamera2, an address, a video file, or a folder of pictures"
        )
    if path.is_dir() or zipfile.is_zipfile(path):
        return FolderSource(path, fps)
    if path.suffix.lower() in formats.endings():
        raise InputError(f"{text} is one picture: give a video, or the folder it lies in")
    return VideoSource(path)
