"""The command line with the oldest libraries that pip lets in for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = ("platformdirs", "rich", "typer")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with which Python finds them before those of this environment."""
    declared = re.findall(
        r'^  "(\w+)>=([\d.]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    bounds = {name: bound for name, bound in declared if name in PURE}
    assert set(bounds) == set(PURE)
    folder = tmp_path_factory.mktemp("oldest")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    command += ["--target", str(folder)]
    wanted = [f"{name}=={bound}" for name, bound in bounds.items()]
    subprocess.run([*command, *wanted], check=True)
    return os.environ | {"PYTHONPATH": str(folder)}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )


def test_verbs_have_the_same_options(oldest: dict[str, str]) -> None:
    done = run(oldest, "tools.docs.options")
    assert done.stderr == ""
    assert done.stdout == (ROOT / "docs/use/options.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        ("--help", 0, "identify"),
        ("verify --help", 0, "--threshold"),
        ("train distill --help", 0, "--config"),
        ("verify", 2, "Missing argument 'A'"),
        ("detect --nonsense", 2, "--nonsense"),
        ("detect none.jpg --min-face 1", 2, "--min-face"),
        ("detect none.jpg --threads 1", 2, "none.jpg"),
        ("detect sdk/facesdk/samples/obama.jpg none.jpg", 2, "none.jpg"),
        ("models --json", 0, "compactfacenet-qb"),
    ],
)
def test_verbs_answer(oldest: dict[str, str], arguments: str, status: int, shown: str) -> None:
    done = run(oldest, "facesdk", *arguments.split())
    assert done.returncode == status
    assert shown in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == (status != 0)


def test_it_is_the_oldest_that_answers(oldest: dict[str, str]) -> None:
    report = run(oldest, "facesdk", "doctor").stdout
    bound = re.search(r'"typer>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert f"typer {bound}" in report
