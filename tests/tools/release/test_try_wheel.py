"""The trial of a wheel sees what is wrong with an installation."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools.release.try_wheel import Installation, TrialError, use


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """This Python, with a stand-in for facesdk that reports what the file beside it says."""
    script = tmp_path / "facesdk.py"
    script.write_text(
        "import json, pathlib, sys\n"
        "answers = json.loads(pathlib.Path(__file__).with_name('answers.json').read_text())\n"
        "other = any('biden' in word for word in sys.argv)\n"
        "print(json.dumps(answers['other' if other else sys.argv[1]]))\n"
    )
    answer(tmp_path)
    python = [sys.executable, "-S"]  # without site-packages, hence without TensorFlow
    return Installation(python, [*python, str(script)], tmp_path, tmp_path, {"PATH": ""})


def answer(folder: Path, *, same: bool = True, other: bool = False, ops: str | None = None) -> None:
    """What the stand-in reports; with the defaults, what an installation must."""
    library = ops or str(folder / "libfacesdk_ops.so")
    report = {
        "runtime": {"name": "litert", "version": "1"},
        "ops": {"path": library, "available": ["portable"]},
    }
    answers = {"doctor": report, "verify": {"same": same}, "other": {"same": other}}
    (folder / "answers.json").write_text(json.dumps(answers))


def test_a_compiler_on_the_path_is_found(installation: Installation, tmp_path: Path) -> None:
    compiler = tmp_path / "gcc"
    compiler.touch(mode=0o755)
    with pytest.raises(TrialError, match=r"not clean: it has gcc$"):
        use(replace(installation, environment={"PATH": str(tmp_path)}))


def test_tensorflow_is_found(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "modules" / "tensorflow").mkdir(parents=True)
    (tmp_path / "modules" / "tensorflow" / "__init__.py").touch()
    environment = {"PATH": "", "PYTHONPATH": str(tmp_path / "modules")}
    with pytest.raises(TrialError, match=r"not clean: it has tensorflow$"):
        use(replace(installation, environment=environment))


def test_another_operator_library_is_found(installation: Installation, tmp_path: Path) -> None:
    answer(tmp_path, ops="/elsewhere/libfacesdk_ops.so")
    with pytest.raises(TrialError, match="not the wheel's: /elsewhere"):
        use(installation)


@pytest.mark.parametrize(("same", "other", "photo"), [(False, False, "2"), (True, True, "biden")])
def test_a_wrong_verdict_is_found(
    installation: Installation, tmp_path: Path, same: bool, other: bool, photo: str
) -> None:
    answer(tmp_path, same=same, other=other)
    with pytest.raises(TrialError, match=rf"wrong answer for .*{photo}\.jpg$"):
        use(installation)


def test_a_command_that_fails_is_reported(installation: Installation) -> None:
    (installation.folder / "answers.json").unlink()
    with pytest.raises(TrialError, match="status 1: FileNotFoundError"):
        use(installation)
