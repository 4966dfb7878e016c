"""Who works on a photo, and how many may wait: bounded, so that a busy service says so at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from facesdk.engine import FaceEngine
from facesdk.serve.problems import Problem
from facesdk.serve.work.limits import Limits
from facesdk.serve.work.processes import Processes
from facesdk.serve.work.tasks import Task
from facesdk.tracing import Profile

T = TypeVar("T")


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
    """A pool: an engine that ``workers`` threads use at a time, or processes with one each.

    Args:
        engine: Loaded for as many workers; with ``processes`` they have copies of it.
        limits: See :class:`Limits`.
        processes: Whether tasks are done in ``workers`` processes, of which this one is the first.

    Raises:
        WorkerDiedError: A process does not start.
    """

    def __init__(self, engine: FaceEngine, limits: Limits, *, processes: bool = False) -> None:
        self.engine, self.limits = engine, limits
        self._processes = Processes(engine, limits) if processes else None
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

    def do(self, task: Task[T], profile: Profile) -> T:
        """Do a task here and now, or wait while one of the processes does it.

        Args:
            task: What to do with photos.
            profile: What records this thread; gets the stages of another process too.

        Raises:
            FaceSDKError: What the task raised, or the process that was at it died.
        """
        if self._processes is None:
            return task(self.engine, self.limits)
        return self._processes.do(task, profile)

    def close(self) -> None:
        """End the threads and the processes; what has not begun is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._processes is not None:
            self._processes.close()
