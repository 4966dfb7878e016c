"""Who may import whom: DESIGN's rules, read from the code and from a running process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "facesdk": ROOT / "sdk" / "facesdk",
    "facesdk_training": ROOT / "training" / "facesdk_training",
    "facesdk_converters": ROOT / "converters" / "facesdk_converters",
}
HEAVY = {"tensorflow", "tf_keras", "keras", "larq", "larq_compute_engine"}
FORBIDDEN = {
    "facesdk": {"facesdk_training", "facesdk_converters", *HEAVY},
    "facesdk_training": {"facesdk_converters"},
    "facesdk_converters": set(),
}


def imported(path: Path) -> set[str]:
    """Top-level modules a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    files = sorted(PACKAGES[package].rglob("*.py"))
    assert files
    offenders = {
        str(path.relative_to(ROOT)): bad
        for path in files
        if (bad := imported(path) & FORBIDDEN[package])
    }
    assert offenders == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["detect", "--help"],
        ["models", "--help"],
        ["bench", "--help"],
        ["bench", "model", "--help"],
        ["train", "--help"],
        ["convert", "--help"],
        ["data", "--help"],
    ],
)
def test_help_starts_without_tensorflow(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['facesdk', *{arguments!r}]\n"
        "from facesdk.cli.main import app\n"
        "try: app()\n"
        "except SystemExit as stop: assert stop.code == 0, stop.code\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("[]"), done.stdout[-200:]


def test_help_lists_the_verbs_of_other_packages() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "facesdk", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for verb in (
        "detect",
        "align",
        "embed",
        "verify",
        "models",
        "doctor",
        "demo",
        "evaluate",
        "calibrate",
        "bench",
        "data",
        "convert",
        "train",
    ):
        assert verb in done.stdout
