"""Tests whose photos are missing are left out with a reason, and fail where photos are expected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DECIDING = ("CI", "FACESDK_DATA")
NEEDS_LFW = "sdk/detection/mtcnn/test_mtcnn_lfw.py"


def pytest_in_a_clone(tmp_path: Path, **environment: str) -> str:
    """Summary of the fast tests that need LFW, in a checkout that has no data beside it."""
    clone = tmp_path / "clone" / "tests"
    (clone / NEEDS_LFW).parent.mkdir(parents=True)
    for name in ("conftest.py", "lfw.py", "sdk/detection/mtcnn/mtcnn_oracle.py", NEEDS_LFW):
        (clone / name).write_bytes((TESTS / name).read_bytes())
    (clone.parent / "pyproject.toml").write_bytes((TESTS.parent / "pyproject.toml").read_bytes())
    inherited = {key: value for key, value in os.environ.items() if key not in DECIDING}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"tests/{NEEDS_LFW}"],
        cwd=clone.parent,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_they_are_skipped_with_a_line_that_says_where_the_photos_come_from(tmp_path: Path) -> None:
    summary = pytest_in_a_clone(tmp_path)
    assert "skipped" in summary.splitlines()[-1]
    assert "failed" not in summary
    assert "docs/build/development.md" in summary


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"FACESDK_DATA": "none"}])
def test_they_fail_where_photos_are_expected(tmp_path: Path, environment: dict[str, str]) -> None:
    assert "failed" in pytest_in_a_clone(tmp_path, **environment).splitlines()[-1]
