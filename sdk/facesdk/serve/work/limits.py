"""What requests may cost."""

from __future__ import annotations

from dataclasses import dataclass

from facesdk.errors import InputError
from facesdk.runtime.interpreter_pool import MAX_WORKERS


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all of them together, may cost.

    Attributes:
        body_bytes: Largest body of a request.
        pixels: Largest photo, in pixels; the header is asked before anything is decoded.
        side: A larger photo is reduced to ``side`` by three quarters of it before faces are looked
            for: time and memory of detection grow with the picture.
        faces: Most faces that are looked for in a photo.
        workers: Photos that are worked on at a time, 1 to 64.
        waiting: Requests that may wait for a worker; one more is refused with 429.
        arrival_s: Seconds that a request's head, and then its body, may take to arrive.
        work_s: Seconds that a request may wait and be worked on.
    """

    body_bytes: int = 16_000_000
    pixels: int = 26_000_000
    side: int = 640
    faces: int = 16
    workers: int = 2
    waiting: int = 16
    arrival_s: float = 15.0
    work_s: float = 20.0

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise InputError(f"workers must be 1 to {MAX_WORKERS}, but got {self.workers}")
        for name in ("body_bytes", "pixels", "side", "faces", "arrival_s", "work_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0, but got {getattr(self, name)}")
        if self.waiting < 0:
            raise InputError(f"waiting must be 0 or more, but got {self.waiting}")
