"""Paths are looked at before TensorFlow, which takes seconds, is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from facesdk.cli.main import app
try:
    app(sys.argv[1:], standalone_mode=False)
except BaseException as error:
    print(type(error).__name__, error, file=sys.stderr)
print(sorted({"tensorflow", "torch", "larq"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothere.keras", "-o", "x.tflite"], "nothere.keras does not exist"),
        (["here.keras", "-o", "x.tflite", "--verify-on", "none"], "none does not exist"),
    ],
)
def test_a_path_that_is_not_there_is_said_at_once(
    words: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "here.keras").touch()
    done = subprocess.run(
        [sys.executable, "-c", CODE, "convert", "lce", *words],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert message in done.stderr
    assert done.stdout == "[]\n"
