"""Threads, forks, resizing, unloading: no crash, no hang, no leak, and always the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from native.support.lifecycle import MODELS, USES
from native.support.operator_models import RUNTIMES

TESTS = Path(__file__).parents[1]
TIME_LIMIT = 300  # seconds; a hang, not a slow machine


@pytest.mark.parametrize(
    "runtime",
    [
        runtime if runtime == RUNTIMES[-1] else pytest.param(runtime, marks=pytest.mark.slow)
        for runtime in RUNTIMES
    ],
)
@pytest.mark.parametrize("use", USES)
def test_hard_use(library: Path, use: str, runtime: str) -> None:
    command = [sys.executable, "-m", "native.support.lifecycle", use, runtime, str(library)]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=TIME_LIMIT)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-2000:]}"
    assert done.stdout.strip() == "done"


def test_the_models_depend_on_their_images() -> None:
    for model in MODELS:
        assert len(np.unique(model.image())) > 2
        assert model.image().tobytes() != model.resized(1, 40, 33).image().tobytes()
