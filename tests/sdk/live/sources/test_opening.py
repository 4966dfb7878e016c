"""Which source a word means, and cameras as far as a computer without one can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import DependencyError, InputError, SourceLostError
from facesdk.live.sources import picamera
from facesdk.live.sources.address import credentials, without_password
from facesdk.live.sources.camera import CameraSource
from facesdk.live.sources.folder import FolderSource
from facesdk.live.sources.http import HttpSource
from facesdk.live.sources.opening import open_source
from facesdk.live.sources.picamera import PiCameraSource
from facesdk.live.sources.repeated import Repeated
from facesdk.live.sources.stream import StreamSource
from facesdk.live.sources.video import VideoSource
from sdk.photos import encode


@pytest.mark.parametrize(
    ("word", "kind", "name"),
    [
        ("0", CameraSource, "camera 0"),
        ("/dev/video12", CameraSource, "camera 12"),
        ("picamera2", PiCameraSource, "Raspberry Pi camera 0"),
        ("picamera2:1", PiCameraSource, "Raspberry Pi camera 1"),
        ("rtsp://me:secret@camera:554/s1", StreamSource, "rtsp://camera:554/s1"),
        ("HTTP://camera/video", HttpSource, "http://camera/video"),
        ("https://u@camera/video", HttpSource, "https://camera/video"),
    ],
)
def test_words(word: str, kind: type, name: str) -> None:
    source = open_source(word)
    assert type(source) is kind
    assert source.name == name
    assert source.paced


def test_paths(tmp_path: Path) -> None:
    film = tmp_path / "7"
    film.write_bytes(b"a film whose name is a number")
    assert type(open_source(f"{tmp_path}/7")) is VideoSource
    assert type(open_source(str(tmp_path))) is FolderSource
    assert type(open_source(str(tmp_path), repeat=True)) is Repeated
    assert not open_source(str(tmp_path)).paced


@pytest.mark.parametrize(
    ("word", "options", "words"),
    [
        ("no/such/film.mp4", {}, "does not exist"),
        ("", {}, "does not exist"),
        ("ftp://camera/video", {}, "must begin with"),
        ("file:///etc/passwd", {}, "must begin with"),
        ("0", {"repeat": True}, "only a file or a folder"),
        ("rtsp://camera", {"size": (640, 480)}, "only a camera"),
        ("0", {"fps": 5.0}, "for a folder only"),
    ],
)
def test_what_makes_no_source_is_refused(word: str, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_source(word, **options)


def test_one_picture_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(np.zeros((8, 8, 3), np.uint8), "JPEG"))
    with pytest.raises(InputError, match="is one picture"):
        open_source(str(path))


def test_passwords() -> None:
    assert credentials("http://a:b%20c@host/x") == ("a", "b c")
    assert credentials("http://a@host") == ("a", "")
    assert credentials("http://host") is None
    assert without_password("rtsp://a:b@host:1/x?y=1") == "rtsp://host:1/x?y=1"


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceLostError, match="camera 99 cannot be opened"):
        CameraSource(99).open()


def test_a_stream_that_nobody_sends() -> None:
    with pytest.raises(SourceLostError, match="gives no video"):
        StreamSource("rtsp://me:secret@127.0.0.1:9/s").open()


def test_a_stream_whose_address_is_not_utf8_is_refused_without_its_password() -> None:
    with pytest.raises(InputError, match=r"name in UTF-8: rename rtsp://127") as raised:
        StreamSource("rtsp://me:secret@127.0.0.1:9/\udcff")
    assert "secret" not in str(raised.value)


PICAMERA2 = """
from concurrent.futures import Future

import numpy as np

log = []

class Job:
    def __init__(self, make):
        self.future = Future()
        try:
            picture = make()
            if picture is not None:
                self.future.set_result(picture)
        except RuntimeError as error:
            self.future.set_exception(error)

    def get_result(self, timeout=None):
        return self.future.result(timeout=timeout)

class Picamera2:
    broken = silent = False

    def __init__(self, number):
        if number > 0:
            raise IndexError("list index out of range")
        log.append("made")

    def create_video_configuration(self, main):
        self.main = main
        return {"main": main}

    def configure(self, configuration):
        assert configuration == {"main": self.main}

    def start(self):
        log.append("started")

    def capture_array(self, name, wait=None):
        assert name == "main" and wait is False
        return Job(self.picture)

    def picture(self):
        if Picamera2.broken:
            raise RuntimeError("camera timed out")
        if Picamera2.silent:
            return None
        width, height = self.main["size"]
        # BGR888 is red first in memory; rows may be padded, as libcamera's are
        assert self.main["format"] == "BGR888"
        padded = np.zeros((height, width + 4, 3), np.uint8)
        padded[..., 0] = 200
        return padded[:, :width]

    def stop(self):
        log.append("stopped")
        if Picamera2.silent:
            raise RuntimeError("the event loop has gone")

    def close(self):
        log.append("closed")
"""


@pytest.fixture
def picamera2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A module of that name with the calls that are used, as its manual has them."""
    import importlib
    import sys

    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    module = importlib.import_module("picamera2")
    yield module
    sys.modules.pop("picamera2", None)


def test_the_raspberry_pi_s_camera(picamera2: object) -> None:
    source = PiCameraSource(size=(320, 240))
    for _ in range(2):
        source.open()
        frame = source.read()
        assert frame.image.shape == (240, 320, 3)
        assert frame.image.flags.c_contiguous
        assert frame.image[0, 0].tolist() == [200, 0, 0]
        assert frame.time >= 0
        source.close()
    assert picamera2.log == ["made", "started", "stopped", "closed"] * 2  # type: ignore[attr-defined]


def test_the_raspberry_pi_s_camera_fails_in_a_line(picamera2: object) -> None:
    with pytest.raises(SourceLostError, match=r"camera 1 cannot be started \(list index"):
        PiCameraSource(1).open()
    source = PiCameraSource()
    source.open()
    picamera2.Picamera2.broken = True  # type: ignore[attr-defined]
    with pytest.raises(SourceLostError, match=r"gives no picture \(camera timed out"):
        source.read()


def test_a_raspberry_pi_s_camera_that_falls_silent_is_lost_and_opened_again(
    picamera2: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picamera, "TIMEOUT", 0.2)
    source = PiCameraSource()
    source.open()
    picamera2.Picamera2.silent = True  # type: ignore[attr-defined]
    with pytest.raises(SourceLostError, match=r"no picture for 0\.2 s: is its cable firm"):
        source.read()
    source.open()
    picamera2.Picamera2.silent = False  # type: ignore[attr-defined]
    assert source.read().image.shape == (480, 640, 3)
    source.close()
    log = ["made", "started", "stopped", "closed"]
    assert picamera2.log == 2 * log  # type: ignore[attr-defined]


def test_without_picamera2_its_package_is_named() -> None:
    with pytest.raises(DependencyError, match="sudo apt install python3-picamera2"):
        PiCameraSource().open()
