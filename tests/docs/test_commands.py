"""Commands on the pages are commands: the verb is there, and has the options that are given."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.docs.options import uses

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "rpi" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:console|sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHORT = {"-o", "-h"}


def options() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for use in uses():
        found[use.verb] |= set(use.name.split("/"))
    for verb in list(found):
        for words in range(1, len(verb.split())):
            found.setdefault(" ".join(verb.split()[:words]), set())
    found["bench"] |= found["bench model"]  # `facesdk bench MODEL` is `facesdk bench model MODEL`
    return found


OPTIONS = options()
NO_OPTIONS = {"schema", "train show-config", "compress methods"}
COMMON = {"--help", "--version", "--install-completion", "--show-completion"}


def commands(text: str) -> Iterator[str]:
    """Every call of facesdk in the blocks of a page, joined where it goes on in the next line."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            bare = re.sub(r"\s#\s.*", "", line)
            for part in re.split(r"[|;]|&&", bare):
                found = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ |sudo )*facesdk (.*)", part)
                if found:
                    yield found[1]


def wrong(command: str) -> str:
    words = command.split()
    verb = next(
        (
            name
            for size in (2, 1)
            if (name := " ".join(words[:size])) in OPTIONS or name in NO_OPTIONS
        ),
        "",
    )
    if not verb:
        return "" if words[0] in COMMON else "no such verb"
    given = {word.split("=")[0] for word in words if word.startswith("--") and len(word) > 2}
    unknown = given - OPTIONS.get(verb, set()) - COMMON
    if "--pack" in given and not re.search(r" -o \S+\.pack\b", command):
        return "--pack wants a name that ends in .pack"
    return f"{verb} has no {', '.join(sorted(unknown))}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_those_that_there_are(page: Path) -> None:
    found = [(command, wrong(command)) for command in commands(page.read_text())]
    assert [row for row in found if row[1]] == []


def test_the_commands_are_found_and_judged() -> None:
    assert len([*commands((ROOT / "README.md").read_text())]) >= 8
    assert wrong("verify a.jpg b.jpg --json --picture c.jpg") == ""
    assert wrong("verify a.jpg b.jpg --save c.jpg") == "verify has no --save"
    assert wrong("frobnicate") == "no such verb"
    assert wrong("convert float32 run -o a.tflite --pack").startswith("--pack wants")
    assert wrong("convert float32 run -o a.tflite.pack --pack") == ""
