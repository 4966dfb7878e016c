"""Every tool is run from the root of the repository, by ``python -m``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for path in (ROOT / "tools").rglob("*.py")
    if '\nif __name__ == "__main__":' in path.read_text()
)


def test_there_are_tools() -> None:
    assert {"tools.bench.ops", "tools.peers.compare", "tools.release.build_wheels"} <= set(TOOLS)


@pytest.mark.parametrize("module", TOOLS)
def test_help_says_what_a_tool_is_for_and_does_nothing(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")
    assert len(done.stdout.splitlines()) > 4
    assert list(tmp_path.iterdir()) == []
