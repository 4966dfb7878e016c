"""Engines in processes of their own, since Python lets one thread of a process run at a time.

A small photo is a few milliseconds of work, of which a good part is Python's own: two threads do
some 1.4 times the work of one, two processes 1.9 times.

Several processes beside this one begin as copies of one that has loaded the modules and nothing
else (``forkserver``), where the system can do that: so they share the memory of what they import.
A single one has nobody to share with, and is started alone (``spawn``), which saves 14 MB.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from os import environ
from queue import PriorityQueue
from typing import Any, TypeVar

from facesdk import tracing
from facesdk.engine import FaceEngine
from facesdk.errors import FaceSDKError, one_line
from facesdk.serve.work.limits import Limits
from facesdk.serve.work.tasks import Task
from facesdk.tracing import Profile, Span

T = TypeVar("T")
_END_S = 5.0


class WorkerDiedError(FaceSDKError):
    """A process ended in the middle of its work; another one has taken its place."""


class WorkerFailedError(Exception):
    """An error that is a bug, in another process; its words are the error's there."""


class Processes:
    """A number of processes that work on photos, this one among them, each on one at a time.

    A task is done here where this process has none; a single client so never pays for the way to
    another one and back. Threads may share an instance; one that finds every process at work waits.

    Args:
        engine: Used here, and copied into each process.
        limits: Handed to tasks; ``workers`` is the number of processes, with this one.

    Raises:
        WorkerDiedError: One does not start.
    """

    def __init__(self, engine: FaceEngine, limits: Limits) -> None:
        self._engine, self._limits = engine, limits
        self._idle: PriorityQueue[tuple[int, _Worker | None]] = PriorityQueue()
        self._context = _context(limits.workers - 1)
        others = [self._start() for _ in range(limits.workers - 1)]
        for worker in others:
            worker.wait()
        for place, idle in enumerate([None, *others]):
            self._idle.put((place, idle))

    def do(self, task: Task[T], profile: Profile) -> T:
        """Run a task in one of the processes, and wait for what it returns.

        Args:
            task: What to do; it is pickled.
            profile: The spans of its stages are added here.

        Raises:
            FaceSDKError: What the task raised.
            WorkerDiedError: The process died; the next task gets another one.
            WorkerFailedError: The task raised anything else.
        """
        place, worker = self._idle.get()
        try:
            if worker is None:
                return task(self._engine, self._limits)
            try:
                found, spans = worker.do(task)
            except WorkerDiedError:
                worker.end()
                worker = self._start()
                raise
        finally:
            self._idle.put((place, worker))
        profile.add_spans(spans)
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """End the other processes, each after what it is at."""
        for _ in range(self._limits.workers):
            _, worker = self._idle.get()
            if worker is not None:
                worker.end()

    def _start(self) -> _Worker:
        return _Worker(self._context, self._engine, self._limits)


class _Worker:
    """One process, as its parent sees it."""

    def __init__(self, context: Any, engine: FaceEngine, limits: Limits) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, engine, limits), daemon=True, name="facesdk-worker"
        )
        self._ready = False
        self._process.start()
        theirs.close()

    def wait(self) -> None:
        """Return when it has its engine."""
        self._receive()
        self._ready = True

    def do(self, task: Task[T]) -> tuple[T | BaseException, Sequence[Span]]:
        """What a task returned or raised there, and the spans of its stages."""
        if not self._ready:
            self.wait()
        try:
            self._pipe.send(task)
        except OSError:
            raise self._death() from None
        found: tuple[T | BaseException, Sequence[Span]] = self._receive()
        return found

    def end(self) -> None:
        """End it, and wait until it has ended."""
        self._pipe.close()  # it reads the end of its input
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            raise self._death() from None

    def _death(self) -> WorkerDiedError:
        self._process.join(_END_S)
        status = self._process.exitcode
        how = f"by signal {-status}" if status and status < 0 else f"with status {status}"
        return WorkerDiedError(f"a process that works on photos ended {how}: try again")


def _context(others: int) -> Any:  # its classes differ by system
    if others < 2 or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _work(pipe: Connection, engine: FaceEngine, limits: Limits) -> None:
    """What a process does until its parent closes the pipe, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent says when to end
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        pipe.send(None)
        while True:
            pipe.send(_done(pipe.recv(), engine, limits))


def _done(
    task: Task[Any], engine: FaceEngine, limits: Limits
) -> tuple[Any | BaseException, tuple[Span, ...]]:
    with tracing.record() as profile:
        try:
            found: Any = task(engine, limits)
        except FaceSDKError as error:
            found = error
        except Exception as error:
            if environ.get("FACESDK_DEBUG"):
                traceback.print_exc(file=sys.stderr)
            found = WorkerFailedError(f"{type(error).__name__}: {one_line(error)}")
    return found, profile.spans
