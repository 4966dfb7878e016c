"""Reads a source in a thread of its own: the newest picture wins, and a loss is mended."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from facesdk.errors import InputError, SourceLostError
from facesdk.live.sources.source import Frame, Source

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds from a loss to the first try, and at most between two; each pause is twice the last."""

_JOIN_SECONDS = 2.0


class Pace(Enum):
    """How a file is read. Cameras and streams have a pace of their own.

    With ``EVERY`` each picture is looked at, as fast as this computer can, and none is dropped.
    With ``REAL_TIME`` pictures come when they would in a player, and those that come while another
    is looked at are dropped, as with a camera.
    """

    EVERY = "every-frame"
    REAL_TIME = "real-time"


class State(str, Enum):
    """What a capture is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A picture, and how it was had.

    Attributes:
        frame: The picture; its time goes on over losses, and counts how long they lasted.
        number: Its number among all that were read, from 0.
        read_ms: Milliseconds to read and decode it; of a paced source, with the wait for it.
    """

    frame: Frame
    number: int
    read_ms: float


@dataclass(frozen=True, slots=True)
class Notice:
    """A change of state.

    Attributes:
        state: The new one.
        message: Why, in a line; empty where there is nothing to say.
    """

    state: State
    message: str


class Capture:
    """A source, read by a thread.

    Memory is bounded: one picture waits for the reader (with :attr:`Pace.EVERY` too; there the
    thread waits until it is taken).

    Args:
        source: What to read; the thread opens and closes it.
        pace: How a file is read.
        patient: Whether to go on trying where the first connection fails; else it is an error.
        give_up: Seconds without a picture after which a paced source counts as ended; None never.
        clock: Seconds of a monotonic clock.
        wait: Waits for an event at most so many seconds, and says whether it is set.
    """

    def __init__(
        self,
        source: Source,
        *,
        pace: Pace = Pace.EVERY,
        patient: bool = False,
        give_up: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.source, self._pace = source, pace
        self._patient, self._give_up = patient, give_up
        self._clock, self._wait = clock, wait
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._waiting: Captured | None = None
        self._notices: deque[Notice] = deque(maxlen=16)
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._began_at = 0.0
        self._origin: float | None = None
        self._last = 0.0
        self._came_at = 0.0
        self._numbers = 0
        self.state = State.CONNECTING
        self.message = ""
        self.dropped = 0
        self.reconnects = 0

    def start(self) -> None:
        """Begin to read."""
        self._began_at = self._clock()
        self._thread = threading.Thread(target=self._run, name="facesdk-capture", daemon=True)
        self._thread.start()

    def next(self, timeout: float) -> Captured | Notice | None:
        """What comes next: a change of state, or else the newest picture.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            None when nothing came in time; ask :attr:`state` whether anything will.

        Raises:
            FaceSDKError: The source cannot be opened or read, and another try would not help.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._notices or self._waiting or self.state is State.ENDED, timeout
            )
            if self._notices:
                return self._notices.popleft()
            if self._waiting is not None:
                taken, self._waiting = self._waiting, None
                self._changed.notify_all()
                return taken
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            return None

    @property
    def elapsed(self) -> float:
        """Seconds of a paced source, with those in which it is lost; 0 of a file.

        They begin when it is first opened; until then they are those of the tries.
        """
        if not self.source.paced:
            return 0.0
        return self._clock() - (self._began_at if self._origin is None else self._origin)

    @property
    def exhausted(self) -> bool:
        """Whether nothing will come any more."""
        with self._changed:
            return self.state is State.ENDED and not (
                self._notices or self._waiting or self._error is not None
            )

    def stop(self) -> None:
        """End the thread; one that hangs in a camera's driver is left alone after two seconds."""
        self.halt()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)

    def halt(self) -> None:
        """Tell the thread to end, and do not wait for it; a picture that waits can be had still."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._read_all()
        except Exception as error:  # raised where somebody can see it
            with self._changed:
                self._error = error
        finally:
            self.source.close()
            self._enter(State.ENDED, self.message)

    def _read_all(self) -> None:
        pause, connected = FIRST_PAUSE, False
        self._came_at = self._clock()
        while not self._stopping.is_set():
            begun = self._clock()
            try:
                self.source.open()
                connected = True
                self._enter(State.LIVE, "")
                begun = self._clock()
                self._read_until_lost()
                return
            except InputError as error:
                hopeful = connected or (self._patient and isinstance(error, SourceLostError))
                if not (self.source.paced and hopeful):
                    raise
                reason = str(error)
            finally:
                self.source.close()
            now = self._clock()
            if self._came_at - begun > pause:  # it has worked for a while: a new trouble
                pause = FIRST_PAUSE
            if self._give_up is not None and now - self._came_at >= self._give_up:
                raise SourceLostError(f"{reason}; given up after {self._give_up:g} seconds")
            self._enter(State.RECONNECTING, f"{reason}; next try in {pause:g} seconds")
            if self._wait(self._stopping, pause):
                return
            self.reconnects += 1
            pause = min(2 * pause, LONGEST_PAUSE)

    def _read_until_lost(self) -> None:
        begun = self._clock()
        self._origin = begun if self._origin is None else self._origin
        offset = begun - self._origin if self.source.paced else self._last
        while not self._stopping.is_set():
            start = time.perf_counter()
            frame = self.source.read()
            read_ms = 1e3 * (time.perf_counter() - start)
            if frame is None:
                return
            self._came_at = self._clock()
            if not self.source.paced and self._pace is Pace.REAL_TIME:
                early = frame.time - (self._clock() - begun)
                if early > 0 and self._wait(self._stopping, early):
                    return
            self._last = max(self._last, offset + frame.time)
            self._offer(Captured(Frame(frame.image, self._last), self._numbers, read_ms))
            self._numbers += 1

    def _offer(self, captured: Captured) -> None:
        with self._changed:
            if not self.source.paced and self._pace is Pace.EVERY:
                self._changed.wait_for(lambda: self._waiting is None or self._stopping.is_set())
                if self._stopping.is_set():
                    return
            elif self._waiting is not None:
                self.dropped += 1
            self._waiting = captured
            self._changed.notify_all()

    def _enter(self, state: State, message: str) -> None:
        with self._changed:
            if (state, message) != (self.state, self.message):
                self.state, self.message = state, message
                self._notices.append(Notice(state, message))
            self._changed.notify_all()
