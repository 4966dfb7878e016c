"""A sample of damaged photos, containers and contracts: read or refused, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("fuzz_files.py")


def test_damaged_files_are_read_or_refused() -> None:
    command = [sys.executable, str(PROGRAM), "1300", "500"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "escaped" not in done.stdout and "signal" not in done.stdout, done.stderr
    assert done.stdout.count(": refused") == 13
