"""The C program of the manual: compiled as it says, with the header and the installed library."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from native.support.workers import PATHS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "sdk" / "native" / "examples" / "convolve.c"


@pytest.fixture(scope="module")
def program(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("example") / "convolve"
    (line,) = re.findall(r"^ \* +(cc .*)$", SOURCE.read_text(), re.MULTILINE)
    assert line in (ROOT / "docs" / "use" / "operators.md").read_text()
    command = line.replace("path/to/libfacesdk_ops.so", str(library))
    command = command.replace("-o convolve", f"-o {built} -Wall -Wextra -Wpedantic -Werror")
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.parametrize("path", PATHS)
def test_example_prints_what_numpy_computes(
    program: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESDK_OPS_ISA", path)
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, *rows = done.stdout.splitlines()
    assert first.endswith(f" on {path}")

    image = np.arange(4 * 5 * 40) ** 2 % 7 - 3
    weights = np.arange(3 * 9 * 40) ** 2 % 11 - 5
    image = np.where(image < 0, -1, 1).reshape(4, 5, 40)
    weights = np.where(weights < 0, -1, 1).reshape(3, 3, 3, 40)
    padded = np.pad(image, [(1, 1), (1, 1), (0, 0)], constant_values=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    dots = np.einsum("yxcij,fijc->yxf", windows, weights)
    expected = dots * [0.5, 1.0, -0.25] + [0.0, 1.0, 2.0]
    printed = np.array([row.split() for row in rows], float).reshape(4, 5, 3)
    np.testing.assert_array_equal(printed, expected)


def test_example_tells_what_is_wrong(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_OPS_ISA", "avx9")
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "names the kernel path 'avx9', which does not exist" in done.stderr
