"""One list of options: the page is that of the verbs, and a name is one thing in all of them."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tools.docs.options import Use, page, uses

PAGE = Path(__file__).parents[2] / "docs/use/options.md"

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
