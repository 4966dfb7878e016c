"""One build of the libraries, the AAR and the APK per test run, for all workers."""

from __future__ import annotations

import fcntl
import os
import pickle
from pathlib import Path

import pytest

from android_demo.ci import build


@pytest.fixture(scope="session")
def keep_screenshots() -> bool:
    """Whether the pictures taken replace the kept ones (FACESDK_KEEP_SCREENSHOTS=1)."""
    return os.environ.get("FACESDK_KEEP_SCREENSHOTS") == "1"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> build.Built:
    """What ``android_demo/ci/build`` makes."""
    base = tmp_path_factory.getbasetemp()
    folder: Path = base if worker_id == "master" else base.parent
    done = folder / "android.pickle"
    with (folder / "android.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.is_file():
            done.write_bytes(pickle.dumps(build.build(folder / "android")))
    made = pickle.loads(done.read_bytes())
    assert isinstance(made, build.Built)
    return made
