"""The page of dependencies has a row, with a reason, for each requirement of the package."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


def test_every_dependency_has_a_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.match(r"[\w-]+", requirement)[0] for each in lists for requirement in each}
    page = (ROOT / "docs" / "build" / "dependencies.md").read_text()
    rows = " ".join(line for line in page.splitlines() if line.startswith("|"))
    words = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", rows.lower()))
    assert names - {project["name"]} - words == set()
