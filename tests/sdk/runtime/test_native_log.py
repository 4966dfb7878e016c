"""No line of a runtime's own comes out of the Python API."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runtimes import RUNTIMES

USE = """
import os, sys
from facesdk import FaceEngine
from facesdk.samples import OBAMA
FaceEngine.load(min_face=150).embed(OBAMA)
"""
SAY = """
import os
from facesdk.runtime.native_log import without_greeting
with without_greeting():
    os.write(2, b"before\\nINFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\nafter\\n")
with without_greeting():
    os.write(2, b"later\\n")
"""


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "FACESDK_DEBUG"}
    return subprocess.run(
        [sys.executable, "-c", script], env={**env, **environment}, capture_output=True, text=True
    )


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_engine_writes_nothing(runtime: str) -> None:
    done = run(USE, FACESDK_RUNTIME=runtime)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_line_is_there_for_who_looks_for_faults() -> None:
    assert "XNNPACK" in run(USE, FACESDK_DEBUG="1").stderr


def test_only_that_line_is_dropped() -> None:
    assert run(SAY).stderr == "before\nafter\nlater\n"


def test_a_failure_passes_and_what_it_wrote_too() -> None:
    done = run(
        "import os, re\n"
        "from facesdk.runtime.native_log import without_lines\n"
        "with without_lines(re.compile(rb'noise: .*\\n')) as found:\n"
        "    os.write(2, b'noise: 1\\nreason\\n')\n"
        "    raise SystemExit(3)\n"
    )
    assert (done.returncode, done.stderr) == (3, "reason\n")


def test_a_closed_descriptor_is_no_fault() -> None:
    done = run("import os; os.close(2)\n" + USE)
    assert done.returncode == 0


def test_nowhere_to_put_the_lines_is_no_fault() -> None:
    done = run("import tempfile; tempfile.tempdir = '/nowhere'\n" + USE)
    assert done.returncode == 0, done.stderr
    assert "XNNPACK" in done.stderr
