"""One list of options: the page is that of the verbs, and a name is one thing in all of them."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tools.docs.options import Use, declared, page, uses, verbs

PAGE = Path(__file__).parents[2] / "docs/use/options.md"

NAME = re.compile(r"--[a-z0-9]+(-[a-z0-9]+)*|-[a-zA-Z]")

WRITES = re.compile(r"(Also )?(Write|Save|Store|Draw|Folder (of|for)|Keep the)\b.*")
WRITTEN = {
    "--output",
    "--picture",
    "--report",
    "--save-embeddings",
    "--snapshots",
    "--cache",
}
"""Where something is written: what the verb makes, and what it makes besides."""


@pytest.fixture(scope="module")
def options() -> tuple[Use, ...]:
    return uses()


def test_the_page_is_generated_from_the_verbs() -> None:
    assert PAGE.read_text() == page(), "run python -m tools.docs.options > docs/use/options.md"


def test_the_list_reaches_verbs_of_all_packages(options: tuple[Use, ...]) -> None:
    assert {"verify", "models edit", "convert lce", "train run", "compress"} <= {
        option.verb for option in options
    }


def test_every_option_is_named_where_it_is_declared() -> None:
    """Else Typer names it after its parameter, and not every version does so in the same way.

    Versions 0.27 name ``config`` of the metavar ``CONFIG`` ``--CONFIG``.
    """
    found = {
        (verb, *param.opts, *param.secondary_opts): _names(declared(command)[param.name])
        for verb, command in verbs()
        for param in command.params
        if param.param_type_name == "option" and param.name in declared(command)
    }
    assert len(found) > 400
    assert [use for use, names in found.items() if set(use[1:]) != names] == []
    names = set().union(*found.values())
    assert [name for name in names if not NAME.fullmatch(name)] == []


def _names(parameter: inspect.Parameter) -> set[str]:
    """The names in ``Annotated[..., typer.Option(NAME, ...)]``; Typer has the first as default."""
    options = getattr(parameter.annotation, "__metadata__", ())
    words = [word for option in options for word in (option.default, *(option.param_decls or ()))]
    return {name for word in words if isinstance(word, str) for name in word.split("/")}


def test_an_option_is_a_flag_a_number_or_a_text_in_every_verb(options: tuple[Use, ...]) -> None:
    kinds = defaultdict(set)
    for option in options:
        for name in option.name.split("/"):
            kinds[name].add(option.kind.replace("path", "text"))
    assert {name: kind for name, kind in kinds.items() if len(kind) > 1} == {}


def test_what_is_written_goes_where_the_same_names_say(options: tuple[Use, ...]) -> None:
    others = {
        (option.verb, option.name)
        for option in options
        if option.kind == "path" and WRITES.match(option.line) and option.name not in WRITTEN
    }
    assert others == set()


def test_a_flag_shows_no_value(options: tuple[Use, ...]) -> None:
    flags = [option for option in options if option.kind == "flag"]
    assert flags
    assert [option for option in flags if option.shown] == []


def test_one_word_for_a_photo_and_for_what_a_model_was_trained_on(
    options: tuple[Use, ...],
) -> None:
    names = {option.name for option in options}
    assert names & {"--image", "--images", "--training-data"}
    assert not names & {"--photo", "--photos", "--img", "--description", "--out", "--dest"}
