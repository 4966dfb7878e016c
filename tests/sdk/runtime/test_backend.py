"""What is said when no runtime can be imported."""

from __future__ import annotations

import importlib
import platform
import sys
from typing import Any

import pytest

from facesdk.errors import RuntimeUnavailableError
from facesdk.runtime.backend import load_backend


@pytest.mark.parametrize(
    ("machine", "python", "remedy"),
    [
        ("x86_64", (3, 13), "pip install ai-edge-litert"),
        ("aarch64", (3, 11), "pip install ai-edge-litert"),
        ("armv7l", (3, 11), "pip install tflite-runtime"),
        ("armv7l", (3, 12), "or a 64-bit system"),
    ],
)
def test_the_remedy_is_one_that_exists_there(
    monkeypatch: pytest.MonkeyPatch, machine: str, python: tuple[int, int], remedy: str
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "version_info", python)
    with pytest.raises(RuntimeUnavailableError) as caught:
        load_backend()
    assert remedy in str(caught.value)
