"""The distribution is facesdk-edge everywhere: ``facesdk`` on the package index is a stranger's."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

import facesdk

ROOT = Path(__file__).parents[2]
STRANGER = re.compile(
    r"pip3? install [^`\n]*(?<![\w./-])facesdk(?![\w/-])|\bfacesdk\[\w|\bfacesdk-\d[\d.]*-py3"
)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("pip install facesdk", True),
        ("pip install 'facesdk[train]'", True),
        ("pip install -U facesdk==0.1", True),
        ("pip install facesdk-0.1.0-py3-none-any.whl", True),
        ("pip install 'facesdk-edge[train]'", False),
        ("pip install facesdk_edge-0.1.0-py3-none-any.whl", False),
    ],
)
def test_a_line_that_installs_the_stranger_is_seen(text: str, wrong: bool) -> None:
    assert bool(STRANGER.search(text)) == wrong


def test_no_line_installs_the_stranger() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = []
    for name in listed.stdout.split("\0")[:-1]:
        path = ROOT / name
        if path == Path(__file__) or not path.is_file() or path.stat().st_size > 1_000_000:
            continue
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{name}: {match[0]}" for match in STRANGER.finditer(text)]
    assert found == []


def test_the_version_is_that_of_the_distribution() -> None:
    assert facesdk.__version__ == version("facesdk-edge")
