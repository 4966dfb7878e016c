"""No change that was reported as done is lost when the program is killed, wherever it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from facesdk.gallery.check import check

KILLS = 200


@pytest.mark.slow
def test_nothing_is_lost_when_a_program_is_killed_200_times(tmp_path):
    script = Path(__file__).with_name("kills.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(KILLS)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == KILLS and found["enrolled"] > 20 and found["unsaid"] > 0, found
    assert (found["lost"], found["wrong"], found["unsound"]) == ([], 0, 0), found
    assert check(tmp_path / "gallery.db", key=tmp_path / "keys").templates == found["there"]
