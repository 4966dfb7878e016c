"""What starts without what: the help without arrays, the device side without TensorFlow."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import facesdk
from facesdk.cli.main import LINES, VERBS
from facesdk.cli.plugins import command_at
from sdk.command import run_forked

FRAMEWORKS = {"tensorflow", "tf_keras", "keras", "larq", "larq_compute_engine", "torch"}
ARRAYS = {"numpy", "cv2", "PIL", "ai_edge_litert", "tflite_runtime"}


def loaded(script: str, names: set[str]) -> str:
    """Which of some modules a program has imported at its end."""
    script += f"\nimport sys; print(sorted(set(sys.modules) & {names!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip().splitlines()[-1]


def run_of(*arguments: str) -> str:
    return (
        f"import sys; sys.argv = ['facesdk', *{arguments!r}]\n"
        "from facesdk.cli.main import app\n"
        "try: app()\n"
        "except SystemExit as stop: assert stop.code == 0, stop.code"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["detect", "--help"],
        ["models", "--help"],
        ["bench", "--help"],
        ["bench", "model", "--help"],
        ["train", "--help"],
        ["convert", "--help"],
        ["data", "--help"],
    ],
)
def test_help_starts_without_tensorflow(arguments: list[str]) -> None:
    assert loaded(run_of(*arguments), FRAMEWORKS) == "[]"


@pytest.mark.parametrize(
    "verb", [[], ["verify"], ["models", "show"], ["bench", "model"], ["evaluate", "lfw"]]
)
def test_h_is_help(verb: list[str]) -> None:
    shown = []
    for option in ("-h", "--help"):
        done = run_forked(*verb, option)
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_help_of_the_root_needs_no_array(option: str) -> None:
    assert loaded(run_of(option), ARRAYS) == "[]"


def test_facesdk_is_imported_without_an_array() -> None:
    assert (
        loaded("import facesdk; dir(facesdk); facesdk.errors; facesdk.__version__", ARRAYS) == "[]"
    )


def test_every_public_name_is_found_and_listed() -> None:
    assert set(facesdk.__all__) <= set(dir(facesdk))
    for name in facesdk.__all__:
        assert getattr(facesdk, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facesdk.nothing  # noqa: B018


def test_help_lists_every_verb_with_its_own_words() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "facesdk", "--help"],
        capture_output=True,
        text=True,
        env={"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    homes = {point.name: point.value for point in entry_points(group="facesdk.commands")}
    assert set(LINES) <= set(homes)
    lines = {**LINES, **{verb.name: verb.line for verb in VERBS}}
    homes |= {verb.name: verb.home for verb in VERBS}
    for name, line in lines.items():
        command = command_at(homes[name])
        first = inspect.cleandoc(command.help).split("\n\n")[0].replace("\n", " ")
        assert first == line
        assert f"{name} " in done.stdout
        assert line.replace("`", "") in done.stdout


def test_flags_show_no_type_as_they_take_no_value() -> None:
    for verb in ([], ["verify"], ["models", "show"], ["bench", "model"], ["train", "run"]):
        done = run_forked(*verb, "--help")
        assert done.returncode == 0, done.stderr
        assert "--help" in done.stdout
        assert "bool" not in done.stdout.lower()
