"""The service's own camera: a thread that looks, the newest picture, and the visits so far."""

from __future__ import annotations

import base64
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from facesdk.errors import FaceSDKError
from facesdk.images import encode, pixels
from facesdk.live.capture import State
from facesdk.live.events import Event, Identified, Left, Seen, SourceChanged
from facesdk.live.loop import Live
from facesdk.live.snapshot import Snapshot
from facesdk.live.voting import Verdict
from facesdk.serve.problems import report_bug

MOST_VIEWERS = 8
"""Clients that may wait for a picture at a time."""

_PATIENCE_S = 10.0
"""Seconds to wait for a source that hangs when the service ends; its thread ends with it."""

_KEPT_VISITS = 500
_JPEG_QUALITY = 80
_LONGEST = 960
"""A larger picture is reduced to this longer side before it is sent."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody in front of the camera, from when they came.

    Attributes:
        track: Their number.
        at: When they came.
        last: When they left; None while they are there.
        verdict: Who it is; None while that is open, and without a gallery.
    """

    track: int
    at: datetime
    last: datetime | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A snapshot as it is sent.

    Attributes:
        snapshot: The moment.
        jpeg: Its picture, a JPEG as base64.
    """

    snapshot: Snapshot
    jpeg: str


class Watcher:
    """Looks at a source in a thread of its own; threads may ask for what was seen.

    Args:
        live: The loop, not yet running.
        name: What the source is called.
    """

    def __init__(self, live: Live, name: str) -> None:
        self.live, self.name = live, name
        self.viewers = ThreadPoolExecutor(MOST_VIEWERS, thread_name_prefix="facesdk-viewer")
        self._lock = threading.Lock()
        self._encoding = threading.Lock()
        self._visits: deque[Visit] = deque(maxlen=_KEPT_VISITS)
        self._state, self._message = State.CONNECTING, ""
        self._newest: Picture | None = None
        self._thread = threading.Thread(target=self._run, name="facesdk-live", daemon=True)

    @property
    def state(self) -> State:
        """What the source is doing."""
        with self._lock:
            return self._state

    @property
    def message(self) -> str:
        """Why, in a line; empty where there is nothing to say."""
        with self._lock:
            return self._message

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Let those who wait go, and look no more."""
        self.live.stop()

    def close(self) -> None:
        """Wait until the thread has ended."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)
        self.viewers.shutdown(wait=True, cancel_futures=True)

    def visits(self) -> tuple[Visit, ...]:
        """The newest visits, those who came last first."""
        with self._lock:
            return tuple(reversed(self._visits))

    def picture(self, after: int, timeout: float) -> Picture | None:
        """The newest picture, once there is one that the caller does not know.

        Args:
            after: Number of the picture that the caller has; -1 for none.
            timeout: Seconds to wait at most.

        Returns:
            None where none came in time, or none will.
        """
        snapshot = self.live.wait(after, timeout)
        if snapshot is None:
            return None
        with self._encoding:  # once for all who look
            if self._newest is None or self._newest.snapshot.number != snapshot.number:
                self._newest = Picture(snapshot, _jpeg(snapshot))
            return self._newest

    def _run(self) -> None:
        state, message = State.ENDED, ""
        try:
            for event in self.live.run():
                self._note(event)
        except FaceSDKError as error:
            message = str(error)
        except Exception as error:
            report_bug(error)
            message = "a bug of facesdk has ended it: the service's log has a line about it"
        with self._lock:
            self._state, self._message = state, message

    def _note(self, event: Event) -> None:
        at = datetime.fromisoformat(event.at.replace("Z", "+00:00"))
        with self._lock:
            if isinstance(event, SourceChanged):
                self._state, self._message = State(event.state), event.message
                return
            self._state, self._message = State.LIVE, ""
            if isinstance(event, Seen):
                self._visits.append(Visit(event.track, at))
            elif isinstance(event, Identified):
                self._change(event.track, verdict=event.verdict)
            elif isinstance(event, Left):
                self._change(event.track, verdict=event.verdict, last=at)

    def _change(self, track: int, **changes: object) -> None:
        for place in reversed(range(len(self._visits))):
            if self._visits[place].track == track:
                self._visits[place] = replace(self._visits[place], **changes)  # type: ignore[arg-type]
                return


def _jpeg(snapshot: Snapshot) -> str:
    image = snapshot.image
    share = _LONGEST / max(image.shape[:2])
    if share < 1:
        rows, columns = (max(1, round(length * share)) for length in image.shape[:2])
        image = pixels.resize(image, rows, columns)
    content = encode.to_bytes(image, "JPEG", quality=_JPEG_QUALITY)
    return base64.b64encode(content).decode()
