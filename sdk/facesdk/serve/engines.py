"""Who works on a photo, and how many may wait: bounded, so that a busy service says so at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.runtime.interpreter_pool import MAX_WORKERS
from facesdk.serve.problems import Problem

T = TypeVar("T")


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


class Places:
    """Places for requests, of which there is a number."""

    def __init__(self) -> None:
        self.taken = 0

    @asynccontextmanager
    async def admitted(self, most: int) -> AsyncIterator[None]:
        """A place for the ``async with`` block.

        Raises:
            Problem: ``busy``: all ``most`` places are taken.
        """
        if self.taken >= most:
            raise Problem(
                "busy",
                f"{self.taken} requests are being answered: try again in a second",
                headers={"Retry-After": "1"},
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Engines:
    """A pool: an engine that ``workers`` threads use at a time.

    Args:
        engine: Loaded for as many workers.
        limits: See :class:`Limits`.
    """

    def __init__(self, engine: FaceEngine, limits: Limits) -> None:
        self.engine, self.limits = engine, limits
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="facesdk-serve")
        self._places = Places()

    @property
    def inside(self) -> int:
        """Requests that are worked on, wait, or are still arriving."""
        return self._places.taken

    def admitted(self) -> AbstractAsyncContextManager[None]:
        """A place for a request, from before its body is read until its work is done.

        Raises:
            Problem: ``busy``, when it is entered: all places are taken.
        """
        return self._places.admitted(self.limits.workers + self.limits.waiting)

    async def run(self, work: Callable[[], T]) -> T:
        """Do something on a worker's thread.

        Work that nobody waits for any more is not begun; begun, it is done to its end, since a
        network that runs cannot be stopped.

        Raises:
            Problem: ``timeout``: it took more than ``work_s`` seconds.
        """
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.wait_for(future, self.limits.work_s)
        except asyncio.TimeoutError:
            raise Problem(
                "timeout",
                f"this took more than {self.limits.work_s:g} s: send a smaller photo, or try again",
                headers={"Retry-After": "5"},
            ) from None

    def close(self) -> None:
        """End the threads; what has not begun is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)
