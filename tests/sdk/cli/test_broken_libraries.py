"""A library that is missing or broken: status 3 and one line, never a verdict or a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from facesdk import samples

PHOTOS = (str(samples.OBAMA), str(samples.BIDEN))
NOISY = "import sys, warnings; warnings.warn('advice'); sys.stderr.write('a\\nb\\n'); print('c')\n"
GONE = "raise ImportError('libwhole.so.0: cannot open shared object file: No such file')\n"


def python(
    folder: Path, *arguments: str, status: int, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python where the libraries of a folder take the place of the installed ones."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
    )
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def broken(folder: Path, *packages: str, content: str = NOISY + GONE) -> Path:
    for package in packages:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(content)
    return folder


@pytest.mark.parametrize(
    ("package", "name"),
    [("numpy", "numpy"), ("PIL", "pillow"), ("ai_edge_litert", "ai-edge-litert")],
)
def test_a_broken_library_is_one_line_and_status_3(package: str, name: str, tmp_path: Path) -> None:
    broken(tmp_path, package)
    environment = {"FACESDK_RUNTIME": "litert"}
    for verb in (["verify", *PHOTOS], ["detect", PHOTOS[0]]):
        done = python(tmp_path, "-m", "facesdk", *verb, status=3, **environment)
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"facesdk: {name} ")
        assert "apt-file search libwhole.so.0" in done.stderr
    done = python(tmp_path, "-m", "facesdk", "doctor", "--json", status=3, **environment)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert any(problem.startswith(f"{name} ") for problem in report["problems"])
    assert len(report["problems"]) == len(set(report["problems"]))
    assert report["cpu"]["threads"] >= 1
    assert {row["runs"] for row in report["models"]} == {package == "PIL"}
    if name in report["libraries"]:
        assert report["libraries"][name] is None
        assert report["libraries"]["rich"]


@pytest.mark.parametrize("content", ["\0" * 1000, "this is no Python"], ids=["zeros", "words"])
@pytest.mark.parametrize("package", ["numpy", "typer"])
def test_a_library_that_cannot_be_compiled_is_one_line(
    package: str, content: str, tmp_path: Path
) -> None:
    """As a disk that was full, or a copy that broke off, leaves files."""
    broken(tmp_path, package, content=content)
    done = python(tmp_path, "-m", "facesdk", "verify", *PHOTOS, status=3)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"facesdk: {package} ")
    assert f"pip install --force-reinstall --no-deps {package}" in done.stderr


def test_the_version_and_the_help_need_no_library(tmp_path: Path) -> None:
    broken(tmp_path, "numpy", "PIL", "cv2", "ai_edge_litert", "tflite_runtime", "platformdirs")
    for option in ("--version", "--help"):
        assert python(tmp_path, "-m", "facesdk", option, status=0).stderr == ""
    assert python(tmp_path, "-c", "import facesdk; facesdk.errors", status=0).stderr == ""


def test_the_command_line_itself_cannot_be_loaded(tmp_path: Path) -> None:
    broken(tmp_path, "typer", content=GONE)
    done = python(tmp_path, "-m", "facesdk", "doctor", status=3)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("facesdk: typer ")


def test_python_code_gets_the_same_error(tmp_path: Path) -> None:
    broken(tmp_path, "PIL", content=GONE)
    script = (
        "import facesdk\n"
        "try: facesdk.FaceEngine\n"
        "except facesdk.errors.DependencyError as error: print(error)"
    )
    done = python(tmp_path, "-c", script, status=0)
    assert done.stdout.startswith("pillow ")
    assert done.stderr == ""


def test_a_bug_of_ours_is_not_taken_for_a_broken_library(tmp_path: Path) -> None:
    script = (
        "from facesdk.cli import failures\n"
        "with failures.ending_the_process(): import facesdk.no_such_module"
    )
    done = python(tmp_path, "-c", script, status=70)
    assert done.stderr.startswith("facesdk: internal error, please report it: ModuleNotFoundError")
    assert done.stderr.count("\n") == 1


def test_a_damaged_operator_library_has_a_remedy(tmp_path: Path) -> None:
    library = tmp_path / "libfacesdk_ops.so"
    library.write_bytes(b"\x7fELF" + bytes(4096))
    done = python(
        tmp_path, "-m", "facesdk", "verify", *PHOTOS, status=3, FACESDK_OPS_LIBRARY=str(library)
    )
    assert done.stderr.count("\n") == 1
    assert "install a facesdk wheel for this platform" in done.stderr


def test_a_broken_library_of_an_extra_is_shown_by_doctor_and_stops_no_other_verb(
    tmp_path: Path,
) -> None:
    """OpenCV is for cameras: what does not need it works without it."""
    broken(tmp_path, "cv2")
    report = json.loads(
        python(tmp_path, "-m", "facesdk", "doctor", "--json", status=3).stdout,
    )
    (problem,) = report["problems"]
    assert problem.startswith("opencv-python") and "apt-file search libwhole.so.0" in problem
    assert all(row["runs"] for row in report["models"])
    assert [name for name, version in report["libraries"].items() if version is None] == [
        problem.split()[0]
    ]
    python(tmp_path, "-m", "facesdk", "verify", *PHOTOS, status=1)
