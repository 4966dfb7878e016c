"""The page of JSON keys is that of the code."""

from __future__ import annotations

from pathlib import Path

from tools.docs.vocabulary import page

PAGE = Path(__file__).parents[2] / "docs/use/json.md"


def test_the_page_is_generated_from_the_code() -> None:
    assert PAGE.read_text() == page(), "run python -m tools.docs.vocabulary > docs/use/json.md"
