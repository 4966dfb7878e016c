"""Settings for every test."""

from __future__ import annotations

import asyncio
import gc
import os

import pytest
from hypothesis import settings

import lfw

# No deadline: a loaded machine must not fail a test.
settings.register_profile("facesdk", deadline=None)
settings.load_profile("facesdk")

gc.disable()  # until everything is imported


def data_is_expected() -> bool:
    """Whether a test that needs photos must run: it fails if they are missing then."""
    named = "FACESDK_DATA" in os.environ or lfw.FOLDER.is_dir()
    return named or os.environ.get("CI") == "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
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


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A test that leaves an event loop running fails itself, not the next one that runs a loop."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
