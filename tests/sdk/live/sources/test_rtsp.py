"""Streams by RTSP from a camera on this computer, as it works and as it fails."""

from __future__ import annotations

import os
import re
import time

import numpy as np
import pytest

from facesdk.errors import SourceLostError
from facesdk.live.capture import Capture, Captured
from facesdk.live.sources import stream
from facesdk.live.sources.opening import open_source
from facesdk.live.sources.source import Frame, Source
from facesdk.live.sources.stream import StreamSource
from sdk.live.sources.rtsp_camera import camera

LEVELS = [10 * i for i in range(24)]
PICTURES = [np.dstack([np.full((48, 64), v, np.uint8) for v in (v, 40, 200)]) for v in LEVELS]


def until_lost(source: Source) -> tuple[list[Frame], str]:
    """The pictures of a source that is open until it is lost, and what it says then."""
    found = []
    while len(found) <= len(PICTURES):
        try:
            frame = source.read()
        except SourceLostError as error:
            return found, str(error)
        assert frame is not None
        found.append(frame)
    raise AssertionError("more pictures than were sent")


def test_its_pictures_come_in_order_and_in_rgb_and_then_it_is_lost() -> None:
    before = dict(os.environ)
    with camera(PICTURES) as door:
        source = open_source(f"rtsp://127.0.0.1:{door.port}/stream1")
        assert isinstance(source, StreamSource)
        source.open()
        assert os.environ == before
        frames, said = until_lost(source)
        assert re.fullmatch(r"rtsp://127.0.0.1:\d+/stream1 gives no more pictures", said)
        source.close()
    assert all(frame.image.shape == (48, 64, 3) for frame in frames)
    seen = [frame.image.reshape(-1, 3).mean(axis=0) for frame in frames]
    reds = np.array(seen)[:, 0]
    assert len(seen) >= len(PICTURES) - 4  # FFmpeg may keep the first ones to know the stream
    assert np.all(np.diff(reds) > 0)
    assert np.array(seen)[:, 1:] == pytest.approx(np.full((len(seen), 2), (40, 200)), abs=6)


def test_it_is_connected_again_when_it_hangs_up() -> None:
    with camera(PICTURES) as door:
        source = StreamSource(f"rtsp://127.0.0.1:{door.port}/stream1")
        capture = Capture(source, wait=lambda event, _: event.wait(0.02))
        capture.start()
        end, pictures = time.monotonic() + 30, 0
        while door.viewers < 3:
            assert time.monotonic() < end
            pictures += isinstance(capture.next(1.0), Captured)
        capture.stop()
    assert pictures >= 2
    assert capture.reconnects >= 2


def test_one_that_falls_silent_is_lost_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "TIMEOUT", 1.0)
    with camera(PICTURES, mute=True) as door:
        source = StreamSource(f"rtsp://127.0.0.1:{door.port}/stream1")
        source.open()
        begun = time.monotonic()
        until_lost(source)
        assert time.monotonic() - begun < 8
        source.close()


def test_its_password_is_used_and_not_shown() -> None:
    with camera(PICTURES, password="s3cret") as door:
        source = StreamSource(f"rtsp://me:s3cret@127.0.0.1:{door.port}/stream1")
        source.open()
        assert source.read() is not None
        source.close()
        wrong = StreamSource(f"rtsp://me:wr0ng@127.0.0.1:{door.port}/stream1")
        with pytest.raises(SourceLostError, match="check the address, the password") as caught:
            wrong.open()
        assert "wr0ng" not in str(caught.value)
