"""Where the operator library under test is."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.runtime.operator_library import library_path


@pytest.fixture(scope="session")
def library() -> Path:
    """The installed library, or the one that FACESDK_OPS_LIBRARY names."""
    return library_path()
