"""The page of training configurations is that of the code."""

from __future__ import annotations

from pathlib import Path

from tools.docs.configuration import page

PAGE = Path(__file__).parents[2] / "docs/train/configuration.md"


def test_the_page_is_generated_from_the_code() -> None:
    assert PAGE.read_text() == page(), "run python -m tools.docs.configuration > docs/train/..."
