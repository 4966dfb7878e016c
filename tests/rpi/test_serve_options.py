"""What the unit, the installer and the README tell ``facesdk`` to do, it can do."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from rpi.fake_pi import RPI


def options_of(verb: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-m", "facesdk", verb, "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"(?<![\w-])--[a-z-]+", done.stdout))


def test_serve_knows_the_options_of_the_service() -> None:
    unit = re.search(r"^ExecStart=(.*)$", (RPI / "facesdk.service").read_text(), re.MULTILINE)
    assert unit
    settings = re.findall(
        r"(?:serve='|set_option )(--.*)$", (RPI / "install.sh").read_text(), re.MULTILINE
    )
    used = set(re.findall(r"--[a-z-]+", f"{unit[1]} {' '.join(settings)}"))
    assert {"--gallery", "--token-file", "--host", "--tls", "--source"} <= used
    assert used <= options_of("serve")


@pytest.mark.parametrize("verb", ["enrol", "people"])
def test_the_verbs_of_the_readme_are_there(verb: str) -> None:
    lines = re.findall(rf"facesdk {verb} .*", (RPI / "README.md").read_text())
    assert lines
    assert set(re.findall(r"--[a-z-]+", " ".join(lines))) <= options_of(verb)
