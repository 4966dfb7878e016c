"""A video that Chromium shows as its camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

_WIDTH, _HEIGHT = 640, 480
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
"""What Chromium needs as root and without a network, and for a camera that it does not ask for."""


def _pictures(portrait: Path, frames: int) -> Iterator[Image.Image]:
    """A portrait that wanders to the right."""
    with Image.open(portrait) as opened:
        face = opened.convert("RGB")
    face = face.resize((face.width * _HEIGHT // face.height, _HEIGHT))
    for number in range(frames):
        picture = Image.new("RGB", (_WIDTH, _HEIGHT), (90, 100, 110))
        picture.paste(face, (100 + 4 * number, 0))
        yield picture


def write_y4m(path: Path, portrait: Path, *, frames: int = 10) -> None:
    """A raw video (YUV4MPEG2, 4:2:0) of a portrait, ten pictures per second."""
    with path.open("wb") as stream:
        stream.write(f"YUV4MPEG2 W{_WIDTH} H{_HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode())
        for picture in _pictures(portrait, frames):
            luma, *chroma = picture.convert("YCbCr").split()
            stream.write(b"FRAME\n" + luma.tobytes())
            for plane in chroma:
                stream.write(plane.resize((_WIDTH // 2, _HEIGHT // 2)).tobytes())


def write_folder(folder: Path, portrait: Path, *, frames: int = 10) -> None:
    """The same pictures as JPEGs."""
    for number, picture in enumerate(_pictures(portrait, frames)):
        picture.save(folder / f"{number:02}.jpg", quality=95)
