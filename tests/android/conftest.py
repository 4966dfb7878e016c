"""One build of the libraries, the AAR and the APK per test run, for all workers."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from android.support import reference
from android_demo.ci import build


@pytest.fixture(scope="session")
def keep_screenshots() -> bool:
    """Whether the pictures taken replace the kept ones (FACESDK_KEEP_SCREENSHOTS=1)."""
    return os.environ.get("FACESDK_KEEP_SCREENSHOTS") == "1"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of all workers of this test run."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@contextmanager
def once(marker: Path) -> Iterator[bool]:
    """Whether this worker is the first; the others wait until it has written the marker."""
    with marker.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not marker.exists()


@pytest.fixture(scope="session")
def built(shared: Path) -> build.Built:
    """What ``android_demo/ci/build`` makes."""
    done = shared / "android.pickle"
    with once(done) as first:
        if first:
            done.write_bytes(pickle.dumps(build.build(shared / "android")))
    made = pickle.loads(done.read_bytes())
    assert isinstance(made, build.Built)
    return made


@pytest.fixture(scope="session")
def python_says(shared: Path) -> Path:
    """The folder of ``reference.write``; nothing is changed in it."""
    done = shared / "reference"
    with once(done) as first:
        if first:
            part = shared / "reference.part"
            reference.write(part)
            part.rename(done)
    return done
