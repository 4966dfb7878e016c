"""The verbs of ``facesdk convert``: their options arrive, and each target has one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts import other
from facesdk.cli.main import app as facesdk
from facesdk_converters.cli.convert import app
from facesdk_converters.convert import Request
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.sources.facts import Facts
from facesdk_converters.targets import registry
from facesdk_converters.targets.target import Target

PAGE = Path(__file__).parents[3] / "docs" / "train" / "convert.md"
CONTRACT = other(None, None)
OWN = {
    "lce": ([], ""),
    "float32": ([], ""),
    "float16": ([], ""),
    "binary-weights": (["--activations", "8"], "--activations 8"),
    "fixed-point": (
        ["--bits", "4", "--activations", "32", "--filter-scales", "power-of-two"]
        + ["--storage", "int8", "--calibrate-on", "faces", "--ranges", "least-squares"],
        "bits=4 activations=32 filter-scales=power-of-two storage=int8 ranges=least-squares",
    ),
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Request, Target]]:
    """What verbs ask for, instead of what comes of it, in a folder that has what options name."""
    for name in ("at", "faces"):
        (tmp_path / name).mkdir()
    (tmp_path / "net.h5").touch()
    monkeypatch.chdir(tmp_path)
    found: list[tuple[Request, Target]] = []

    def convert(request: Request, target: Target, *, progress: Any) -> Converted:
        found.append((request, target))
        return Converted(request.output, 1, CONTRACT, None)

    monkeypatch.setattr("facesdk_converters.convert.convert", convert)
    return found


@pytest.mark.parametrize("verb", OWN)
def test_every_option_of_every_verb_arrives(verb: str, calls: list[tuple[Request, Target]]) -> None:
    own, options = OWN[verb]
    arguments = [
        *("net.h5", "-o", "net.tflite", "--custom", "a:B", "--custom", "c:D", "--verify-on", "at"),
        "--trust",
        *("--explain", "--pack", "--name", "n", "--task", "recognition", "--color", "BGR"),
        *("--mean", "1", "--scale", "2", "--license", "l", "--training-data", "t", *own),
    ]
    done = CliRunner().invoke(app, [verb, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    ((request, target),) = calls
    facts = Facts("n", "recognition", "BGR", 1.0, 2.0, "l", "t")
    assert request == Request(
        Path("net.h5"), Path("net.tflite"), ("a:B", "c:D"), True, facts,
        verify=True, verify_on=Path("at"), explain=True, pack=True,
    )  # fmt: skip
    assert (target.name, target.options) == (verb, options)


@pytest.mark.parametrize("verb", OWN)
def test_without_options_a_verb_asks_for_the_plain_file(
    verb: str, calls: list[tuple[Request, Target]]
) -> None:
    arguments = [verb, "net.h5", "--output", "net.tflite", "--no-verify"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    ((request, _),) = calls
    assert request == Request(Path("net.h5"), Path("net.tflite"), verify=False)


@pytest.mark.parametrize("verb", ["lce", "binary-weights"])
@pytest.mark.parametrize(
    ("given", "expected"), [([], None), (["--float16"], "all"), (["--float16-head"], "head")]
)
def test_float_weights_are_stored_as_asked_for(
    verb: str, given: list[str], expected: str | None, calls: list[tuple[Request, Target]]
) -> None:
    arguments = [verb, "net.h5", "--output", "net.tflite", *given]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert [request.float16 for request, _ in calls] == [expected]


@pytest.mark.parametrize("verb", ["lce", "binary-weights"])
def test_float16_of_all_layers_and_of_the_head_exclude_each_other(
    verb: str, calls: list[tuple[Request, Target]]
) -> None:
    options = ["--float16", "--float16-head"]
    done = CliRunner().invoke(facesdk, ["convert", verb, "net.h5", "-o", "net.tflite", *options])
    assert done.exit_code == 2
    assert "--float16 and --float16-head exclude each other" in done.stderr
    assert calls == []


@pytest.mark.parametrize("words", [["convert", "lce"], ["evaluate", "folder"]])
def test_help_says_that_custom_objects_and_trusted_files_run_code(words: list[str]) -> None:
    done = CliRunner().invoke(facesdk, [*words, "--help"], env={"COLUMNS": "200"})
    said = " ".join(done.output.replace("│", " ").split())
    assert "Its module is imported: its code runs." in said
    assert "a Keras model with the code inside it" in said


@pytest.mark.parametrize(
    ("verb", "taken"),
    [("lce", False), ("float16", False), ("float32", True), ("binary-weights", True)],
)
def test_help_lists_what_a_target_takes(verb: str, taken: bool) -> None:
    done = CliRunner().invoke(facesdk, ["convert", verb, "--help"], env={"COLUMNS": "200"})
    line = next(line for line in done.output.splitlines() if "Run of facesdk train" in line)
    assert ".onnx" in line and "SavedModel" in line
    assert ("float32 .tflite file" in line) is taken


def test_each_target_has_a_verb_of_its_name_and_a_place_in_the_docs() -> None:
    verbs = {row.name or row.callback.__name__ for row in app.registered_commands if row.callback}
    of_detectors = {"mtcnn", "blazeface", "finder", "yunet"}
    assert verbs - of_detectors - {"explain"} == registry.TARGETS.keys() == OWN.keys()
    words = set(re.findall(r"[\w-]+", PAGE.read_text()))
    assert registry.TARGETS.keys() <= words


def test_help_keeps_each_example_on_lines_of_its_own() -> None:
    done = CliRunner().invoke(app, ["fixed-point", "--help"], env={"COLUMNS": "120"})
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert (
        "facesdk convert fixed-point run -o w.tflite --calibrate-on faces/ --ranges least-squares"
        in lines
    )
