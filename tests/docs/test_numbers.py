"""Every page of figures says in its head, once, on which machine, when and by which command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "numbers"
PAGES = sorted(set(FOLDER.glob("*.md")) - {FOLDER / "index.md"})
EARLIER = "## Earlier"
DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


def parts(page: Path) -> list[str]:
    """The page up to its first "Earlier" section, and each of these sections."""
    return re.split(rf"^(?={EARLIER})", page.read_text(), flags=re.MULTILINE)


def head(part: str) -> str:
    """What stands before the part's first section of figures."""
    title, _, rest = part.partition("\n")
    return title + "\n" + re.split(r"^##", rest, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_begins_with_what_it_says_in_a_few_sentences(page: Path) -> None:
    summary = page.read_text().split("\n\n")[1]
    assert not summary.startswith(("|", "#", "```", "-")), "figures before their meaning"
    assert 80 < len(summary) < 600, f"{len(summary)} characters"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_nobody_outside_is_told_of_issues(page: Path) -> None:
    assert not re.search(r"\bissues? #?\d+|\(#\d+\)", page.read_text())


def rows(text: str, name: str) -> list[str]:
    return re.findall(rf"^\| {name} \| (.+) \|$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_one_date_one_machine_and_one_command(page: Path) -> None:
    for part in parts(page):
        title, top = part.splitlines()[0], head(part)
        assert len(rows(top, "machine")) == 1, title
        (date,) = rows(top, "date")
        assert DATE.fullmatch(date), f"{title}: one day, but {date}"
        assert len(rows(top, "command")) + top.count("```console") == 1, title
        assert set(DATE.findall(part)) == {date}, f"{title}: figures of other days"
        for name in ("date", "machine", "command"):
            assert len(rows(part, name)) == len(rows(top, name)), f"{title}: {name} said again"
