"""A sample of the command lines of :mod:`fuzz_options`; docs/numbers/reliability.md has more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("fuzz_options.py")


def test_command_lines_that_make_no_sense_end_with_a_status_of_ours() -> None:
    command = [sys.executable, str(PROGRAM), "100", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["escaped"] == []
    assert sum(found["counts"].values()) == 100
    assert len({row.split(":")[0] for row in found["counts"]}) > 10
