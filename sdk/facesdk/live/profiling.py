"""How long each stage takes, how many pictures there are per second, and how the computer is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from facesdk.measure.conditions import Conditions, Reading, read_conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import describe_environment
from facesdk.measure.memory import resident

STAGES = ("read", "detect", "look", "track", "assess", "align", "embed", "identify", "frame")
"""Stages in their order. ``read`` runs beside the others, in a thread of its own, and of a camera
or stream has the wait for the picture in it; ``frame`` is all the others of a picture together."""

KEPT = 600
"""Times of each stage that are kept: the last ones."""

WINDOW = 5.0
"""Seconds over which pictures are counted for the rate."""

_FRESH, _FRESH_READING = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time goes.

    Attributes:
        stages: Times of each stage that has run, of its last :data:`KEPT` runs.
        fps: Pictures that were looked at per second, over the last :data:`WINDOW` seconds.
        source_fps: Pictures that the source gave per second, likewise.
        frames: Pictures that were looked at, in all.
        dropped: Pictures that came while another was looked at, and were let go.
        unreadable: Pictures that could not be decoded.
        reconnects: How often the source was opened again.
        temperature: Hottest zone in degrees Celsius; None where the system does not tell.
        throttled: Why the processor was slowed down since the beginning, in words.
        memory: Resident memory of the process in bytes; None where the system does not tell.
        kernel_path: Kernels of the operator library; None where there is no library.
    """

    stages: Mapping[str, Distribution]
    fps: float
    source_fps: float
    frames: int
    dropped: int
    unreadable: int
    reconnects: int
    temperature: float | None
    throttled: tuple[str, ...]
    memory: int | None
    kernel_path: str | None

    def to_dict(self) -> dict[str, Any]:
        """All of it; times in milliseconds."""
        return {
            "stages_ms": {name: row.to_dict() for name, row in self.stages.items()},
            "fps": round(self.fps, 2),
            "source_fps": round(self.source_fps, 2),
            "frames": self.frames,
            "dropped": self.dropped,
            "unreadable": self.unreadable,
            "reconnects": self.reconnects,
            "temperature_c": self.temperature,
            "throttled": list(self.throttled),
            "memory_bytes": self.memory,
            "kernel_path": self.kernel_path,
        }


class Profiler:
    """Collects times; one thread adds, any may ask.

    Args:
        clock: Seconds of a monotonic clock.
        read: Reads the state of the computer.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        read: Callable[[], Reading] = read_conditions,
    ) -> None:
        self._clock, self._read = clock, read
        self._lock = threading.Lock()
        self._times = {name: deque[float](maxlen=KEPT) for name in STAGES}
        self._seen: deque[tuple[float, int]] = deque(maxlen=KEPT)
        self._frames = 0
        self._kernel_path = describe_environment().kernel_path
        self._before = self._now = read()
        self._read_at = self._made_at = clock()
        self._made: Profile | None = None

    def add(self, number: int, times: Mapping[str, float]) -> None:
        """Take note of a picture.

        Args:
            number: Its number among those that the source gave.
            times: Milliseconds of the stages that ran.
        """
        with self._lock:
            for name, ms in times.items():
                self._times[name].append(ms)
            self._frames += 1
            self._seen.append((self._clock(), number))

    def times(self, name: str) -> tuple[float, ...]:
        """Milliseconds of the last runs of a stage, in their order, at most :data:`KEPT`."""
        with self._lock:
            return tuple(self._times[name])

    def end(self) -> None:
        """The next profile is made anew: it is the last, and of everything."""
        with self._lock:
            self._made = None

    def profile(self, *, dropped: int = 0, unreadable: int = 0, reconnects: int = 0) -> Profile:
        """What was collected; made anew after half a second at the earliest, and after the end.

        Args:
            dropped: See :class:`Profile`; these three are the capture's.
            unreadable: See :class:`Profile`.
            reconnects: See :class:`Profile`.
        """
        with self._lock:
            now = self._clock()
            if self._made is not None and now - self._made_at < _FRESH:
                return self._made
            if now - self._read_at >= _FRESH_READING:
                self._now, self._read_at = self._read(), now
            fps, source_fps = self._rates(now)
            self._made_at = now
            self._made = Profile(
                {name: Distribution.of(tuple(row)) for name, row in self._times.items() if row},
                fps,
                source_fps,
                self._frames,
                dropped,
                unreadable,
                reconnects,
                self._now.temperature,
                Conditions(self._before, self._now).throttled,
                resident(),
                self._kernel_path,
            )
            return self._made

    def _rates(self, now: float) -> tuple[float, float]:
        recent = [row for row in self._seen if now - row[0] <= WINDOW]
        if len(recent) < 2:
            return 0.0, 0.0
        (begin, first), (_, last) = recent[0], recent[-1]
        seconds = max(now - begin, 1e-9)
        return (len(recent) - 1) / seconds, (last - first) / seconds
