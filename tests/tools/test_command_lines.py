"""Every tool is run from the root of the repository, by ``python -m``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for path in (ROOT / "tools").rglob("*.py")
    if '\nif __name__ == "__main__":' in path.read_text()
)
# Each tool runs in a process of its own, forked where the libraries are imported already.
RUN_EACH = """
import gc, os, runpy, sys
import facesdk_converters.convert, facesdk_training.keras.trainer
import matplotlib.pyplot, skimage.data, sklearn.datasets
gc.freeze()
folder, *tools = sys.argv[1:]
for tool in tools:
    if child := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        open(f"{folder}/{tool}.status", "w").write(str(status))
        continue
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{tool}.{name}", os.O_WRONLY | os.O_CREAT), stream)
    sys.argv, status = [tool, "--help"], 0
    try:
        runpy.run_module(tool, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
    sys.stdout.flush()
    os._exit(status)
"""


@pytest.fixture(scope="module")
def helps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Status and output of each tool, and what all of them leave in the working directory."""
    results, work = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("work")
    subprocess.run(
        [sys.executable, "-c", RUN_EACH, str(results), *TOOLS],
        cwd=work, env={"PYTHONPATH": str(ROOT), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
    )  # fmt: skip
    read = {path.name: path.read_text() for path in results.iterdir()}
    return {**read, "left": [path.name for path in work.iterdir()]}


def test_there_are_tools() -> None:
    assert {"tools.bench.ops", "tools.peers.compare", "tools.release.build_wheels"} <= set(TOOLS)


@pytest.mark.parametrize("module", TOOLS)
def test_help_says_what_a_tool_is_for_and_does_nothing(module: str, helps: dict[str, Any]) -> None:
    assert helps[f"{module}.status"] == "0", helps[f"{module}.err"]
    assert helps[f"{module}.out"].startswith("usage: ")
    assert len(helps[f"{module}.out"].splitlines()) > 4
    assert helps["left"] == []
