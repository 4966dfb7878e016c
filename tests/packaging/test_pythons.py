"""The versions of Python that pip lets in are those that are named."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text()


def test_classifiers_and_pages_name_the_versions_that_pip_lets_in() -> None:
    (wanted,) = re.findall(r'^requires-python = "(.*)"$', PROJECT, re.MULTILINE)
    allowed = [minor for minor in range(30) if SpecifierSet(wanted).contains(f"3.{minor}")]
    named = re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', PROJECT)
    assert list(map(int, named)) == allowed
    install = (ROOT / "docs/use/install.md").read_text()
    assert install.count(f"3.{allowed[0]} to 3.{allowed[-1]}") == 2
