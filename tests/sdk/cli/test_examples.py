"""Commands in helps can be copied: none is broken by the width of a terminal."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from facesdk.cli.examples import WIDTH, wrapped
from facesdk.cli.main import app
from tools.docs.options import verbs


def test_a_long_command_goes_on_after_a_backslash() -> None:
    command = "facesdk convert lce mine.keras -o mine.tflite --task recognition --mean 127.5 --x 1"
    text = wrapped(f"Words.\n\n    facesdk doctor\n\n    {command}\n")
    assert text.startswith("Words.\n\n    facesdk doctor\n\n    facesdk convert lce ")
    assert max(map(len, text.split("\n"))) <= WIDTH + 4
    (shown,) = [part for part in text.split("\n\n") if "convert" in part]
    assert " ".join(shown.replace("\\\n", " ").split()) == command


def test_what_fits_and_what_is_no_command_stays_as_it_is() -> None:
    text = "A sentence of more than " + "many " * 20 + "words.\n\n    facesdk doctor --json"
    assert wrapped(text) == text


def test_no_example_of_any_verb_is_broken_by_80_columns() -> None:
    found = {
        (verb, line.strip())
        for verb, command in verbs()
        for line in (command.help or "").split("\n")
        if line.startswith("    ") and len(line) > WIDTH + 4
    }
    assert found == set()


def test_the_help_shows_it_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(app, ["calibrate", "--help"]).stdout
    lines = [line.strip() for line in shown.split("\n")]
    place = lines.index("facesdk calibrate my.tflite staff.zip --fmr 0.01 --fmr 0.0001 \\")
    assert lines[place + 1] == "-o calibrated.tflite"


def test_no_help_swallows_what_its_options_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in brackets are words, no markup, and the helps of all verbs are laid out alike."""
    monkeypatch.setenv("COLUMNS", "600")
    swallowed = set()
    for verb, command in verbs():
        shown = CliRunner().invoke(app, [*verb.split(), "--help"]).stdout.replace("│", " ")
        words = " ".join(shown.split())
        for param in command.params:
            said = " ".join((getattr(param, "help", None) or "").replace("`", "").split())
            if said not in words and not getattr(param, "hidden", False):
                swallowed.add((verb, param.name))
    assert swallowed == set()
