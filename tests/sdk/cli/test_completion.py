"""Completion of verbs and options in the shells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("facesdk")


def completed(shell: str, words: str) -> list[str]:
    """What a shell is told of the last of some words."""
    given = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    if shell != "bash":
        given = {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    environment = {**os.environ, **given, "_FACESDK_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([PROGRAM], capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("facesdk det", ["detect"]),
        ("facesdk mod", ["models"]),
        ("facesdk models sh", ["show"]),
        ("facesdk detect --min", ["--min-face", "--min-score"]),
        ("facesdk convert fixed", ["fixed-point"]),
    ],
)
def test_verbs_and_options_are_completed(words: str, wanted: list[str]) -> None:
    assert completed("bash", words) == wanted


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_line_of_help_too(shell: str) -> None:
    (line,) = completed(shell, "facesdk verif")
    assert "verify" in line and "same person" in line


def test_bash_itself_completes(tmp_path: Path) -> None:
    """The script that is installed, in a real shell."""
    command = [PROGRAM, "--show-completion", "bash"]
    # Typer looks for the shell among the processes above, and a test may have none there.
    told = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = subprocess.run(command, capture_output=True, text=True, check=True, env=told).stdout
    (tmp_path / "completion.sh").write_text(script)
    asked = (
        f"source {tmp_path}/completion.sh; complete -p facesdk; "
        f"COMP_WORDS=(facesdk ident); COMP_CWORD=1; _facesdk_completion {PROGRAM}; "
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "complete -o default -F _facesdk_completion facesdk",
        "identify",
    ]
