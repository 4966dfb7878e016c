"""Rates are "per", and what comes later is "after": two habits that readers stumbled over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "rpi" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

THINGS = "person|channel|thread|processor|shard|weight|layer|crop|validation|face|photo|row|picture"
RATE = re.compile(
    rf"\b(?:one|bits|bytes|seconds|ms|crops|photos|line|row|scenes|templates) an? (?:{THINGS})\b"
    r"(?! (?:of|on|with|that|takes|is|has|from|in|at|and|by|to))"
)
ORDER = re.compile(
    r"\bbehind (?:a (?:convolution|sum|pool|network|map)|batch normalisation|normalisation|P?ReLU|"
    r"an? activation|them stay|it would|each layer|O-Net)\b"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_rates_are_per_and_order_is_after(page: Path) -> None:
    text = " ".join(page.read_text().split())
    assert [found[0] for found in RATE.finditer(text)] == []
    assert [found[0] for found in ORDER.finditer(text)] == []


NAMED = {
    r"\b[Tt]he paper(?:'s)?\b": r"Zhou|architectures\.md|FaceResNet paper",
    r"\b[Tt]he patent(?:'s)?\b": r"CN107480770A",
}
"""What is spoken of as if the reader knew it, and what must stand before it on the page."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_paper_and_a_patent_are_named_before_they_are_spoken_of(page: Path) -> None:
    text = page.read_text()
    for spoken, name in NAMED.items():
        first = re.search(spoken, text)
        if first:
            line = text.find("\n\n", first.start())
            assert re.search(name, text[: line if line > 0 else None]), first[0]
