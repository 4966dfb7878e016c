from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def titles(drawing: Path) -> set[str]:
    return set(re.findall(r">([a-z0-9-]+) \((?:weights|activations)\)<", drawing.read_text()))


@pytest.mark.slow
def test_the_committed_picture_shows_what_the_tool_draws(tmp_path: Path) -> None:
    target = tmp_path / "quantizers.svg"
    command = [sys.executable, "-m", "tools.experiments.plot_quantizers"]
    subprocess.run([*command, target], cwd=ROOT, check=True, capture_output=True)
    assert titles(target) == titles(ROOT / "docs" / "images" / "quantizers.svg")
    assert {"bnn", "bi-real", "xnor", "xnor-layer", "dorefa-1", "dorefa-2-abs"} <= titles(target)
