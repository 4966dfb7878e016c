"""The C program of docs/use/embed.md runs a whole model on Android's runtime, as Python does.

There is no package of the runtime's C library for a desktop: this is the x86_64 library of its AAR,
which runs here on the shim that the tests of the Java API use.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from android_demo.ci import packaging, project
from android_demo.ci.fetching import fetch
from android_demo.ci.host import shim
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_library import library_path

SOURCE = project.ROOT / "sdk" / "native" / "examples" / "run_model.c"
PAGE = project.ROOT / "docs" / "use" / "embed.md"

pytestmark = [pytest.mark.slow, pytest.mark.android]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("program") / "run_model"
    (line,) = re.findall(r"^ \* +(cc .*)$", SOURCE.read_text(), re.MULTILINE)
    assert line in PAGE.read_text()
    command = line.replace("path/to/libfacesdk_ops.so", str(library_path()))
    command = command.replace("-o run_model", f"-o {made} -Wextra -Wpedantic -Werror")
    subprocess.run(shlex.split(command), cwd=project.ROOT, check=True)
    return made


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runtime")
    packaging.platform(fetch(project.GROUPS), folder)
    library = folder / "jni" / "x86_64" / project.RUNTIME_LIBRARY
    return ":".join(map(str, (*shim.make(folder / "shim", [library]), library)))


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120)


@pytest.mark.parametrize("name", ["compactfacenet-qb", "mtcnn-rnet"])
def test_it_computes_what_python_computes(
    program: Path, runtime: str, name: str, tmp_path: Path
) -> None:
    path = registry.resolve(name)
    interpreter = Interpreter(ModelBundle.load(path))
    cosines = []
    for seed in range(7):
        image = np.random.default_rng(seed).normal(size=interpreter.input_shapes[0]).astype("<f4")
        (tmp_path / "input").write_bytes(image.tobytes())
        done = run(program, runtime, path, tmp_path / "input")
        assert done.returncode == 0, done.stderr
        found = np.frombuffer(done.stdout, "<f4")
        wanted = interpreter.run(image)[0].ravel()
        assert found.shape == wanted.shape
        cosines.append(found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted))
    assert min(cosines) > 0.9  # without XNNPACK rounding differs, and now and then turns a sign
    assert sorted(cosines)[2] > 0.9999


def test_what_is_wrong_is_one_line(program: Path, runtime: str, tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"1234")
    model = registry.resolve("mtcnn-rnet")
    for arguments, words in (
        ((runtime, model, tmp_path / "short"), b"the input must have 6912 bytes, but has 4"),
        ((runtime, tmp_path / "short", tmp_path / "short"), b"the model cannot be read"),
        (("nowhere.so", model, tmp_path / "short"), b"nowhere.so"),
        ((), b"usage: run_model"),
    ):
        done = run(program, *arguments)
        assert done.returncode == 1
        assert words in done.stderr
        assert done.stdout == b""
