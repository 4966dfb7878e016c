"""Settings for every test."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

import lfw

# No deadline: a loaded machine must not fail a test.
settings.register_profile("facesdk", deadline=None)
settings.load_profile("facesdk")

gc.disable()  # until everything is imported

HERE = Path(__file__).parent


def data_is_expected() -> bool:
    """Whether a test that needs photos must run: it fails if they are missing then."""
    named = "FACESDK_DATA" in os.environ or lfw.FOLDER.is_dir()
    return named or os.environ.get("CI") == "true"


@cache
def names_slow(path: Path) -> bool:
    return "mark.slow" in path.read_text()


def may_have_slow_tests(path: Path) -> bool:
    """Whether the module or a conftest.py of its own folders names the mark."""
    folders = [folder for folder in path.parents if HERE in folder.parents]
    beside = [folder / "conftest.py" for folder in folders]
    return names_slow(path) or any(names_slow(file) for file in beside if file.is_file())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Processes of the slow suite import modules with slow tests only: half of what all take."""
    only_slow = re.match(r"slow( and |$)", config.getoption("markexpr"))
    if not only_slow or collection_path.suffix != ".py" or may_have_slow_tests(collection_path):
        return None
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") and not may_have_slow_tests(item.path):
            raise pytest.UsageError(
                f"{item.path} must name mark.slow, or `make test-slow` misses it"
            )
    # Files that compile or train are the longest: processes end together if these are not the last.
    items.sort(key=lambda item: {"native", "training"}.isdisjoint(item.path.parts))
    if data_is_expected():
        return
    missing = pytest.mark.skip(
        reason=f"needs LFW in {lfw.FOLDER} or FACESDK_DATA: docs/build/development.md says from "
        "where"
    )
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(missing)


def pytest_collection_finish() -> None:
    """Spares the garbage collector what was imported: TensorFlow's objects live to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Networks begin with the same weights in every run, whatever ran before.

    Two engines round differently, and where a binarized network is given a number next to zero, its
    embeddings then have nothing in common: with other weights each time, a test of thousands of
    signs fails once in a hundred runs.
    """
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.keras.utils.set_random_seed(1)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A test that leaves an event loop running fails itself, not the next one that runs a loop."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
