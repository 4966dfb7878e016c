"""Workers that are processes: the same answers, and a service that outlives them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from facesdk.engine import FaceEngine
from facesdk.errors import NoFaceError
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.serve.access.tokens import Token
from facesdk.serve.app import create_app
from facesdk.serve.engines import Engines
from facesdk.serve.service import Service
from facesdk.serve.work import tasks
from facesdk.serve.work.limits import Limits
from facesdk.serve.work.processes import Processes, WorkerDiedError, WorkerFailedError
from facesdk.tracing import Profile
from sdk.serve import problem


@pytest.fixture(scope="module")
def processes(engine: FaceEngine) -> Iterator[Processes]:
    opened = Processes(engine, Limits(workers=2))
    yield opened
    opened.close()


@contextmanager
def _elsewhere(processes: Processes) -> Iterator[None]:
    """This process is at work: tasks of the ``with`` block are done in the other one."""
    begun, done = threading.Event(), threading.Event()

    def wait(engine: FaceEngine, limits: Limits) -> None:
        begun.set()
        done.wait()

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(processes.do, wait, Profile())
        assert begun.wait(10)
        try:
            yield
        finally:
            done.set()
        waiting.result()


def _pid(engine: FaceEngine, limits: Limits) -> int:
    return os.getpid()


def _bug(engine: FaceEngine, limits: Limits) -> None:
    raise ZeroDivisionError("seven by nothing")


def _no_face(engine: FaceEngine, limits: Limits) -> None:
    raise NoFaceError("nobody")


def _die(engine: FaceEngine, limits: Limits) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_one_task_at_a_time_stays_here_and_the_next_goes_elsewhere(processes: Processes) -> None:
    assert processes.do(_pid, Profile()) == os.getpid()
    with _elsewhere(processes):
        assert processes.do(_pid, Profile()) != os.getpid()


def test_another_process_finds_what_this_one_finds_and_says_how_long_it_took(
    processes: Processes, photo: Callable[[str], bytes]
) -> None:
    task = partial(tasks.embed, photo("obama"), 1)
    here = processes.do(task, Profile())
    profile = Profile()
    with _elsewhere(processes):
        there = processes.do(task, profile)
    assert (there.width, there.height) == (here.width, here.height)
    assert np.array_equal(there.faces[0].landmarks, here.faces[0].landmarks)
    assert np.array_equal(there.embeddings[0].vector, here.embeddings[0].vector)
    for name in ("decode", "detect", "align", "embed"):
        assert profile.total_ms(name) > 0


def test_errors_of_another_process_are_raised_here(processes: Processes) -> None:
    with _elsewhere(processes):
        with pytest.raises(NoFaceError, match="nobody"):
            processes.do(_no_face, Profile())
        with pytest.raises(WorkerFailedError, match="ZeroDivisionError: seven by nothing"):
            processes.do(_bug, Profile())
        with pytest.raises(tasks.UnreadablePhotoError, match="photo"):
            processes.do(partial(tasks.detect, b"no photo", 1), Profile())


def test_a_process_that_dies_is_replaced(processes: Processes) -> None:
    with _elsewhere(processes):
        first = processes.do(_pid, Profile())
        with pytest.raises(WorkerDiedError, match="ended by signal 9"):
            processes.do(_die, Profile())
        assert processes.do(_pid, Profile()) not in (first, os.getpid())


def test_a_process_that_was_killed_between_tasks_is_replaced(processes: Processes) -> None:
    with _elsewhere(processes):
        pid = processes.do(_pid, Profile())
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDiedError, match="ended by signal 9"):
            processes.do(_pid, Profile())
        assert processes.do(_pid, Profile()) != pid


def test_what_ends_the_service_does_not_end_its_processes(processes: Processes) -> None:
    with _elsewhere(processes):
        pid = processes.do(_pid, Profile())
        for number in (signal.SIGINT, signal.SIGTERM):  # as Ctrl-C and systemd send it to all
            os.kill(pid, number)
        assert processes.do(_pid, Profile()) == pid


def test_the_service_answers_alike(
    engine: FaceEngine,
    client: TestClient,
    secret: tuple[Token, str],
    photo: Callable[[str], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    gallery = SqliteGallery.open(
        tmp_path / "g.db", embedder=engine.embedder, key=tmp_path / "key", create=True
    )
    engines = Engines(engine, Limits(workers=2), processes=True)
    headers = {"Authorization": f"Bearer {secret[1]}"}
    with gallery:
        app = create_app(Service(engines, secret[0], gallery))
        there = TestClient(app, "http://127.0.0.1", headers=headers)
        assert engines._processes is not None
        with _elsewhere(engines._processes):
            files = {"a": photo("obama"), "b": photo("obama2")}
            answers = [one.post("/v1/verify", files=files).json() for one in (client, there)]
            timings = [answer.pop("timings_ms") for answer in answers]
            assert answers[0] == answers[1]
            assert timings[0].keys() == timings[1].keys() and timings[1]["decode"] > 0

            enrolled = there.post("/v1/people", data={"name": "Ada"}, files={"photo": files["a"]})
            assert enrolled.status_code == 201, enrolled.text
            found: dict[str, Any] = there.post("/v1/identify", files={"photo": files["a"]}).json()
            assert found["faces"][0]["person"]["name"] == "Ada"

            broken = there.post("/v1/detect", files={"photo": b"no photo"})
            assert problem.of(broken)["kind"] == "unreadable-photo"
            monkeypatch.setattr(tasks, "detect", _killed)
            died = there.post("/v1/detect", files={"photo": files["a"]})
            assert problem.of(died)["kind"] == "internal"
            assert "ended by signal 9" in capfd.readouterr().err
        engines.close()


def _killed(photo: bytes, most: int, engine: FaceEngine, limits: Limits) -> None:
    _die(engine, limits)


_SERVICE = """
import os, signal, threading, time
from facesdk.engine import FaceEngine
from facesdk.serve.work.limits import Limits
from facesdk.serve.work.processes import Processes

if __name__ == "__main__":
    processes = Processes(FaceEngine.load(None), Limits(workers=2))
    place, worker = processes._idle.get()
    place, worker = processes._idle.get()
    print(worker._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_a_service_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(_SERVICE)
    done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("it is still there")
