"""A video that Chromium shows as its camera."""

from __future__ import annotations

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


def write_y4m(path: Path, portrait: Path, *, frames: int = 10) -> None:
    """A portrait that wanders to the right, as a raw video (YUV4MPEG2, 4:2:0).

    Args:
        path: The video.
        portrait: A photo of one person.
        frames: Number of pictures; ten per second.
    """
    with Image.open(portrait) as opened:
        face = opened.convert("RGB")
    face = face.resize((face.width * _HEIGHT // face.height, _HEIGHT))
    with path.open("wb") as stream:
        stream.write(f"YUV4MPEG2 W{_WIDTH} H{_HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            picture = Image.new("RGB", (_WIDTH, _HEIGHT), (90, 100, 110))
            picture.paste(face, (100 + 4 * number, 0))
            luma, *chroma = picture.convert("YCbCr").split()
            stream.write(b"FRAME\n" + luma.tobytes())
            for plane in chroma:
                stream.write(plane.resize((_WIDTH // 2, _HEIGHT // 2)).tobytes())
