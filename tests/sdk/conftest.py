"""A real browser, for the tests that look at pages in one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def playwright() -> Iterator[Any]:
    """Playwright, for one test: as long as it lives, no other event loop runs in its thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium_program() -> str:
    """Chromium, which `make test-slow` installs."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "Chromium is not installed: run `make browser`"
    return program


@pytest.fixture
def browser(playwright: Any, chromium_program: str) -> Iterator[Any]:
    """Headless Chromium."""
    chromium = playwright.chromium.launch(executable_path=chromium_program, args=["--no-sandbox"])
    yield chromium
    chromium.close()
