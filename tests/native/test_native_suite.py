"""The C tests and fuzzers, built with the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "sdk" / "native"


@pytest.mark.slow
def test_c_suite_under_sanitizers(tmp_path: Path) -> None:
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    cmake, ctest = (shutil.which(tool, path=folders) for tool in ("cmake", "ctest"))
    assert cmake, "cmake is needed: pip install cmake"
    assert ctest, "ctest comes with cmake: pip install cmake"
    options = ["-DFACESDK_TESTS=ON", "-DFACESDK_SANITIZE=ON", "-DFACESDK_WERROR=ON"]
    for command in (
        [cmake, "-S", str(SOURCE), "-B", str(tmp_path), *options],
        [cmake, "--build", str(tmp_path), "--parallel", "2"],
        [ctest, "--test-dir", str(tmp_path), "--output-on-failure"],
    ):
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
